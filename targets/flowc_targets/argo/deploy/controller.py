"""Is there a controller of Argo Workflows that runs what is submitted to a namespace?

A controller that is elected renews a Lease every five seconds; every one in the cluster is a pod.
Argo's own manifests label its pods, not its Deployment. Who deploys may see both, or neither.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flowc.deploy.provider import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_targets.argo.deploy.connection import Connection
    from flowc_targets.argo.deploy.kinds import Document

LEASES = "/apis/coordination.k8s.io/v1/leases"
LEASE = "workflow-controller"
"""The name that Argo gives it; a controller with an instance id has another one, and other runs."""

SILENT_SECONDS = 600.0
"""After the lease was renewed; clocks here and there may differ by minutes."""

PODS = "/api/v1/pods"
_SELECTORS = ("app=workflow-controller", "app.kubernetes.io/component=workflow-controller")
"""Of Argo's own manifests, and of its Helm chart."""


def controller(connection: Connection, namespace: str) -> Iterator[Problem]:
    """Report that nobody runs Workflows of ``namespace``, as far as this user may look."""
    leases = _listed(connection, LEASES, fieldSelector=f"metadata.name={LEASE}")
    found = [_listed(connection, PODS, labelSelector=selector) for selector in _SELECTORS]
    if leases is None and None in found:
        return  # this user may see neither
    pods = [pod for some in found for pod in some or ()]
    running = [pod for pod in pods if _is_ready(pod)]
    renewed = {_space(lease) for lease in leases or () if _is_fresh(lease)}
    if running:
        yield from _of_others(running, renewed, namespace)
    elif not renewed:
        yield _nobody([*pods, *(leases or ())])


def _of_others(running: list[Document], renewed: set[str], namespace: str) -> Iterator[Problem]:
    """Report controllers that all look at other namespaces only."""
    looked_at = {_managed(pod) for pod in running}
    unseen = renewed - {_space(pod) for pod in running}
    if unseen or looked_at & {"", namespace}:
        return
    yield Problem(
        f"Argo's controller runs only what is in namespace {', '.join(sorted(looked_at))}",
        "write that one as `namespace:` of the stack, or start a controller without --namespaced",
    )


def _nobody(found: list[Document]) -> Problem:
    if found:
        return Problem(
            f"Argo's controller in `{_space(found[0])}` is not running",
            "see `kubectl get pods` there; runs start only once it does",
        )
    return Problem(
        "no controller of Argo Workflows is found in the cluster",
        "if none runs elsewhere, install Argo Workflows; runs would wait for it",
        stops=False,
    )


def _listed(connection: Connection, path: str, **params: str) -> list[Document] | None:
    """Return a collection of the whole cluster, None if this user may not see it."""
    answer = connection.ask("GET", path, params=dict(params))
    return list(answer.body.get("items") or ()) if answer.status == 200 else None


def _space(document: Document) -> str:
    return str(document["metadata"].get("namespace", ""))


def _is_ready(pod: Document) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)


def _is_fresh(lease: Document) -> bool:
    renewed = (lease.get("spec") or {}).get("renewTime")
    if not renewed:
        return False
    moment = datetime.fromisoformat(str(renewed).replace("Z", "+00:00")).timestamp()
    return time.time() - moment < SILENT_SECONDS


def _managed(pod: Document) -> str:
    """Return the only namespace that a controller looks at, empty if it looks at all."""
    words = _arguments(pod)
    if _option(words, "--namespaced", alone="true") not in ("true", "1"):
        return ""
    return _option(words, "--managed-namespace") or _space(pod)


def _option(words: list[str], name: str, alone: str = "") -> str:
    """Return an option's value, ``alone`` if it needs none and has none, empty if it is not set."""
    for index, word in enumerate(words):
        before, equals, value = word.partition("=")
        if before == name:
            return value if equals else alone or "".join(words[index + 1 : index + 2])
    return ""


def _arguments(pod: Document) -> list[str]:
    containers: Any = (pod.get("spec") or {}).get("containers") or ()
    given = [one.get(key) or () for one in containers for key in ("command", "args")]
    return [str(word) for words in given for word in words]
