"""Settlement: deciding for a shim that died.

A dead shim decides nothing, so whoever reads its steps next, or ends the run, reads the attempt
rows and what the engine says, classifies, and commits the failure or the default. From then on a
late attempt loses, which is the fence.
"""

from __future__ import annotations

from collections.abc import Mapping

from flowc_shim.contract.errors import ErrorClass, ErrorInfo, FlowError
from flowc_shim.contract.outcomes import Outcome
from flowc_shim.contract.plan import PlanCall, PlanStep
from flowc_shim.runner.attempts import died
from flowc_shim.runner.entry import decide_entry
from flowc_shim.runner.keys import Indices
from flowc_shim.runner.records import StepRecord
from flowc_shim.runner.runtime import Runtime
from flowc_shim.runner.steps import fail

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
        error = rows[-1].error or _death(rows[-1].number, cause)
        return fail(runtime, step, indices, error, unit, started=rows[0].started)
    try:
        outcome = decide_entry(runtime, step, indices)
    except FlowError as failure:
        return fail(runtime, step, indices, failure.info, unit)
    if outcome is None and status.lower() in DEAD_STATUSES:
        return fail(runtime, step, indices, _death(0, cause), unit)
    record = StepRecord(outcome or Outcome.NOT_STARTED, unit=unit)
    return runtime.journal.commit_record(indices, step.path, record)


def _death(attempt: int, cause: str) -> ErrorInfo:
    error = died(attempt, cause or "the process that ran the attempt died")
    if "oom" in cause.lower() or "out of memory" in cause.lower():
        return ErrorInfo(ErrorClass.PLATFORM, "OOM", error.message, "OutOfMemory", attempt=attempt)
    return error


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


