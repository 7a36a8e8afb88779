"""Built-ins that run a flow given as data: ``eval``, ``map``, ``iterate``."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from flowc_shim.components.builtins.inputs import invalid
from flowc_shim.contract.errors import FlowError, user_error

if TYPE_CHECKING:
    from flowc_shim.components.builtins.client import Setting
    from flowc_shim.contract.json_types import Json

_NAMESPACE = uuid.UUID("0d5a4a1e-7c52-5a7b-8f43-2a3f8f3a5f10")
_MAX_ITERATIONS = 1000


def run_eval(setting: Setting) -> Json:
    """Run a stored flow once; its failure does not fail the step, it is the result."""
    fields = setting.fields
    flow_id = fields.text("flow_id")
    # Not by the blob's type: the same flow may have been stored as data before.
    flow = setting.host.get_blob(flow_id)[0]
    if not isinstance(flow, dict):
        raise invalid(f"/eval: blob {flow_id} holds no flow")
    (result,) = setting.host.run_flow(flow, [fields.any("input")], 1)
    run_id = uuid.uuid5(_NAMESPACE, f"{setting.call.run_id}/{setting.call.idempotency_key}")
    return {"result": result, "run_id": str(run_id)}


def run_map(setting: Setting) -> Json:
    """Run a flow once per item; failures of items are counted and do not fail the step."""
    fields = setting.fields
    results = setting.host.run_flow(
        fields.mapping("workflow"), fields.items("items"), fields.count("max_concurrency", None)
    )
    outcomes = [result.get("outcome") for result in results]
    return {
        "results": results,
        "successful": outcomes.count("success"),
        "failed": outcomes.count("failed"),
        "skipped": outcomes.count("skipped"),
    }


def run_iterate(setting: Setting) -> Json:
    """Run a flow on its own ``next`` until it gives a ``result``, or ``max_iterations`` times."""
    fields = setting.fields
    flow = fields.mapping("flow")
    state = fields.any("initial_input")
    limit = fields.count("max_iterations", _MAX_ITERATIONS)
    for done in range(1, limit + 1):
        setting.limits.check()
        (result,) = setting.host.run_flow(flow, [state], 1)
        output = _output_of(result)
        if isinstance(output, dict) and "result" in output:
            return {"result": output["result"], "iterations": done, "terminated": False}
        if not isinstance(output, dict) or "next" not in output:
            raise user_error(
                "INVALID_OUTPUT", "/iterate: the flow has to give either `result` or `next`"
            )
        state = output["next"]
    return {"result": state, "iterations": limit, "terminated": True}


def _output_of(result: dict[str, Any]) -> Json:
    if result.get("outcome") == "success":
        return result.get("result")
    raise failure_of(result, "the flow was skipped")


def failure_of(result: dict[str, Any], otherwise: str) -> FlowError:
    """Return a failed FlowResult as an error of class ``user`` with the same code and message."""
    error = result.get("error")
    if not isinstance(error, dict):
        return user_error("COMPONENT_FAILED", str(error or otherwise))
    code = error.get("code")
    return user_error(
        "COMPONENT_FAILED" if code is None else str(code),
        str(error.get("message", otherwise)),
        data=error.get("data"),
    )
