"""Settlement: deciding for a shim that died.

A dead shim decides nothing, so whoever reads its steps next, or ends the run, reads the attempt
rows and what the engine says, classifies, and commits the failure or the default. From then on a
late attempt loses, which is the fence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_shim.contract.errors import ErrorInfo, FlowError
from flowc_shim.contract.outcomes import Outcome
from flowc_shim.contract.steps import PlanCall, PlanStep, PlanUnit, PlanWhile
from flowc_shim.runner.attempts import Later, due_later
from flowc_shim.runner.deaths import Death, read_death
from flowc_shim.runner.entry import UndecidedDependency, decide_entry
from flowc_shim.runner.records import StepRecord
from flowc_shim.runner.steps import commit, fail, flagged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_shim.runner.keys import Indices
    from flowc_shim.runner.records import AttemptRow
    from flowc_shim.runner.runtime import Runtime

DEAD_STATUSES = frozenset({"failed", "error", "errored", "timed_out"})
"""What engines call a unit that ended without an answer."""

STOPPED_STATUSES = frozenset({"stopped", "aborted", "terminated"})
"""What engines call a run that somebody stopped."""


def settle(
    runtime: Runtime, step: PlanStep, indices: Indices, unit: str, status: str = "", cause: str = ""
) -> StepRecord:
    """Decide ``step``, which nobody will run any more, and return its result.

    ``status``: what the engine says became of its unit (``""``: it never said that it died).
    ``cause``: the engine's own words. Steps that it reads are settled first: whoever let this one
    run took them for ended.
    """
    known = runtime.journal.record(indices, step.path)
    if known is not None:
        return flagged(runtime, step, indices, known)
    # by a loop, not by recursion: a chain may be thousands of steps long
    for place, path in _undecided_before(runtime, step, indices):
        _settle_one(runtime, runtime.plan.steps[path], place, unit, status, "")
    return _settle_one(runtime, step, indices, unit, status, cause)


def _undecided_before(
    runtime: Runtime, step: PlanStep, indices: Indices
) -> list[tuple[Indices, str]]:
    """Return the undecided steps that ``step`` waits for, each behind those that it waits for."""
    order: list[tuple[Indices, str]] = []
    seen = {(indices, step.path)}
    stack = [((indices, step.path), iter(step.reads))]
    while stack:
        here, reads = stack[-1]
        for path in reads:
            before = runtime.place(path, here[0])
            if before not in seen and runtime.journal.record(*before) is None:
                seen.add(before)
                stack.append((before, iter(runtime.plan.steps[path].reads)))
                break
        else:
            stack.pop()
            order.append(here)
    return order[:-1]


def _settle_one(
    runtime: Runtime, step: PlanStep, indices: Indices, unit: str, status: str, cause: str
) -> StepRecord:
    stopped = status.lower() in STOPPED_STATUSES
    if isinstance(step.body, PlanCall):
        rows = runtime.journal.attempts(indices, step.path)
        if rows and stopped and _was_going_on(runtime, step, indices, rows[-1]):
            record = StepRecord(Outcome.STOPPED, unit=unit, started=rows[0].started)
            return commit(runtime, step, indices, record)
        if rows:
            error = rows[-1].error or read_death(cause).error(rows[-1].number)
            return fail(runtime, step, indices, error, unit, started=rows[0].started)
    elif isinstance(step.body, PlanWhile):
        if runtime.journal.state(indices, step.path, 0) is not None:
            from flowc_shim.runner.passes import close_while

            return close_while(runtime, step, indices, unit, status or "failed", cause)
    elif runtime.journal.loop(indices, step.path) is not None:
        from flowc_shim.runner.loops import close_loop

        return close_loop(runtime, step, indices, unit, status or "failed", cause)
    try:
        outcome = decide_entry(runtime, step, indices)
    except FlowError as failure:
        if not stopped:
            return fail(runtime, step, indices, failure.info, unit)
        outcome = Outcome.NOT_STARTED
    if outcome is None and status.lower() in DEAD_STATUSES:
        return fail(runtime, step, indices, read_death(cause).error(0), unit)
    record = StepRecord(outcome or Outcome.NOT_STARTED, unit=unit)
    return commit(runtime, step, indices, record)


def _was_going_on(runtime: Runtime, step: PlanStep, indices: Indices, last: AttemptRow) -> bool:
    """Whether a step ran, or would have been tried again, when its run was stopped."""
    return last.error is None or due_later(runtime, step, indices) is not None


def settle_units(
    runtime: Runtime, units: Mapping[str, tuple[str, str]], indices: Indices, by: str
) -> None:
    """Settle every unit in ``units`` (id → engine status, cause) whose shim may have died."""
    for unit_id, (status, cause) in units.items():
        unit = runtime.plan.units[unit_id]
        if status.lower() not in DEAD_STATUSES:
            continue
        for path in unit.steps:  # what ends a pass is about a step outside of the pass
            place, _ = runtime.place(path, indices)
            settle(runtime, runtime.plan.steps[path], place, by, status, cause)


def later_attempt(
    runtime: Runtime, unit: PlanUnit, indices: Indices, status: str, cause: str
) -> Later | None:
    """Return when a unit may be tried again whose job ended badly; None if it must not.

    Only for jobs, which ``cause`` describes (Batch, ECS): there every failure is the same error, so
    the engine cannot count by class. Whatever else died was retried by the engine already. A death
    that left no row gets one here, so that jobs that never start are not submitted for ever; it is
    known again by the job's id if this is asked twice.
    """
    death = read_death(cause)
    if status.lower() not in DEAD_STATUSES or not death.job or death.is_contract:
        return None
    found = _undecided_call(runtime, unit, indices)
    if found is None:
        return None
    step, place = found
    if not _count_death(runtime, step, place, death):
        return None
    return due_later(runtime, step, place)


def _undecided_call(
    runtime: Runtime, unit: PlanUnit, indices: Indices
) -> tuple[PlanStep, Indices] | None:
    """Return the call at which a unit stands, and where; None if there is none."""
    journal, steps = runtime.journal, runtime.plan.steps
    undecided = [path for path in unit.steps if journal.record(indices, path) is None]
    step = steps[undecided[0]] if undecided else None
    if step is not None and isinstance(step.body, PlanWhile):
        latest = journal.latest_state(indices, step.path, step.body.max_iterations)
        indices = (*indices, 0 if latest is None else latest.number)
        undecided = [path for path in unit.inner if journal.record(indices, path) is None]
        step = steps[undecided[0]] if undecided else steps[unit.inner[-1]]
    return (step, indices) if step is not None and isinstance(step.body, PlanCall) else None


def _count_death(runtime: Runtime, step: PlanStep, indices: Indices, death: Death) -> bool:
    """Write down that an attempt died, unless it is; False for a step that must not start."""
    journal = runtime.journal
    rows = journal.attempts(indices, step.path)
    if rows and rows[-1].error is None:
        journal.end_attempt(indices, step.path, death.error(rows[-1].number))
        return True
    if rows and (death.is_orderly or _job_of(rows[-1].error) == death.job):
        return True
    try:
        if not rows and decide_entry(runtime, step, indices) is not None:
            return False
    except (FlowError, UndecidedDependency):
        return False
    number = journal.begin_attempt(indices, step.path, len(rows) + 1)
    journal.end_attempt(indices, step.path, death.error(number))
    return True


def _job_of(error: ErrorInfo | None) -> object:
    return error.data.get("job") if error and isinstance(error.data, dict) else None
