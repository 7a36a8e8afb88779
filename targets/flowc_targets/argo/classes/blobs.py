"""The blob endpoint of a deployment: a Deployment of the shim's own service, and its Service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc_shim.blob_api.address import PORT, TOKEN
from flowc_targets.argo.classes.blob_names import blob_names, used_endpoint
from flowc_targets.argo.classes.objects import (
    CONTAINER_SECURITY,
    disruption_budget,
    metadata,
    selector_of,
    service,
    service_account,
    spread,
)
from flowc_targets.argo.pods import (
    options_text,
    security_context,
    store_secrets,
    unit_image,
)
from flowc_targets.argo.secret_variables import secret_variable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.source.stack_model import BlobApi, Stack
    from flowc.target import Compilation

Document = dict[str, Any]


def blob_objects(compilation: Compilation, labels: Mapping[str, str]) -> list[Document]:
    """Return the objects of the endpoint; none where there is one already, or nobody asks."""
    endpoint = used_endpoint(compilation)
    if endpoint is None or endpoint.url is not None:
        return []
    names = blob_names(compilation)
    selector = selector_of(names, "blob-api")
    meta = metadata(names.service, names.namespace, {**labels, **selector})
    stack = compilation.placement.stack
    found = [] if endpoint.service_account else [service_account(meta)]
    return [
        *found,
        _deployment(endpoint, meta, selector, stack),
        service(meta, selector, {"http": (PORT, "http")}),
        disruption_budget(meta, selector),
    ]


def _deployment(
    endpoint: BlobApi, meta: Document, selector: Mapping[str, str], stack: Stack
) -> Document:
    pod = {
        # Its account is how it gets at an object store, so it has a token.
        "serviceAccountName": endpoint.service_account or meta["name"],
        "securityContext": security_context(),
        "topologySpreadConstraints": spread(selector),
        "containers": [_container(endpoint, stack)],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta,
        "spec": {
            "replicas": endpoint.replicas,
            "selector": {"matchLabels": dict(selector)},
            "template": {"metadata": {"labels": meta["labels"]}, "spec": pod},
        },
    }


def _container(endpoint: BlobApi, stack: Stack) -> Document:
    health = {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 5}
    return {
        "name": "blob-api",
        "image": unit_image(stack),
        "command": ["flowc-shim"],
        "args": ["blob-api", "--host=0.0.0.0", f"--port={PORT}"],
        "env": _environment(endpoint, stack),
        "ports": [{"name": "http", "containerPort": PORT}],
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}},
        "readinessProbe": health,
        "livenessProbe": {**health, "periodSeconds": 20, "failureThreshold": 6},
        "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
        "securityContext": {**CONTAINER_SECURITY, "readOnlyRootFilesystem": True},
    }


def _environment(endpoint: BlobApi, stack: Stack) -> list[Document]:
    store = stack.state_store
    assert store is not None  # a missing one is refused
    found: list[Document] = [{"name": "FLOWC_STORE", "value": store.url}]
    if store.options:
        found.append({"name": "FLOWC_STORE_OPTIONS", "value": options_text(store)})
    return [*found, *store_secrets(store), secret_variable(TOKEN, endpoint.token)]
