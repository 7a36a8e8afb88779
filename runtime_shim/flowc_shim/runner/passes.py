"""The passes of a ``while``: each begins with a decided state and leaves the next one.

A state is decided together with the answer whether its condition holds, so that whoever comes next
(another process, or this one started again) goes on where the loop stands and repeats nothing.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flowc_shim.contract.errors import ErrorClass, ErrorInfo, FlowError, final_error
from flowc_shim.contract.outcomes import BLOCKS_READERS, FAILS_THE_FLOW, NEVER_RAN, Outcome
from flowc_shim.contract.steps import PlanStep, PlanWhile
from flowc_shim.language.evaluate import SkippedReference, evaluate, holds
from flowc_shim.runner.deaths import read_death
from flowc_shim.runner.entry import decide_entry
from flowc_shim.runner.records import PassState, StepRecord
from flowc_shim.runner.runtime import RunScope, Runtime
from flowc_shim.runner.steps import commit, fail, flagged

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json
    from flowc_shim.runner.keys import Indices


def open_while(runtime: Runtime, step: PlanStep, indices: Indices, unit: str) -> int | None:
    """Return which pass of a loop is to run next; None if its step is decided.

    Raises UndecidedDependency if a step that it reads is not.
    """
    decided = runtime.journal.record(indices, step.path)
    if decided is not None:
        flagged(runtime, step, indices, decided)
        return None
    loop = _body(step)
    latest = runtime.journal.latest_state(indices, step.path, loop.max_iterations)
    if latest is not None:
        return _onward(runtime, step, indices, unit, latest)
    try:
        outcome = decide_entry(runtime, step, indices)
        if outcome is not None:
            commit(runtime, step, indices, StepRecord(outcome, unit=unit))
            return None
        state = evaluate(loop.state, runtime.scope(step, indices))
    except SkippedReference:
        commit(runtime, step, indices, StepRecord(Outcome.SKIPPED, unit=unit))
        return None
    except FlowError as failure:
        fail(runtime, step, indices, failure.info, unit)
        return None
    return _arrive(runtime, step, indices, unit, 0, state)


def end_pass(
    runtime: Runtime, step: PlanStep, indices: Indices, unit: str, status: str = "failed"
) -> int | None:
    """Return which pass follows pass ``indices[-1]``; None if the loop's step is decided.

    Steps of the pass that nobody decided are settled: ``status`` is what became of them.
    """
    outer, number = indices[:-1], indices[-1]
    decided = runtime.journal.record(outer, step.path)
    if decided is not None:
        flagged(runtime, step, outer, decided)
        return None
    known = runtime.journal.state(outer, step.path, number + 1)
    if known is not None:
        return _onward(runtime, step, outer, unit, known)
    outcomes, error = _outcomes(runtime, step, indices, unit, status)
    if outcomes & BLOCKS_READERS:
        fail(runtime, step, outer, _pass_failed(step, number, error), unit)
        return None
    if outcomes & NEVER_RAN:
        commit(runtime, step, outer, StepRecord(Outcome.STOPPED, unit=unit))
        return None
    try:
        state = evaluate(_body(step).output, RunScope(runtime, step.path, indices))
    except SkippedReference as skipped:
        message = f"the output of pass {number} reads skipped `{skipped.step}`"
        fail(runtime, step, outer, final_error("EXPRESSION_FAILURE", message).info, unit)
        return None
    except FlowError as failure:
        fail(runtime, step, outer, failure.info, unit)
        return None
    return _arrive(runtime, step, outer, unit, number + 1, state)


def close_while(
    runtime: Runtime,
    step: PlanStep,
    indices: Indices,
    unit: str,
    status: str = "failed",
    cause: str = "",
) -> StepRecord:
    """Return the loop's one result; one that stands between passes will not go on any more.

    ``status``, ``cause``: what the engine says became of whatever nobody decided.
    """
    number = _standing(runtime, step, indices, unit)
    if number is not None:
        # what became of the pass decides, if anything became of it
        number = end_pass(runtime, step, (*indices, number), unit, status)
    known = runtime.journal.record(indices, step.path)
    if known is not None:
        return flagged(runtime, step, indices, known)
    from flowc_shim.runner.settle import STOPPED_STATUSES, settle

    if number is None:
        return settle(runtime, step, indices, unit, status, cause or "the loop never began")
    if status.lower() in STOPPED_STATUSES:
        return commit(runtime, step, indices, StepRecord(Outcome.STOPPED, unit=unit))
    return fail(runtime, step, indices, read_death(cause).error(0), unit)


def _standing(runtime: Runtime, step: PlanStep, indices: Indices, unit: str) -> int | None:
    """Return the pass at which an undecided loop stands, None without one."""
    if runtime.journal.record(indices, step.path) is not None:
        return None
    most = _body(step).max_iterations
    latest = runtime.journal.latest_state(indices, step.path, most)
    return None if latest is None else _onward(runtime, step, indices, unit, latest)


def _body(step: PlanStep) -> PlanWhile:
    assert isinstance(step.body, PlanWhile)
    return step.body


def _arrive(
    runtime: Runtime, step: PlanStep, indices: Indices, unit: str, number: int, state: Json
) -> int | None:
    """Decide the state after ``number`` passes, and say what follows from it."""
    here = RunScope(runtime, step.path, (*indices, number), {step.path: state})
    try:
        runtime.variables.refuse_secrets(state, f"the state of `{step.id}`")
        go = holds(_body(step).condition, here)
    except SkippedReference:
        commit(runtime, step, indices, StepRecord(Outcome.SKIPPED, unit=unit))
        return None
    except FlowError as failure:
        fail(runtime, step, indices, failure.info, unit)
        return None
    decided = runtime.journal.commit_state(indices, step.path, number, state, go=go)
    return _onward(runtime, step, indices, unit, decided)


def _onward(
    runtime: Runtime, step: PlanStep, indices: Indices, unit: str, latest: PassState
) -> int | None:
    """Return the pass that follows ``latest``, or decide the loop."""
    loop = _body(step)
    if latest.go and latest.number < loop.max_iterations:
        return latest.number
    if latest.go and not loop.stop_at_limit:
        message = f"loop `{step.id}` did not end within {loop.max_iterations} passes"
        fail(runtime, step, indices, final_error("MAX_ITERATIONS", message).info, unit)
        return None
    value = runtime.journal.value(latest)
    done = StepRecord(Outcome.SUCCEEDED, value, unit=unit, started=time.time())
    commit(runtime, step, indices, done)
    return None


def _outcomes(
    runtime: Runtime, step: PlanStep, indices: Indices, unit: str, status: str
) -> tuple[set[Outcome], ErrorInfo | None]:
    """Return the outcomes of a pass's steps, all decided now, and the first failure."""
    from flowc_shim.runner.settle import settle

    error: ErrorInfo | None = None
    outcomes = set()
    paths = runtime.plan.scope_steps.get(step.path, ())
    runtime.journal.records([(indices, path) for path in paths])
    for path in paths:
        record = runtime.journal.record(indices, path)
        if record is None:
            record = settle(runtime, runtime.plan.steps[path], indices, unit, status)
        if record.outcome in FAILS_THE_FLOW and error is None:
            error = record.error
        outcomes.add(record.outcome)
    return outcomes, error


def _pass_failed(step: PlanStep, number: int, first: ErrorInfo | None) -> ErrorInfo:
    because = f": {first.message}" if first else ""
    return ErrorInfo(
        ErrorClass.USER,
        "PASS_FAILED",
        f"pass {number} of loop `{step.id}` failed{because}",
        "PassFailed",
        data={"pass": number, "first": None if first is None else first.to_json()},
        final=True,
    )
