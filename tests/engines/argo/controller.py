"""Argo's own controller and server, with the CRDs of the same module."""

from __future__ import annotations

import json
import socket
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx2
import yaml
from tests.engines.argo.api import (
    CronWorkflow,
    Workflow,
    WorkflowTaskResult,
    WorkflowTemplate,
    apply,
)
from tests.engines.argo.images import argoexec_name
from tests.engines.argo.processes import Process, start, wait_until
from tests.gates.argo_module import module_directory

if TYPE_CHECKING:
    from pathlib import Path

    from lightkube import Client
    from tests.engines.argo.programs import Programs

NAMESPACE = "argo"
CONFIG = "workflow-controller-configmap"
KINDS = (Workflow, WorkflowTemplate, CronWorkflow, WorkflowTaskResult)


def install_argo(client: Client, patch: dict[str, Any], folder: Path) -> None:
    """Apply Argo's CRDs and its configuration; ``patch`` is merged into the spec of every pod."""
    for path in sorted((module_directory() / "manifests/base/crds/full").glob("argoproj*.yaml")):
        apply(client, [yaml.load(path.read_text(), Loader=yaml.CSafeLoader)])
    for kind in KINDS:
        wait_until(f"the API of {kind.__name__}", partial(served, client, kind), 60, folder)
    defaults = {"spec": {"podSpecPatch": json.dumps(patch)}}
    executor = {"resources": {"requests": {"cpu": "1m", "memory": "1Mi"}}}
    data = {
        "workflowDefaults": json.dumps(defaults),
        "executor": json.dumps(executor),
        "metricsConfig": json.dumps({"enabled": False}),
        "telemetryConfig": json.dumps({"enabled": False}),
    }
    metadata = {"name": CONFIG, "namespace": NAMESPACE}
    apply(
        client,
        [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data},
        ],
    )


def served(client: Client, kind: Any) -> bool:
    """Whether the API server answers for a kind: it serves a CRD a while after it took it.

    Until then it says 404 on a plain page, then 429, "storage is (re)initializing".
    """
    try:
        list(client.list(kind, namespace="*"))
    except httpx2.HTTPStatusError as error:
        if error.response.status_code in (404, 429):
            return False
        raise
    return True


def start_controller(folder: Path, programs: Programs) -> Process:
    """Start the workflow-controller; one that was killed is started again by the same call."""
    argv = [
        programs.argo / "workflow-controller",
        f"--kubeconfig={folder / 'kubeconfig'}",
        f"--namespace={NAMESPACE}",
        f"--executor-image={argoexec_name(programs.argo_version)}",
        "--executor-image-pull-policy=IfNotPresent",
        "--qps=200",
        "--burst=400",
    ]
    environment = {
        "LEADER_ELECTION_DISABLE": "true",
        "LEADER_ELECTION_IDENTITY": "controller",
        # Argo waits this long before it looks at a Workflow again: 10 s, for clusters of thousands
        "DEFAULT_REQUEUE_TIME": "200ms",
        "POD_ABSENT_TIMEOUT": "10s",
    }
    return start("workflow-controller", argv, folder, environment)


def start_server(folder: Path, programs: Programs) -> tuple[Process, str]:
    """Start the argo-server; return it with its URL. Callers need a token of the cluster."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = [
        programs.argo / "argo",
        "server",
        f"--kubeconfig={folder / 'kubeconfig'}",
        f"--namespace={NAMESPACE}",
        f"--port={port}",
        "--secure=false",
        "--auth-mode=client",
    ]
    # it looks for the API server of a caller's token where kubectl would
    environment = {"KUBECONFIG": str(folder / "kubeconfig")}
    return start("argo-server", argv, folder, environment), f"http://127.0.0.1:{port}"
