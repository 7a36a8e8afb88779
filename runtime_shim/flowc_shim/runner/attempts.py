"""Attempts at one component call: claiming, calling, classifying, waiting, giving up.

Budgets count attempt rows, which are written before the work begins, so that an attempt whose
shim was killed counts too (class ``platform``).
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc_shim.components.api import Call
from flowc_shim.components.together import hosts_here
from flowc_shim.contract.errors import ErrorClass, ErrorInfo, FlowError, final_error
from flowc_shim.contract.steps import Candidate, PlanCall, PlanStep
from flowc_shim.language.evaluate import Scope, SkippedReference, retry_condition
from flowc_shim.language.paths import PathNotFound, follow, parse_path
from flowc_shim.runner.deadline import time_left
from flowc_shim.runner.host import Host
from flowc_shim.runner.keys import Indices, indices_text
from flowc_shim.schemas import SchemaMismatch, check_instance

if TYPE_CHECKING:
    import threading

    from flowc_shim.contract.json_types import Json
    from flowc_shim.contract.policies import Retry
    from flowc_shim.runner.records import AttemptRow
    from flowc_shim.runner.runtime import Runtime

DIED = "SHIM_DIED"
"""Code of an attempt that began and never ended: the process was killed."""


@dataclass(frozen=True, slots=True)
class Success:
    """An attempt gave ``output``."""

    output: Json
    attempt: int


@dataclass(frozen=True, slots=True)
class Failure:
    """No attempt is left; ``error`` is the last one's."""

    error: ErrorInfo


@dataclass(frozen=True, slots=True)
class Later:
    """Another attempt is due after ``wait`` seconds, and not in this process: it does not wait so
    long, or cannot call the component again."""

    error: ErrorInfo
    wait: float


def died(number: int, message: str = "the process that ran the attempt died") -> ErrorInfo:
    """Return the error of an attempt whose shim was killed."""
    return ErrorInfo(ErrorClass.PLATFORM, DIED, message, "ShimDied", attempt=number)


def attempt_call(
    runtime: Runtime, step: PlanStep, indices: Indices, value: Json
) -> Success | Failure | Later:
    """Call the component of ``step`` with ``value`` until it answers or no budget is left."""
    call = step.body
    assert isinstance(call, PlanCall)
    rows = runtime.journal.attempts(indices, step.path)
    scope = runtime.scope(step, indices)
    used = _used(rows)
    if rows:
        # Killed in the attempt, or between its end and the commit: judged again, by the same rule.
        given_up = _judge(call.retry, used, rows[-1].error or died(rows[-1].number), scope)
        if given_up is not None:
            return given_up
    number = len(rows)
    while True:
        number = runtime.journal.begin_attempt(indices, step.path, number + 1)
        try:
            return Success(_call_once(runtime, step, call, indices, value, number), number)
        except FlowError as failure:
            error = runtime.variables.masked(failure.info.with_attempt(number))
        runtime.journal.end_attempt(indices, step.path, error)
        used[error.error_class] = used.get(error.error_class, 0) + 1
        given_up = _judge(call.retry, used, error, scope)
        if given_up is not None:
            return given_up
        wait = _wait(call.retry, used, error)
        if wait > runtime.hold_waits or _called_once(runtime, call):
            return _later(runtime, step, indices, error, wait)
        if runtime.cancelled.wait(wait):
            return Failure(_stopped(number))
        if runtime.journal.record(indices, step.path) is not None:
            return Failure(error)  # settled meanwhile: whoever commits this adopts what is decided


def _called_once(runtime: Runtime, call: PlanCall) -> bool:
    return any(runtime.clients.used_up(one.component_class) for one in call.candidates)


def due_later(runtime: Runtime, step: PlanStep, indices: Indices) -> Later | None:
    """Return when the next attempt is due by the rows alone, None if there must be none."""
    call = step.body
    assert isinstance(call, PlanCall)
    rows = runtime.journal.attempts(indices, step.path)
    if not rows:
        return None
    used = _used(rows)
    error = rows[-1].error or died(rows[-1].number)
    if _judge(call.retry, used, error, runtime.scope(step, indices)) is not None:
        return None
    return _later(runtime, step, indices, error, _wait(call.retry, used, error))


def _later(
    runtime: Runtime, step: PlanStep, indices: Indices, error: ErrorInfo, wait: float
) -> Later:
    """Return an attempt that is due after ``wait``, or when the step's time is over: no process
    looks at the clock while an engine waits."""
    left = time_left(runtime, step.scope, indices)
    return Later(error, wait if left is None else min(wait, max(left, 0.0)))


