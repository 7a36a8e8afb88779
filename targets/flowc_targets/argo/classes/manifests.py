"""One file per component class that comes up beside the flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc_targets._shared.names import label_value, object_name
from flowc_targets.argo.classes.balancers import balancer_objects
from flowc_targets.argo.classes.blobs import blob_objects
from flowc_targets.argo.classes.names import deployed_classes, has_balancer
from flowc_targets.argo.classes.servers import server_objects
from flowc_targets.argo.identity import MANAGED_BY, MANAGER, NAME
from flowc_targets.argo.limits import OBJECT_NAME

if TYPE_CHECKING:
    from flowc.target import Compilation

Document = dict[str, Any]


def class_files(compilation: Compilation) -> dict[str, list[Document]]:
    """Return file name → objects."""
    labels = _labels(compilation)
    found = {}
    for cls, names in deployed_classes(compilation):
        assert cls.deploy is not None
        own = {**labels, "flowc.dev/class": label_value(cls.name)}
        objects = server_objects(cls, cls.deploy, names, own, compilation.placement.stack)
        if has_balancer(cls):
            objects += balancer_objects(cls, cls.deploy, names, own)
        found[f"class-{names.own}.yaml"] = objects
    blobs = blob_objects(compilation, labels)
    return {**found, "blob-api.yaml": blobs} if blobs else found


def _labels(compilation: Compilation) -> dict[str, str]:
    """Return the labels of what flows share: no flow's own, unless there is but one flow.

    The name says whose they are: what is shared is never taken away with one of the flows.
    """
    placement = compilation.placement
    owner = object_name(compilation.shared_name, OBJECT_NAME)
    labels = {
        NAME: f"{owner}--classes" if placement.project else owner,
        MANAGED_BY: MANAGER,
        "flowc.dev/project": label_value(placement.project),
        "flowc.dev/branch": label_value(placement.branch),
    }
    if not placement.project:
        labels["flowc.dev/flow"] = label_value(compilation.program.name)
    return {name: value for name, value in labels.items() if value}
