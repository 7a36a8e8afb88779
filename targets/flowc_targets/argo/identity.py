"""What the objects of a flow are called, where they are, and whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc_targets._shared.names import label_value, object_name
from flowc_targets.argo.classes.names import namespace_of
from flowc_targets.argo.limits import OBJECT_NAME

if TYPE_CHECKING:
    from flowc.target import Compilation

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "flowc"
"""What that label says of everything that flowc writes; and the field manager of it."""

ROLE = "flowc.dev/role"
"""A label: what a CronWorkflow of flowc is for, ``schedule`` or ``sweeper``."""

PLAN = "flowc.dev/plan"
"""A label: how the digest of the plan begins that an object is of; it names a release."""

NAME = "app.kubernetes.io/name"
"""A label: the deployment that an object, a Workflow or a pod is of."""

Document = dict[str, Any]


def base_name(compilation: Compilation) -> str:
    """Return the name of the flow's objects."""
    return object_name(compilation.name, OBJECT_NAME)


def sweeper_name(compilation: Compilation) -> str:
    """Return the name of the flow's sweeper and of its account."""
    return object_name(f"{base_name(compilation)}-sweeper", OBJECT_NAME)


def starter_name(compilation: Compilation) -> str:
    """Return the name of the account of pods that start runs."""
    return object_name(f"{base_name(compilation)}-starter", OBJECT_NAME)


def programs_name(compilation: Compilation) -> str:
    """Return the name of the account of pods that run programs in pods of their own."""
    return object_name(f"{base_name(compilation)}-programs", OBJECT_NAME)


def places_name(compilation: Compilation) -> str:
    """Return the name of the account of pods that have several others started together."""
    return object_name(f"{base_name(compilation)}-places", OBJECT_NAME)


def plan_name(compilation: Compilation) -> str:
    """Return the name of the plan's ConfigMap: by digest, so that no run ever sees another plan."""
    return f"{base_name(compilation)}-plan-{compilation.plan.digest[:8]}"


def namespace_in(compilation: Compilation) -> str:
    """Return the namespace of the flow's objects."""
    return namespace_of(compilation.placement.stack)


def labels_of(compilation: Compilation) -> dict[str, str]:
    """Return the labels of all objects, and of the Workflows and pods made from them."""
    labels = {
        MANAGED_BY: MANAGER,
        NAME: base_name(compilation),
        "flowc.dev/flow": label_value(compilation.program.name),
        "flowc.dev/project": label_value(compilation.placement.project),
        "flowc.dev/branch": label_value(compilation.placement.branch),
    }
    return {name: value for name, value in labels.items() if value}


def metadata(compilation: Compilation, name: str, role: str = "", plan: str = "") -> Document:
    """Return the metadata of an object of the flow; ``role``, ``plan``: labels, if it has them."""
    more = {ROLE: role, PLAN: plan[:8]}
    labels = labels_of(compilation) | {key: value for key, value in more.items() if value}
    return {"name": name, "namespace": namespace_in(compilation), "labels": labels}
