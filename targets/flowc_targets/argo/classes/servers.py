"""The servers of a component class: Deployment, Services, autoscaler, budget, account."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from flowc_targets.argo.classes.names import BALANCER_PORT, has_balancer
from flowc_targets.argo.classes.objects import (
    CONTAINER_SECURITY,
    autoscaler,
    disruption_budget,
    fixed_number,
    headless,
    metadata,
    selector_of,
    service,
    service_account,
    spread,
)
from flowc_targets.argo.pods import image_of, requested, scheduling
from flowc_targets.argo.secret_variables import secret_variable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.source.stack_model import ComponentClass, Deploy, Stack
    from flowc_targets.argo.classes.names import ClassNames

END_SECONDS = 30
"""What a server has to end in, once it is told to; it gets no calls any more by then."""

START_CHECKS = 120
CHECK_SECONDS = 5
"""A server may take ten minutes to load a model before it is taken for dead."""

Document = dict[str, Any]


def server_objects(
    cls: ComponentClass,
    deploy: Deploy,
    names: ClassNames,
    labels: Mapping[str, str],
    stack: Stack,
) -> list[Document]:
    """Return the objects of the servers of ``cls``."""
    selector = selector_of(names, "server")
    meta = metadata(names.service, names.namespace, {**labels, **selector})
    found: list[Document] = []
    if deploy.service_account is None:
        found.append({**service_account(meta), "automountServiceAccountToken": False})
    found.append(_deployment(cls, deploy, meta, selector, stack))
    if has_balancer(cls):
        pods = metadata(names.pods, names.namespace, {**labels, **selector})
        found.append(headless(service(pods, selector, {"http": (deploy.port, "http")})))
    else:
        found.append(service(meta, selector, {"http": (BALANCER_PORT, "http")}))
    found += autoscaler(meta, "Deployment", deploy.replicas)
    found.append(disruption_budget(meta, selector))
    return found


def _deployment(
    cls: ComponentClass,
    deploy: Deploy,
    meta: Document,
    selector: Mapping[str, str],
    stack: Stack,
) -> Document:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta,
        "spec": {
            **fixed_number(deploy.replicas),
            "selector": {"matchLabels": dict(selector)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": _roll_out(cls)},
            "template": {
                "metadata": {"labels": meta["labels"]},
                "spec": _pod(deploy, meta["name"], selector, stack),
            },
        },
    }


def _roll_out(cls: ComponentClass) -> Document:
    """Return how servers are replaced: without a balancer there must never be two."""
    if has_balancer(cls):
        return {"maxSurge": "25%", "maxUnavailable": 0}
    return {"maxSurge": 0, "maxUnavailable": 1}


def _pod(deploy: Deploy, name: str, selector: Mapping[str, str], stack: Stack) -> Document:
    place = scheduling(deploy.profile)
    labels = {**place.get("nodeSelector", {}), **deploy.node_selector}
    tolerations = [*place.get("tolerations", []), *deploy.tolerations]
    pod: Document = {
        "serviceAccountName": deploy.service_account or name,
        "terminationGracePeriodSeconds": math.ceil(deploy.grace) + END_SECONDS,
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "topologySpreadConstraints": spread(selector),
        "containers": [_container(deploy, stack)],
    }
    if deploy.service_account is None:
        pod["automountServiceAccountToken"] = False
    if labels:
        pod["nodeSelector"] = labels
    if tolerations:
        pod["tolerations"] = tolerations
    return pod


def _container(deploy: Deploy, stack: Stack) -> Document:
    container: Document = {"name": "server", "image": image_of(deploy.image, stack)}
    if deploy.command:
        container["command"] = list(deploy.command)
    if deploy.args:
        container["args"] = list(deploy.args)
    health = {"httpGet": {"path": deploy.health_path, "port": "http"}}
    return {
        **container,
        "env": _environment(deploy),
        "ports": [{"name": "http", "containerPort": deploy.port}],
        "resources": requested(deploy.needs),
        "startupProbe": {
            **health, "periodSeconds": CHECK_SECONDS, "failureThreshold": START_CHECKS
        },
        "readinessProbe": {**health, "periodSeconds": CHECK_SECONDS, "timeoutSeconds": 3},
        # A server that computes may answer late; it is killed only if it is silent for minutes.
        "livenessProbe": {
            **health, "periodSeconds": 20, "timeoutSeconds": 10, "failureThreshold": 9
        },
        # A server that is told to stop takes no answers any more, so it is told late: it leaves
        # DNS at once, gets no new calls, and has this long to end those that it has.
        "lifecycle": {"preStop": {"sleep": {"seconds": max(1, math.ceil(deploy.grace))}}},
        "securityContext": CONTAINER_SECURITY,
    }  # fmt: skip


def _environment(deploy: Deploy) -> list[Document]:
    """Return the variables of a server; ``PORT`` says where it is to listen."""
    found: list[Document] = [{"name": "PORT", "value": str(deploy.port)}]
    for name, value in deploy.env.items():
        if isinstance(value, dict):
            found.append(secret_variable(name, str(value["secret"])))
        else:
            found.append({"name": name, "value": str(value)})
    return found
