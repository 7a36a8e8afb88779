"""Settlement: deciding for a shim that died.

A dead shim decides nothing, so whoever reads its steps next, or ends the run, reads the attempt
rows and what the engine says, classifies, and commits the failure or the default. From then on a
late attempt loses, which is the fence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_shim.contract.errors import ErrorInfo, FlowError
from flowc_shim.contract.outcomes import Outcome
from flowc_shim.contract.plan import PlanCall, PlanStep, PlanUnit
from flowc_shim.runner.attempts import Later, due_later
from flowc_shim.runner.deaths import Death, read_death
from flowc_shim.runner.entry import UndecidedDependency, decide_entry
from flowc_shim.runner.records import StepRecord
from flowc_shim.runner.steps import fail

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_shim.runner.keys import Indices
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
    ``cause``: the engine's own words. Steps that it reads are settled first.
    """
    known = runtime.journal.record(indices, step.path)
    if known is not None:
        return known
    for path in step.reads:
        place, _ = runtime.place(path, indices)
        if runtime.journal.record(place, path) is None:
            settle(runtime, runtime.plan.steps[path], place, unit)
    if not isinstance(step.body, PlanCall):
        if runtime.journal.loop(indices, step.path) is not None:
            from flowc_shim.runner.loops import close_loop

            return close_loop(runtime, step, indices, unit)
        rows = []
    else:
        rows = runtime.journal.attempts(indices, step.path, step.body.retry.attempts)
    if rows and status.lower() in STOPPED_STATUSES and rows[-1].error is None:
        stopped = StepRecord(Outcome.STOPPED, unit=unit, started=rows[0].started)
        return runtime.journal.commit_record(indices, step.path, stopped)
    if rows:
        error = rows[-1].error or read_death(cause).error(rows[-1].number)
        return fail(runtime, step, indices, error, unit, started=rows[0].started)
    try:
        outcome = decide_entry(runtime, step, indices)
    except FlowError as failure:
        return fail(runtime, step, indices, failure.info, unit)
    if outcome is None and status.lower() in DEAD_STATUSES:
        return fail(runtime, step, indices, read_death(cause).error(0), unit)
    record = StepRecord(outcome or Outcome.NOT_STARTED, unit=unit)
    return runtime.journal.commit_record(indices, step.path, record)


def settle_units(
    runtime: Runtime, units: Mapping[str, tuple[str, str]], indices: Indices, by: str
) -> None:
    """Settle every unit in ``units`` (id → engine status, cause) whose shim may have died."""
    for unit_id, (status, cause) in units.items():
        unit = runtime.plan.units[unit_id]
        if status.lower() not in DEAD_STATUSES:
            continue
        for path in unit.steps:
            settle(runtime, runtime.plan.steps[path], indices, by, status, cause)


def later_attempt(
    runtime: Runtime, unit: PlanUnit, indices: Indices, status: str, cause: str
) -> Later | None:
    """Return when a unit may be tried again whose job ended badly; None if it must not.

    Only for jobs, which ``cause`` describes (Batch): there every failure is one and the same error,
    so the engine cannot count by class. Whatever else died was retried by the engine already. A
    death that left no row gets one here, so that jobs that never start are not submitted for ever;
    it is known again by the job's id if this is asked twice.
    """
    death = read_death(cause)
    if status.lower() not in DEAD_STATUSES or not death.job or death.is_contract:
        return None
    undecided = [path for path in unit.steps if runtime.journal.record(indices, path) is None]
    if not undecided:
        return None
    step = runtime.plan.steps[undecided[0]]
    if not isinstance(step.body, PlanCall):
        return None
    if not _count_death(runtime, step, step.body, indices, death):
        return None
    return due_later(runtime, step, indices)


def _count_death(
    runtime: Runtime, step: PlanStep, call: PlanCall, indices: Indices, death: Death
) -> bool:
    """Write down that an attempt died, unless it is; False for a step that must not start."""
    journal = runtime.journal
    rows = journal.attempts(indices, step.path, call.retry.attempts)
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
