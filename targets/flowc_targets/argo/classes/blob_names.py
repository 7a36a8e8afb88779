"""Where the blob endpoint of a deployment is, and what pods have to know of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc_shim.blob_api.address import PATH, PORT, TOKEN, URL
from flowc_targets.argo.classes.names import BLOB_API, ClassNames, namespace_of, shared_service
from flowc_targets.argo.secret_variables import secret_variable

if TYPE_CHECKING:
    from flowc.source.stack_model import BlobApi
    from flowc.target import Compilation


def used_endpoint(compilation: Compilation) -> BlobApi | None:
    """Return the stack's endpoint if some server may use it."""
    classes = (cls for one in compilation.family for cls in one.plan.classes.values())
    servers = (config.get("type") == "stepflow" for config in classes)
    return compilation.placement.stack.blob_api if any(servers) else None


def blob_names(compilation: Compilation) -> ClassNames:
    """Return the names of the endpoint's objects."""
    service = shared_service(compilation.shared_name, BLOB_API)
    return ClassNames(BLOB_API, service, namespace_of(compilation.placement.stack))


def blob_environment(compilation: Compilation) -> list[dict[str, Any]]:
    """Return the variables by which units tell component servers of the endpoint."""
    endpoint = used_endpoint(compilation)
    if endpoint is None:
        return []
    names = blob_names(compilation)
    url = endpoint.url or f"http://{names.service}.{names.namespace}.svc:{PORT}{PATH}"
    return [{"name": URL, "value": url}, secret_variable(TOKEN, endpoint.token)]
