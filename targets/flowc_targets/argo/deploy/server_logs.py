"""What the pods of a run printed, as an Argo server streams it: an object of JSON per line.

Pods' annotations cannot be seen this way. Whose a pod is says the Workflow's node of the same
number: both names end in the hash of the node's own name.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flowc.deploy.provider import DeployError, LogLine
from flowc_targets.argo.deploy.logs import asked, printed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowc.deploy.provider import EngineRun
    from flowc_targets.argo.deploy.connection import Connection
    from flowc_targets.argo.deploy.kinds import Document
    from flowc_targets.argo.deploy.workflows import Workflows


def logs(
    connection: Connection,
    namespace: str,
    workflows: Workflows,
    run: EngineRun,
    units: Sequence[str],
    follow: bool,
) -> Iterator[LogLine]:
    """Yield the lines of a run's pods; with ``follow`` until the server says that it has ended."""
    nodes = _Nodes(workflows, run)
    if not nodes.look():
        return  # gone, and the name may be another run's
    path = f"/api/v1/workflows/{namespace}/{run.name}/log"
    params = {f"logOptions.{key}": value for key, value in asked(follow).items()}
    with connection.stream(path, **params) as lines:
        for line in lines:
            pod, content = _entry(line)
            unit, scope = nodes.of_pod(pod)
            if pod and (not units or unit in units):
                yield from printed(unit, scope, content)


def _entry(line: str) -> tuple[str, str]:
    """Return pod and content of an entry; raises DeployError for one that is an error."""
    if not line.strip():
        return "", ""
    try:
        entry: Any = json.loads(line)
    except ValueError as error:
        raise DeployError(f"an Argo server wrote what is no entry of a log: {line[:80]}") from error
    if "error" in entry:
        said = entry["error"].get("message") or entry["error"]
        raise DeployError(f"the Argo server stopped to read logs: {said}", "run it again")
    found = entry.get("result") or {}
    return str(found.get("podName", "")), str(found.get("content", ""))


class _Nodes:
    """Unit and scope by the number of a pod's node; read again when an unknown pod appears."""

    def __init__(self, workflows: Workflows, run: EngineRun) -> None:
        self._workflows = workflows
        self._run = run
        self._known: dict[str, tuple[str, str]] = {}

    def look(self) -> bool:
        """Read the nodes; whether the run is there."""
        found = self._workflows.read(self._run)
        nodes = ((found or {}).get("status") or {}).get("nodes") or {}
        pods = [node for node in nodes.values() if node.get("type") == "Pod"]
        self._known |= {_number(node["id"]): _unit(node) for node in pods}
        return found is not None

    def of_pod(self, name: str) -> tuple[str, str]:
        """Return unit and scope of a pod, empty where the Workflow does not know it."""
        if not name:
            return "", ""
        if _number(name) not in self._known:
            self.look()
        return self._known.setdefault(_number(name), ("", ""))


def _number(name: str) -> str:
    return name.rpartition("-")[2]


def _unit(node: Document) -> tuple[str, str]:
    parameters = (node.get("inputs") or {}).get("parameters") or ()
    values = {one["name"]: str(one.get("value", "")) for one in parameters}
    return values.get("unit", ""), values.get("scope", "")
