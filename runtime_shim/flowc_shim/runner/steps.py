"""One step from its dependencies to its committed result."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from flowc_shim.contract.errors import ErrorClass, ErrorInfo, FlowError, final_error
from flowc_shim.contract.outcomes import FAILS_THE_FLOW, Outcome
from flowc_shim.contract.scopes import is_outermost
from flowc_shim.contract.steps import PlanCall, PlanLoop, PlanStep
from flowc_shim.language.canonical import digest
from flowc_shim.language.evaluate import SkippedReference, evaluate
from flowc_shim.runner.attempts import Later, Success, attempt_call
from flowc_shim.runner.cache import cache_place, look_up, publish
from flowc_shim.runner.entry import decide_entry
from flowc_shim.runner.records import StepRecord

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json
    from flowc_shim.runner.keys import Indices
    from flowc_shim.runner.runtime import Runtime


def advance(runtime: Runtime, step: PlanStep, indices: Indices, unit: str) -> StepRecord | Later:
    """Decide ``step`` by running it, or return what was decided before.

    Raises UndecidedDependency if a step that it reads has no result.
    """
    known = runtime.journal.record(indices, step.path)
    if known is not None:
        return flagged(runtime, step, indices, known)
    started = time.time()
    try:
        outcome = decide_entry(runtime, step, indices)
        if outcome is not None:
            record = StepRecord(outcome, unit=unit, started=started)
            return commit(runtime, step, indices, record)
        assert isinstance(step.body, PlanCall)
        value = evaluate(step.body.input, runtime.scope(step, indices))
        input_digest = _digest(value, "INVALID_INPUT")
        place = cache_place(runtime, step, indices, value)
    except SkippedReference:
        record = StepRecord(Outcome.SKIPPED, unit=unit, started=started)
        return commit(runtime, step, indices, record)
    except FlowError as failure:
        return fail(runtime, step, indices, failure.info, unit, started=started)
    if place is not None and (hit := look_up(runtime, place)) is not None:
        record = StepRecord(
            Outcome.CACHED, hit.value, input_digest=input_digest, unit=unit, started=started
        )
        return commit(runtime, step, indices, record)
    result = attempt_call(runtime, step, indices, value)
    if isinstance(result, Later):
        return result
    if not isinstance(result, Success):
        return fail(
            runtime, step, indices, result.error, unit, started=started, input_digest=input_digest
        )
    record = StepRecord(
        Outcome.SUCCEEDED,
        result.output,
        attempt=result.attempt,
        input_digest=input_digest,
        unit=unit,
        started=started,
    )
    decided = commit(runtime, step, indices, record)
    publish(runtime, place, decided)
    return decided


def _digest(value: Json, code: str) -> str:
    try:
        return digest(value)
    except ValueError as error:  # 1e999 is read as infinity
        raise final_error(code, f"not JSON: {error}") from error


def commit(runtime: Runtime, step: PlanStep, indices: Indices, record: StepRecord) -> StepRecord:
    """Decide ``step``, or adopt what is decided; and flag its scope if that is a failure."""
    decided = runtime.journal.commit_record(indices, step.path, record)
    return flagged(runtime, step, indices, decided)


def fail(
    runtime: Runtime,
    step: PlanStep,
    indices: Indices,
    error: ErrorInfo,
    unit: str,
    *,
    started: float = 0.0,
    input_digest: str = "",
) -> StepRecord:
    """Commit what a failure without retries becomes: the default, or the scope's failure."""
    error = runtime.variables.masked(error)
    record = StepRecord(
        _outcome(error),
        error=error,
        attempt=error.attempt,
        input_digest=input_digest,
        unit=unit,
        started=started,
    )
    if step.on_error.handles and record.outcome is not Outcome.STOPPED:
        record = _handled(runtime, step, indices, record)
    return commit(runtime, step, indices, record)


def _outcome(error: ErrorInfo) -> Outcome:
    if error.code == "STOPPED" and error.error_class is ErrorClass.PLATFORM and error.final:
        return Outcome.STOPPED
    return Outcome.TIMED_OUT if error.error_class is ErrorClass.TIMEOUT else Outcome.FAILED


def _handled(runtime: Runtime, step: PlanStep, indices: Indices, failed: StepRecord) -> StepRecord:
    """Return what ``onError`` makes of a failed step: skipped, or its default."""
    if step.on_error.default is None:
        return replace(failed, outcome=Outcome.SKIPPED)
    outcome, value, error = Outcome.DEFAULTED, None, failed.error
    try:
        value = evaluate(step.on_error.default, runtime.scope(step, indices))
        runtime.variables.refuse_secrets(value, f"the default of `{step.id}`")
    except SkippedReference as skipped:
        outcome = Outcome.FAILED
        error = final_error(
            "EXPRESSION_FAILURE", f"the default reads skipped `{skipped.step}`"
        ).info
    except FlowError as broken:
        outcome, error = Outcome.FAILED, runtime.variables.masked(broken.info)
    return replace(failed, outcome=outcome, value=value, error=error)


def flagged(runtime: Runtime, step: PlanStep, indices: Indices, record: StepRecord) -> StepRecord:
    """Flag the scope if the step failed it; again after a restart, in case the flag was lost."""
    if record.outcome in FAILS_THE_FLOW:
        error = record.error.to_json() if record.error else None
        reason: dict[str, Json] = {"step": step.path, "error": error}
        mine = runtime.journal.set_failing(step.scope, indices, reason)
        if not is_outermost(step.scope):
            _check_tolerance(runtime, step.scope, indices, maybe_counted=not mine)
    return record


def _check_tolerance(runtime: Runtime, loop: str, indices: Indices, *, maybe_counted: bool) -> None:
    """Flag a loop once more of its items failed than it tolerates, so that no item starts."""
    body = runtime.plan.steps[loop].body
    if not isinstance(body, PlanLoop):
        return  # a pass: who ends it fails its loop
    outer = indices[:-1]
    count = runtime.loop_record(loop, outer).count
    too_many = body.tolerance.most(count) + 1
    if too_many == 1:
        failed = 1
    else:
        failed = runtime.journal.count_failed_item(
            loop, outer, indices[-1], too_many, maybe_counted=maybe_counted
        )
    if failed >= too_many:
        runtime.journal.set_loop_failing(loop, outer)
