"""Lanes: tasks that run several items of a loop each, where there are too many for a task each.

Up to ``LANES`` items have a task of their own, among ``finally`` steps up to ``concurrency``;
above, task k of n runs the items k, k + n, … (:mod:`flowc_shim.runner.lanes`). How many tasks there
are is the answer of the unit that opens the loop. So there is one template, and the scope of a task
says which of how many it is: ``3~500``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flowc.ir.build_plan import MAX_ITEMS
from flowc.ir.layout import SPARE_DEATHS
from flowc_shim.contract.policies import Budget, Retry
from flowc_shim.runner.keys import LANE
from flowc_targets.argo.limits import LANES

if TYPE_CHECKING:
    from flowc.ir.layout import LoopFacts, Unit


def lane_scope(item: str, facts: LoopFacts) -> str:
    """Return the scope of a task of a loop, ``item`` being that of an item."""
    if not facts.in_lanes(LANES):
        return item
    return f"{item}{LANE}{{{{inputs.parameters.count}}}}"


def items_per_task(facts: LoopFacts) -> int:
    """Return the most items that a task of the loop runs."""
    if not facts.in_lanes(LANES):
        return 1
    most = MAX_ITEMS if facts.count is None else facts.count
    return -(-most // min(facts.concurrency, LANES))


def tasks_of(facts: LoopFacts) -> int | None:
    """Return how many tasks a loop has, None if its items are not known."""
    if facts.count is None or not facts.in_lanes(LANES):
        return facts.count
    return min(facts.concurrency, LANES)


def as_lane(unit: Unit, facts: LoopFacts | None) -> Unit:
    """Return the unit with what a task may take that runs many items with it."""
    if facts is None or not facts.in_lanes(LANES):
        return unit
    times = min(items_per_task(facts), SPARE_DEATHS)
    retry = Retry(
        _times(unit.retry.user, times),
        _times(unit.retry.platform, times),
        _times(unit.retry.timeout, times),
    )
    bound = unit.time_bound
    return replace(
        unit, retry=retry, time_bound=None if bound is None else bound * items_per_task(facts)
    )


def _times(budget: Budget, times: int) -> Budget:
    return replace(budget, max=budget.max * times)
