"""The balancer of a component class: a StatefulSet of stock HAProxy with its configuration."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

from flowc_targets._shared.haproxy import (
    CALLS_PORT,
    CONFIGURATION,
    PEERS_PORT,
    READY_PATH,
    START,
    STATUS_PORT,
    BalancerSettings,
    configuration,
    start_script,
)
from flowc_targets.argo.classes.names import BALANCER_PORT
from flowc_targets.argo.classes.objects import (
    CONTAINER_SECURITY,
    autoscaler,
    disruption_budget,
    fixed_number,
    headless,
    metadata,
    selector_of,
    service,
    spread,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.source.stack_model import ComponentClass, Deploy
    from flowc_targets.argo.classes.names import ClassNames

IMAGE = "docker.io/library/haproxy:2.6"
CLUSTER_DOMAIN = "svc.cluster.local"
FOLDER = "/etc/flowc"
USER = 99
"""The user ``haproxy`` of the image."""

LEAVE_SECONDS = 5
_RESOURCES = {
    "requests": {"cpu": "250m", "memory": "128Mi"},
    "limits": {"memory": "512Mi"},
}

Document = dict[str, Any]


def settings_of(cls: ComponentClass, deploy: Deploy, names: ClassNames) -> BalancerSettings:
    """Return what the balancers of a class have to know."""
    return BalancerSettings(
        name=cls.name,
        servers=f"{names.pods}.{names.namespace}.{CLUSTER_DOMAIN}",
        port=deploy.port,
        health_path=deploy.health_path,
        most=deploy.replicas.max,
        names=tuple(f"{names.balancer}-{number}" for number in range(deploy.balancer.replicas.max)),
        domain=names.peers,
        drain=math.ceil(deploy.grace),
    )


def balancer_objects(
    cls: ComponentClass, deploy: Deploy, names: ClassNames, labels: Mapping[str, str]
) -> list[Document]:
    """Return the objects of the balancers of ``cls``."""
    selector = selector_of(names, "balancer")
    labels = {**labels, **selector}

    def named(name: str) -> Document:
        return metadata(name, names.namespace, labels)

    files = _files(cls, deploy, names)
    files_name = f"{names.balancer}-{_digest(files)}"
    replicas = deploy.balancer.replicas
    peers = service(named(names.peers), selector, {"peers": (PEERS_PORT, "peers")})
    return [
        _config_map(named(files_name), files),
        _stateful_set(deploy, names, named(names.balancer), selector, files_name),
        service(named(names.service), selector, {"http": (BALANCER_PORT, "calls")}),
        headless(peers, before_ready=True),
        *autoscaler(named(names.balancer), "StatefulSet", replicas),
        disruption_budget(named(names.balancer), selector),
    ]


def _files(cls: ComponentClass, deploy: Deploy, names: ClassNames) -> dict[str, str]:
    settings = settings_of(cls, deploy, names)
    return {CONFIGURATION: configuration(settings), START: start_script(settings)}


def _digest(files: Mapping[str, str]) -> str:
    return hashlib.sha256("\0".join(files.values()).encode()).hexdigest()[:8]


def _config_map(meta: Document, files: Mapping[str, str]) -> Document:
    """Return the files, under a name of their content: another one starts other balancers."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": meta,
        "immutable": True,
        "data": dict(files),
    }


def _stateful_set(
    deploy: Deploy,
    names: ClassNames,
    meta: Document,
    selector: Mapping[str, str],
    files_name: str,
) -> Document:
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": LEAVE_SECONDS + math.ceil(deploy.grace),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": spread(selector),
        "containers": [_container(deploy)],
        "volumes": [{"name": "files", "configMap": {"name": files_name}}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": meta,
        "spec": {
            "serviceName": names.peers,
            **fixed_number(deploy.balancer.replicas),
            # Balancers do not wait for each other to come up, but are replaced one by one.
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": dict(selector)},
            "template": {"metadata": {"labels": meta["labels"]}, "spec": pod},
        },
    }


def _container(deploy: Deploy) -> Document:
    def field(name: str, path: str) -> Document:
        return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}

    ports = {"calls": CALLS_PORT, "status": STATUS_PORT, "peers": PEERS_PORT}
    return {
        "name": "haproxy",
        "image": deploy.balancer.image or IMAGE,
        "command": ["sh", f"{FOLDER}/{START}", f"{FOLDER}/{CONFIGURATION}"],
        "env": [field("POD_NAME", "metadata.name"), field("POD_IP", "status.podIP")],
        "ports": [{"name": name, "containerPort": port} for name, port in ports.items()],
        "resources": _RESOURCES,
        "readinessProbe": {
            "httpGet": {"path": READY_PATH, "port": "status"}, "periodSeconds": 2
        },
        "livenessProbe": {"tcpSocket": {"port": "status"}, "periodSeconds": 10},
        "lifecycle": {"preStop": {"sleep": {"seconds": LEAVE_SECONDS}}},
        "securityContext": {**CONTAINER_SECURITY, "readOnlyRootFilesystem": True},
        "volumeMounts": [{"name": "files", "mountPath": FOLDER, "readOnly": True}],
    }  # fmt: skip
