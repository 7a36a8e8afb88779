"""Asks the Kubernetes API about Workflows, and for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flowc_shim.engines.api import EngineEnd

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_shim.contract.json_types import Json
    from flowc_shim.engines.kube_api import KubeApi

_ENDED = ("Succeeded", "Failed", "Error")
_SHUTDOWNS = {"Terminate": "terminated", "Stop": "stopped"}


class Kubernetes:
    """Implements :class:`flowc_shim.engines.api.Engine` for Argo Workflows."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api
        self._root = f"/apis/argoproj.io/v1alpha1/namespaces/{quote(api.namespace)}/workflows"

    def end_of(self, run: str, header: Mapping[str, Json]) -> EngineEnd | None:
        """Return how the Workflow of uid ``run`` ended, None while it goes on."""
        found = self._get(str(header.get("name") or ""))
        if found is None or found["metadata"]["uid"] != run:
            return EngineEnd("terminated", "its Workflow was deleted")
        status = found.get("status") or {}
        phase = status.get("phase") or ""
        if phase not in _ENDED:
            return None
        shutdown = (found.get("spec") or {}).get("shutdown") or ""
        if phase != "Succeeded" and shutdown in _SHUTDOWNS:
            return EngineEnd(_SHUTDOWNS[shutdown], status.get("message") or "")
        return EngineEnd(phase.lower(), status.get("message") or "")

    def _get(self, name: str) -> Any:
        """Return the Workflow called ``name``, None if there is none; raises EngineUnavailable."""
        return self._api.ask(f"{self._root}/{quote(name)}", but=404) if name else None

    def create(self, workflow: dict[str, Json]) -> None:
        """Create a Workflow, unless its name is taken; raises EngineUnavailable."""
        self._api.ask(self._root, workflow, but=409)
