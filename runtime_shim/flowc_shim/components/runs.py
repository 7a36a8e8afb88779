"""Starting runs of detached flows: the class ``runs``, whose components are flows.

``flows``: name → the digest of its ``plan``, the ``schema`` of its input, as text, if it has one,
and the ``data`` that its input has where nobody gives another value.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flowc_shim.contract.errors import final_error
from flowc_shim.contract.plan import with_data
from flowc_shim.schemas import SchemaMismatch, check_instance

if TYPE_CHECKING:
    from flowc_shim.components.api import Call, CallHost
    from flowc_shim.contract.json_types import Json


class RunsClient:
    """Starts one run per step; its output is ``{"run": name}``, and nobody waits for the run."""

    def __init__(self, name: str, config: dict[str, Any]) -> None:
        self._name = name
        self._flows: dict[str, Any] = config["flows"]

    def call(self, call: Call, host: CallHost) -> Json:
        """Start the run, or find that it is started."""
        flow = self._flows.get(call.component)
        if flow is None:
            raise final_error("COMPONENT_NOT_FOUND", f"no flow `{call.component}` in the plan")
        if "schema" in flow:
            try:
                value = with_data(call.input["input"], flow.get("data", {}))
                check_instance(json.loads(flow["schema"]), value)
            except SchemaMismatch as mismatch:
                text = f"the input of flow `{call.component}`: {mismatch}"
                raise final_error("INVALID_INPUT", text) from mismatch
        return {"run": host.start_run(call.component, call.input)}

    def close(self) -> None:
        """Nothing was opened."""