def _used(rows: list[AttemptRow]) -> dict[ErrorClass, int]:
    used: dict[ErrorClass, int] = {}
    for row in rows:
        error_class = row.error.error_class if row.error else ErrorClass.PLATFORM
        used[error_class] = used.get(error_class, 0) + 1
    return used


def _judge(
    retry: Retry, used: dict[ErrorClass, int], error: ErrorInfo, scope: Scope
) -> Failure | None:
    """Return the failure if ``error`` must not be retried: class, then budget, then ``if``."""
    if error.final or used.get(error.error_class, 0) > retry.budget(error.error_class).max:
        return Failure(error)
    if retry.condition is None:
        return None
    try:
        allowed = retry_condition(retry.condition, scope, error.to_json())
    except FlowError as broken:
        return Failure(broken.info.with_attempt(error.attempt))
    except SkippedReference as skipped:
        text = f"`retry.if` reads skipped `{skipped.step}`"
        return Failure(final_error("EXPRESSION_FAILURE", text).info.with_attempt(error.attempt))
    return None if allowed else Failure(error)


def _wait(retry: Retry, used: dict[ErrorClass, int], error: ErrorInfo) -> float:
    budget = retry.budget(error.error_class)
    longest = budget.wait(used[error.error_class])
    return random.uniform(0, longest) if budget.jitter else longest  # noqa: S311 (spreads load)


def _stopped(number: int) -> ErrorInfo:
    return ErrorInfo(
        ErrorClass.PLATFORM, "STOPPED", "the run is being stopped", "Stopped",
        attempt=number, final=True,
    )  # fmt: skip


def _call_once(
    runtime: Runtime, step: PlanStep, call: PlanCall, indices: Indices, value: Json, number: int
) -> Json:
    candidate = choose(call.candidates, value)
    client = runtime.clients.bring_up(candidate.component_class, runtime.cancelled)
    elsewhere = runtime.gang is not None or runtime.places is not None
    hosts = () if elsewhere else hosts_here(call.locations)
    made = call_of(
        runtime, step, candidate, indices, value, number,
        hosts=hosts, ranks=tuple(range(len(hosts))), cancelled=runtime.cancelled,
    )  # fmt: skip
    place = step.path, indices
    host = Host(runtime, made.idempotency_key, place=place)
    if runtime.places is not None and call.locations > 1:
        output = runtime.places.lead(made, place, call.locations)
    elif runtime.gang is not None and call.locations > 1:
        output = runtime.gang.lead(client, made, host, place)
    else:
        output = client.call(made, host)
    _check_is_json(step, output)
    runtime.variables.refuse_secrets(output, f"the output of `{step.id}`")
    schema = runtime.plan.step_schemas.get(step.path)
    if schema is not None and runtime.plan.enforce_schemas:
        try:
            check_instance(schema, output)
        except SchemaMismatch as mismatch:
            raise final_error(
                "INVALID_OUTPUT", f"output of `{step.id}`: {mismatch}", type="SchemaMismatch"
            ) from mismatch
    return output


def call_of(
    runtime: Runtime,
    step: PlanStep,
    candidate: Candidate,
    indices: Indices,
    value: Json,
    attempt: int,
    *,
    hosts: tuple[str, ...],
    ranks: tuple[int, ...],
    cancelled: threading.Event,
) -> Call:
    """Return the call of one attempt at ``step``."""
    assert isinstance(step.body, PlanCall)
    where = "/".join(part for part in (indices_text(indices), step.path) if part)
    return Call(
        component=candidate.component,
        input=value,
        attempt=attempt,
        run_id=runtime.run_uuid,
        flow_id=runtime.plan.digest,
        step_id=step.id,
        idempotency_key=f"{runtime.run_uuid}/{where}",
        timeout=step.body.timeout,
        cancelled=cancelled,
        hosts=hosts,
        ranks=ranks,
    )


def _check_is_json(step: PlanStep, output: Json) -> None:
    try:
        json.dumps(output, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        text = f"output of `{step.id}` is not JSON: {error}"
        raise final_error("INVALID_OUTPUT", text) from error


def choose(candidates: tuple[Candidate, ...], value: Json) -> Candidate:
    """Return the first candidate whose conditions all equal the input.

    A condition on a path that the input lacks is an error, not a "no" (Stepflow's rule).
    """
    for candidate in candidates:
        try:
            if all(
                follow(value, parse_path(path)) == wanted for path, wanted in candidate.conditions
            ):
                return candidate
        except PathNotFound as missing:
            raise final_error(
                "ROUTING", f"error routing component: {missing}", type="PathNotFound"
            ) from missing
    raise final_error("COMPONENT_NOT_FOUND", "no route takes this input", type="NoRoute")
