"""Whether a step may start: guard, dependencies, failing scopes, joins, conditions.

The order is part of the meaning: not needed, then upstream failed, then not started, then
skipped, so that an engine that never started a step and one that did come to the same outcome.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_shim.contract.outcomes import BLOCKS_READERS, EDGE_TRUE, NEVER_RAN, Outcome
from flowc_shim.contract.scopes import FINALLY, ROOT
from flowc_shim.language.evaluate import SkippedReference, holds, needed, reaches
from flowc_shim.language.references import step_uses
from flowc_shim.runner import keys
from flowc_shim.runner.deadline import end_in_time
from flowc_shim.runner.finally_steps import seen_outcome
from flowc_shim.runner.sub_flows import flows_around

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_shim.contract.steps import PlanStep
    from flowc_shim.language import values as v
    from flowc_shim.language.evaluate import Scope
    from flowc_shim.runner.keys import Indices
    from flowc_shim.runner.runtime import Runtime


def decide_entry(runtime: Runtime, step: PlanStep, indices: Indices) -> Outcome | None:
    """Return the outcome of a step that must not start, or None if it may.

    Raises UndecidedDependency if a step that it reads is not decided, and FlowError if its
    ``when`` fails.
    """
    outcomes = _outcomes(runtime, step, indices)  # first: a guard over undecided steps says nothing
    scope = runtime.scope(step, indices)
    if not needed(step.guard, scope):
        return Outcome.NOT_NEEDED
    if any(outcome in BLOCKS_READERS for outcome in outcomes.values()):
        return Outcome.UPSTREAM_FAILED
    if any(outcome in NEVER_RAN for outcome in outcomes.values()):
        return Outcome.NOT_STARTED
    if end_in_time(runtime, step.scope, indices) or is_failing(runtime, step.scope, indices):
        return Outcome.NOT_STARTED
    if _skipped_by_edges(step, outcomes, scope):
        return Outcome.SKIPPED
    if step.when is not None:
        try:
            if not holds(step.when, scope):
                return Outcome.SKIPPED
        except SkippedReference:
            return Outcome.SKIPPED
    return None


def _outcomes(runtime: Runtime, step: PlanStep, indices: Indices) -> dict[str, Outcome]:
    places = [runtime.place(path, indices) for path in step.reads]
    found = {}
    for path, record in zip(step.reads, runtime.journal.records(places), strict=True):
        if record is None:
            raise UndecidedDependency(path)
        found[path] = seen_outcome(runtime, step.scope, path, record.outcome)
    return found


class UndecidedDependency(Exception):
    """A step that this one reads has no result: its shim died, or the engine ran out of order."""

    def __init__(self, step: str) -> None:
        super().__init__(f"step `{step}` is not decided")
        self.step = step


def own_values(step: PlanStep) -> Iterator[v.Value]:
    """Yield the values whose references are the step's edges."""
    yield from step.body.values()
    if step.when is not None:
        yield step.when.value


def _skipped_by_edges(step: PlanStep, outcomes: dict[str, Outcome], scope: Scope) -> bool:
    """Whether the edges that are reached keep the step from running; none at all keep nothing."""
    uses = [use for value in own_values(step) for use in step_uses(value)]
    reached = [use for use in uses if reaches(use.conditions, scope)]
    if step.join_any:
        edges = [use.step for use in reached] + list(step.needs)
        return bool(uses or step.needs) and not any(
            outcomes.get(path) in EDGE_TRUE for path in edges
        )
    strict = [use.step for use in reached if not use.tolerant]
    return any(outcomes.get(path) is Outcome.SKIPPED for path in [*strict, *step.needs])


def failing_keys(
    runtime: Runtime, scope: str, indices: Indices, outermost: str = ROOT
) -> list[str]:
    """Return the keys of all flags that keep a step of ``scope`` from starting.

    ``outermost``: the last scope around it that is asked.
    """
    run = runtime.journal.run
    found: list[str] = []
    while True:
        here = runtime.indices_at(scope, indices)
        if scope == FINALLY:
            return found  # what failed before, or beside, keeps none of these steps
        found.append(keys.failing_key(run, scope, here))
        if scope in (ROOT, outermost):
            return found
        found.append(keys.loop_failing_key(run, scope, here[:-1]))
        scope = runtime.plan.steps[scope].scope


def stopping_keys(runtime: Runtime, scope: str, indices: Indices) -> list[str]:
    """Return the keys of the flags that stop what runs in ``scope``: none without ``failFast``.

    A flow that says it means all that is in it, flows that it runs too; and nothing around it.
    """
    if runtime.plan.fail_fast:
        return failing_keys(runtime, scope, indices)
    outermost = None
    for path, flow in flows_around(runtime.plan, scope):
        outermost = path if flow.fail_fast else outermost
    return [] if outermost is None else failing_keys(runtime, scope, indices, outermost)


def is_failing(runtime: Runtime, scope: str, indices: Indices) -> bool:
    """Whether the run, or a loop or item around this place, is failing."""
    return runtime.journal.any_key(failing_keys(runtime, scope, indices))
