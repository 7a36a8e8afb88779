"""The Kubernetes API as the tests use it: lightkube, with Argo's kinds beside Kubernetes' own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lightkube import Client, KubeConfig
from lightkube.codecs import from_dict
from lightkube.generic_resource import create_global_resource, create_namespaced_resource

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

GROUP, VERSION = "argoproj.io", "v1alpha1"
MANAGER = "tests"


def _kind(name: str) -> Any:
    return create_namespaced_resource(GROUP, VERSION, name, f"{name.lower()}s")


Workflow = _kind("Workflow")
WorkflowTemplate = _kind("WorkflowTemplate")
CronWorkflow = _kind("CronWorkflow")
WorkflowTaskResult = _kind("WorkflowTaskResult")
ClusterWorkflowTemplate = create_global_resource(
    GROUP, VERSION, "ClusterWorkflowTemplate", "clusterworkflowtemplates"
)


def connect(kubeconfig: Path) -> Client:
    """Return a client with the rights of the file's current context."""
    return Client(config=KubeConfig.from_file(kubeconfig), field_manager=MANAGER, trust_env=False)


def apply(client: Client, documents: Iterable[dict[str, Any]], namespace: str = "") -> None:
    """Apply documents by server-side apply, in their order; ``namespace`` replaces theirs."""
    for document in documents:
        found = from_dict(document)
        metadata = found.metadata
        if namespace and metadata.namespace:
            metadata.namespace = namespace
        client.apply(found, force=True)
