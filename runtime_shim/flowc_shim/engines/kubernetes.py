"""Asks the Kubernetes API about Workflows, and for one, with the pod's own account."""

from __future__ import annotations

import json
import os
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flowc_shim.engines.api import EngineEnd, EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_shim.contract.json_types import Json

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TIMEOUT = 20.0
_ENDED = ("Succeeded", "Failed", "Error")
_SHUTDOWNS = {"Terminate": "terminated", "Stop": "stopped"}


class Kubernetes:
    """Implements :class:`flowc_shim.engines.api.Engine` for Argo Workflows."""

    def __init__(self, server: str, namespace: str, token: Path, context: Any = None) -> None:
        self._root = f"{server}/apis/argoproj.io/v1alpha1/namespaces/{quote(namespace)}/workflows"
        self._token = token
        self._context = context

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
        return self._ask(f"{self._root}/{quote(name)}", None, but=404) if name else None

    def create(self, workflow: dict[str, Json]) -> None:
        """Create a Workflow, unless its name is taken; raises EngineUnavailable."""
        self._ask(self._root, json.dumps(workflow).encode(), but=409)

    def _ask(self, url: str, body: bytes | None, *, but: int) -> Any:
        """Return the API's answer, None if its code is ``but``; raises EngineUnavailable."""
        request = urllib.request.Request(url, body)  # noqa: S310 (the API)
        request.add_header("Accept", "application/json")
        request.add_header("Content-Type", "application/json")
        try:
            request.add_header("Authorization", f"Bearer {self._token.read_text().strip()}")
            with urllib.request.urlopen(  # noqa: S310 (the API)
                request, timeout=TIMEOUT, context=self._context
            ) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            if error.code == but:
                return None
            raise EngineUnavailable(f"the Kubernetes API answers {error.code}") from error
        except (OSError, ValueError) as error:
            raise EngineUnavailable(f"the Kubernetes API does not answer: {error}") from error


def inside() -> Kubernetes:
    """Return the engine of the cluster that this pod runs in; raises EngineUnavailable."""
    host, port = (
        os.environ.get("KUBERNETES_SERVICE_HOST"),
        os.environ.get("KUBERNETES_SERVICE_PORT"),
    )
    try:
        namespace = (ACCOUNT / "namespace").read_text().strip()
        context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    except OSError as error:
        raise EngineUnavailable(f"this is no pod with a service account: {error}") from error
    if not host:
        raise EngineUnavailable("KUBERNETES_SERVICE_HOST is not set: this is no pod")
    address = f"[{host}]" if ":" in host else host
    return Kubernetes(f"https://{address}:{port or 443}", namespace, ACCOUNT / "token", context)
