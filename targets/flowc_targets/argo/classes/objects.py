"""Kubernetes objects that servers and balancers have alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.source.stack_model import Replicas
    from flowc_targets.argo.classes.names import ClassNames

Document = dict[str, Any]

CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}


def selector_of(names: ClassNames, component: str) -> dict[str, str]:
    """Return the labels by which the pods of a class are found; ``component``: which of them."""
    return {
        "app.kubernetes.io/instance": names.service,
        "app.kubernetes.io/component": component,
    }


def metadata(name: str, namespace: str, labels: Mapping[str, str]) -> Document:
    """Return an object's metadata."""
    return {"name": name, "namespace": namespace, "labels": dict(labels)}


def service_account(meta: Document) -> Document:
    """Return an account of one's own."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}


def service(
    meta: Document, selector: Mapping[str, str], ports: Mapping[str, tuple[int, str | int]]
) -> Document:
    """Return a Service; ``ports``: name → its own port, and the container's."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {
            "selector": dict(selector),
            "ports": [
                {"name": name, "port": port, "targetPort": target}
                for name, (port, target) in ports.items()
            ],
        },
    }


def headless(found: Document, *, before_ready: bool = False) -> Document:
    """Return a Service that is only a DNS name: of what is ready, or of all there is."""
    spec = {"clusterIP": "None", **found["spec"]}
    if before_ready:
        spec["publishNotReadyAddresses"] = True
    return {**found, "spec": spec}


def disruption_budget(meta: Document, selector: Mapping[str, str]) -> Document:
    """Return the budget by which one instance at a time may be moved elsewhere."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": meta,
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": dict(selector)}},
    }


def autoscaler(meta: Document, kind: str, replicas: Replicas) -> list[Document]:
    """Return the autoscaler of ``kind`` of the same name; none where the number is fixed."""
    metrics: list[Document] = []
    if replicas.cpu is not None:
        target = {"type": "Utilization", "averageUtilization": round(replicas.cpu * 100)}
        metrics.append({"type": "Resource", "resource": {"name": "cpu", "target": target}})
    if replicas.metric is not None:
        name, value = replicas.metric
        target = {"type": "AverageValue", "averageValue": value}
        metrics.append({"type": "Pods", "pods": {"metric": {"name": name}, "target": target}})
    if replicas.min == replicas.max or not metrics:
        return []
    return [
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": meta,
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": kind, "name": meta["name"]},
                "minReplicas": replicas.min,
                "maxReplicas": replicas.max,
                "metrics": metrics,
            },
        }
    ]


def fixed_number(replicas: Replicas) -> Document:
    """Return ``replicas``; nothing where an autoscaler sets them, which an apply would undo."""
    return {"replicas": replicas.min} if replicas.min == replicas.max else {}


def spread(selector: Mapping[str, str]) -> list[Document]:
    """Return the wish that instances run on different machines."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": dict(selector)},
        }
    ]
