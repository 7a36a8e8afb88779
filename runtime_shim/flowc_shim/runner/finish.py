"""The end of a run: what nobody decided is settled, the output computed, the end recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_shim.components.json_text import decode_json
from flowc_shim.contract.errors import ErrorInfo, FlowError, final_error
from flowc_shim.contract.outcomes import FAILS_THE_FLOW, NEVER_RAN, Outcome
from flowc_shim.contract.plan import with_data
from flowc_shim.contract.scopes import FINALLY, ROOT
from flowc_shim.contract.trigger import read_trigger
from flowc_shim.contract.verdict import Status, Verdict
from flowc_shim.language.canonical import canonical
from flowc_shim.language.evaluate import SkippedReference, evaluate
from flowc_shim.language.references import step_uses
from flowc_shim.runner.admission import admit
from flowc_shim.runner.deadline import end_in_time, flag_timeout, is_timeout
from flowc_shim.runner.plans import publish_plan
from flowc_shim.runner.records import EndRecord
from flowc_shim.runner.runtime import RunScope, Runtime
from flowc_shim.runner.settle import STOPPED_STATUSES, settle
from flowc_shim.runner.starts import given_to
from flowc_shim.schemas import SchemaMismatch, check_instance

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json

TIMED_OUT_STATUSES = frozenset({"timed_out"})
"""What engines call a run whose ``timeout`` they ended."""


def conclude(runtime: Runtime, status: str) -> EndRecord:
    """Decide how everything but the ``finally:`` steps ended; ``status``: what the engine says."""
    end = runtime.journal.conclusion()
    return runtime.journal.commit_conclusion(_end(runtime, status)) if end is None else end


def finish_run(runtime: Runtime, status: str) -> Verdict:
    """End the run once; ``status`` is what the engine says of it.

    Returns ``done`` for a run that succeeded (or, for a flow that allows it, was skipped), else
    ``final``, so that the engine's own state of the run says the same.
    """
    end = runtime.journal.end()
    if end is None and runtime.plan.has_finally:
        end = runtime.journal.commit_end(_finally_end(runtime, status))
    elif end is None:
        end = runtime.journal.commit_end(_end(runtime, status))
    if end.outcome in (Outcome.SUCCEEDED, Outcome.SKIPPED):
        return Verdict(Status.DONE)
    error = end.error or {}
    return Verdict(Status.FINAL, str((error.get("error") or {}).get("class", "platform")), go=False)


def _finally_end(runtime: Runtime, status: str) -> EndRecord:
    """Return the end of a run with ``finally:`` steps: a failure of one of them fails the run."""
    end = conclude(runtime, status)
    failed, _ = _settle_all(runtime, status, FINALLY)
    if failed is None:
        return end
    return EndRecord(Outcome.FAILED, error=end.error or failed)


def _end(runtime: Runtime, status: str) -> EndRecord:
    failed, never_ran = _settle_all(runtime, status, ROOT)
    reason = runtime.journal.failing_reason(ROOT, ())
    if reason is not None and is_timeout(reason):
        return EndRecord(Outcome.TIMED_OUT, error=reason)
    if failed is not None:
        return EndRecord(Outcome.FAILED, error=failed)
    if reason is not None:
        return EndRecord(Outcome.FAILED, error=reason)
    if never_ran or status.lower() in STOPPED_STATUSES:
        return EndRecord(Outcome.STOPPED)
    try:
        return EndRecord(Outcome.SUCCEEDED, _output(runtime))
    except SkippedReference as skipped:
        if runtime.plan.output_may_skip:
            return EndRecord(Outcome.SKIPPED)
        error = final_error("EXPRESSION_FAILURE", f"the output reads skipped `{skipped.step}`").info
    except FlowError as failure:
        error = failure.info
    return _failed(runtime, error)


def _failed(runtime: Runtime, error: ErrorInfo) -> EndRecord:
    masked = runtime.variables.masked(error)
    return EndRecord(Outcome.FAILED, error={"step": None, "error": masked.to_json()})


def _settle_all(runtime: Runtime, status: str, scope: str) -> tuple[dict[str, Json] | None, bool]:
    """Decide every step of an outermost scope.

    Returns the first failure in written order, and whether any step never ran to its end.
    """
    first: dict[str, Json] | None = None
    never_ran = False
    paths = runtime.plan.scope_steps[scope]
    known = runtime.journal.records([((), path) for path in paths])
    if scope == ROOT and None in known and _time_is_over(runtime, status):
        status = "stopped"
    dead = status if status.lower() in STOPPED_STATUSES else "failed"
    for path in paths:
        record = runtime.journal.record((), path)
        if record is None:
            record = settle(runtime, runtime.plan.steps[path], (), "finish", dead)
        never_ran = never_ran or record.outcome in NEVER_RAN
        if record.outcome in FAILS_THE_FLOW and first is None:
            error = record.error.to_json() if record.error else None
            first = {"step": path, "error": error}
    return first, never_ran


def _time_is_over(runtime: Runtime, status: str) -> bool:
    """Whether a run that is not done was ended by its time: by the clock, or by its engine."""
    if status.lower() in TIMED_OUT_STATUSES:
        flag_timeout(runtime)
        return True
    return end_in_time(runtime)


def _output(runtime: Runtime) -> Json:
    plan = runtime.plan
    uses = {use.step: ((), use.step) for use in step_uses(plan.output)}
    runtime.journal.records(list(uses.values()))
    output = evaluate(plan.output, RunScope(runtime, ROOT, ()))
    runtime.variables.refuse_secrets(output, "the output")
    if plan.output_schema is not None and plan.enforce_schemas:
        try:
            check_instance(plan.output_schema, output)
        except SchemaMismatch as mismatch:
            raise final_error("INVALID_OUTPUT", f"the output: {mismatch}") from mismatch
    return output


def input_problem(runtime: Runtime, value: Json) -> ErrorInfo | None:
    """Return what is wrong with a run's input against the flow's schema, None if nothing is."""
    plan = runtime.plan
    if plan.input_schema is None or not plan.enforce_schemas:
        return None
    try:
        check_instance(plan.input_schema, value)
    except SchemaMismatch as mismatch:
        return final_error("INVALID_INPUT", f"the run's input: {mismatch}").info
    return None


def begin_run(
    runtime: Runtime,
    value: Json,
    header: dict[str, Json] | None = None,
    trigger: Json = None,
    started: float | None = None,
) -> None:
    """Put the run's input in if absent, and fail the run if it does not match the schema.

    Here, whoever starts it, and wherever: the files that are bound to ports become part of it.
    ``trigger``: what started the run, as :mod:`flowc_shim.contract.trigger` says. ``started``: when
    its engine says that it began.
    """
    try:
        by = read_trigger(trigger)
    except FlowError as failure:
        if header is not None:
            runtime.journal.write_header(header)
        _refuse(runtime, failure.info)
        return
    due = None if by is None else by.value["scheduledTime"]
    if header is not None and due is not None:
        header = {**header, "scheduled": due}
    if by is not None and not admit(runtime, by, header or {}):
        return
    variables: dict[str, Json] | None = None
    if by is not None and by.gives_input:
        value = by.input
    elif by is not None and by.origin is not None:
        try:
            given = given_to(runtime, by.origin)
        except FlowError as failure:
            _refuse(runtime, failure.info)
            return
        value, variables = given["input"], given["variables"]
        publish_plan(runtime.journal.store, runtime.plan)
    seen = None if by is None else by.value
    value = with_data(value, runtime.plan.data)
    value = runtime.journal.begin(value, header, seen, started, variables)
    problem = input_problem(runtime, value)
    if problem is not None:
        _refuse(runtime, problem)


def begin_run_from(
    runtime: Runtime,
    text: str,
    header: dict[str, Json],
    trigger: str | None = None,
    started: float | None = None,
) -> None:
    """Begin the run with an input that came as text; one that is not JSON fails the run."""
    try:
        value = _decoded(text, "input")
        by = None if not trigger else _decoded(trigger, "trigger")
    except FlowError as failure:
        runtime.journal.write_header(header)
        _refuse(runtime, failure.info)
        return
    begin_run(runtime, value, header, by, started)


def _decoded(text: str, what: str) -> Json:
    try:
        value = decode_json(text)
        canonical(value)  # 1e999 is read as infinity
    except ValueError as error:
        raise final_error("INVALID_INPUT", f"the run's {what} is not JSON: {error}") from error
    return value


def _refuse(runtime: Runtime, problem: ErrorInfo) -> None:
    error = runtime.variables.masked(problem).to_json()
    runtime.journal.set_failing(ROOT, (), {"step": None, "error": error})
