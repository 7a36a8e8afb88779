"""The ``container`` plugin on Kubernetes: a pod per call, made from a PodTemplate.

What does not depend on the call (image, command, resources, secrets by reference) is in templates
that were deployed with the flow; ``FLOWC_PODS`` says which one is a component's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc_shim.components.command_contract import program_of
from flowc_shim.contract.errors import final_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_shim.components.api import Call, CallHost
    from flowc_shim.contract.json_types import Json

PODS = "FLOWC_PODS"
"""JSON: class → component → name of its PodTemplate."""


class PodClient:
    """Runs the images of ``components: {/name: {image, command, args, env}}``, each in a pod."""

    def __init__(
        self, name: str, config: dict[str, Any], templates: Mapping[str, Mapping[str, str]]
    ) -> None:
        self._name = name
        self._components = config.get("components")
        self._templates = templates.get(name, {})

    def call(self, call: Call, host: CallHost) -> Json:
        """Run a pod; raises FlowError as commands do, and ``CONTAINER_START``, ``POD_LOST``."""
        program_of(self._name, call.component, self._components)
        template = self._templates.get(call.component)
        if template is None:
            message = f"this unit has no PodTemplate for {call.component} of `{self._name}`"
            raise final_error("CONFIGURATION", message)
        return host.run_pod(call, template)

    def close(self) -> None:
        """Nothing outlives a call."""
