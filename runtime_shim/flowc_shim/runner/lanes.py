"""Lanes: one process that runs many items of a loop, one after the other.

Lane k of n runs the items k, k + n, k + 2n, …: nothing has to be claimed, no more than n items run
at a time, and a lane that is started again goes on with what is not decided. When a part of its
items is decided, a *roll-up* says so in one row, so that a join of 25,000 items reads at most
``MOST_ROLLUPS`` of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_shim.contract.steps import PlanLoop, PlanUnit
from flowc_shim.contract.verdict import Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc_shim.runner.keys import Indices
    from flowc_shim.runner.runtime import Runtime

MOST_ROLLUPS = 500
"""Rows that a join reads for the items of a loop that were run in lanes."""

READ_TOGETHER = 64
"""Roll-ups that are read at a time; each may hold the results of hundreds of items."""


def run_lane(
    runtime: Runtime,
    unit: PlanUnit,
    indices: Indices,
    lanes: int,
    run_item: Callable[[Runtime, PlanUnit, Indices], Verdict],
) -> Verdict:
    """Run the items of lane ``indices[-1]`` of ``lanes`` and return the worst of their verdicts.

    An item whose next attempt is due later does not hold up the others: the verdict is then
    ``retry``, and what was decided by that time is not run again.
    """
    outer, lane = indices[:-1], indices[-1]
    count = runtime.loop_record(unit.scope, outer).count
    if count <= lanes:
        return run_item(runtime, unit, indices)
    verdicts = []
    for part, items in enumerate(parts_of(lane, lanes, count)):
        verdicts.append(_run_part(runtime, unit, outer, lane, part, items, run_item))
    later = [verdict for verdict in verdicts if verdict.status is Status.RETRY]
    return min(later, key=lambda v: v.retry_wait) if later else worst(verdicts)


def _run_part(
    runtime: Runtime,
    unit: PlanUnit,
    outer: Indices,
    lane: int,
    part: int,
    items: range,
    run_item: Callable[[Runtime, PlanUnit, Indices], Verdict],
) -> Verdict:
    journal = runtime.journal
    if journal.read_rollups(outer, unit.scope, [(lane, part)]):
        return Verdict(Status.DONE)  # a failure among them was said when it happened
    places = [((*outer, item), step) for item in items for step in unit.steps]
    journal.records(places)
    verdicts = [run_item(runtime, unit, (*outer, item)) for item in items]
    if all(journal.record(*place) is not None for place in places):
        journal.commit_rollup(outer, unit.scope, lane, part, places)
    return worst(verdicts)


def ask_lane(
    runtime: Runtime,
    unit: PlanUnit,
    indices: Indices,
    lanes: int,
    ask: Callable[[Runtime, PlanUnit, Indices], Verdict],
) -> Verdict:
    """Say whether a lane should start: if any of its items should."""
    outer, lane = indices[:-1], indices[-1]
    count = runtime.loop_record(unit.scope, outer).count
    verdicts = []
    for item in range(lane, count, lanes):
        verdicts.append(ask(runtime, unit, (*outer, item)))
        if verdicts[-1].go:
            return verdicts[-1]
    found = worst(verdicts)
    return Verdict(found.status, found.error_class, go=False)


def parts_of(lane: int, lanes: int, count: int) -> list[range]:
    """Return the items of a lane, cut into the parts that have a roll-up each."""
    mine = len(range(lane, count, lanes))
    size = -(-mine // max(1, MOST_ROLLUPS // lanes))
    stride = size * lanes
    return [range(first, min(first + stride, count), lanes) for first in range(lane, count, stride)]


def read_rollups(runtime: Runtime, loop: str, indices: Indices) -> None:
    """Read what the lanes of a loop rolled up; the rest is read one by one, by whoever asks."""
    body = runtime.plan.steps[loop].body
    count = runtime.loop_record(loop, indices).count
    assert isinstance(body, PlanLoop)
    lanes = body.tasks(count)
    if lanes == count:
        return
    wanted = [
        (lane, part) for lane in range(lanes) for part in range(len(parts_of(lane, lanes, count)))
    ]
    for start in range(0, len(wanted), READ_TOGETHER):
        runtime.journal.read_rollups(indices, loop, wanted[start : start + READ_TOGETHER])


_ORDER = (Status.DONE, Status.NOT_STARTED, Status.FINAL, Status.RETRY)


def worst(verdicts: list[Verdict]) -> Verdict:
    """Return the first of the worst verdicts; ``done`` of none."""
    done = Verdict(Status.DONE)
    return max(verdicts, key=lambda verdict: _ORDER.index(verdict.status), default=done)
