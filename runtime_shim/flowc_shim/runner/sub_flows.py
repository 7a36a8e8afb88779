"""Sub-flows: a loop of one item, ``{input, variables}``, that is a flow of its own.

What it gets is held against that flow's schemas when it begins, its output when it ends; it is the
step's result, and the first failure inside of it is the step's failure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_shim.contract.errors import ErrorInfo, FlowError, final_error
from flowc_shim.contract.scopes import is_outermost
from flowc_shim.contract.steps import PlanFlow, PlanLoop, PlanStep
from flowc_shim.schemas import SchemaMismatch, check_instance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_shim.contract.json_types import Json
    from flowc_shim.contract.plan import Plan
    from flowc_shim.runner.records import LoopRecord


def flows_around(plan: Plan, scope: str) -> Iterator[tuple[str, PlanFlow]]:
    """Yield path and facts of the sub-flows around the steps of ``scope``, the nearest first.

    ``scope`` itself counts.
    """
    while not is_outermost(scope):
        body = plan.steps[scope].body
        if isinstance(body, PlanLoop) and body.flow is not None:
            yield scope, body.flow
        scope = plan.steps[scope].scope


def flow_around(plan: Plan, scope: str) -> tuple[str, PlanFlow] | None:
    """Return path and facts of the sub-flow that the steps of ``scope`` are of, or None."""
    return next(flows_around(plan, scope), None)


def check_what_it_gets(plan: Plan, step: PlanStep, record: LoopRecord) -> None:
    """Hold a sub-flow's input against its schema; raises FlowError (INVALID_INPUT)."""
    flow = _flow_of(step)
    if flow is not None and flow.input_schema is not None and plan.enforce_schemas:
        _check(flow.input_schema, record.item(0)["input"], "INVALID_INPUT", step, "input")


def result_of(plan: Plan, step: PlanStep, values: list[Json]) -> Json:
    """Return a loop's result: of a sub-flow, the one item's; raises FlowError (INVALID_OUTPUT)."""
    flow = _flow_of(step)
    if flow is None:
        return values
    if flow.output_schema is not None and plan.enforce_schemas:
        _check(flow.output_schema, values[0], "INVALID_OUTPUT", step, "output")
    return values[0]


def failure_of(step: PlanStep, inner: ErrorInfo | None) -> ErrorInfo | None:
    """Return why a sub-flow failed: as its first failing step did; None for a loop."""
    return None if _flow_of(step) is None else inner


def _flow_of(step: PlanStep) -> PlanFlow | None:
    return step.body.flow if isinstance(step.body, PlanLoop) else None


def _check(schema: Json, value: Json, code: str, step: PlanStep, what: str) -> None:
    try:
        check_instance(schema, value)
    except SchemaMismatch as mismatch:
        error: FlowError = final_error(code, f"the {what} of flow `{step.id}`: {mismatch}")
        raise error from mismatch
