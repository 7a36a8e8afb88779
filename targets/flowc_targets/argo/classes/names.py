"""Names of a class's objects, and the URL that clients find it by.

A class belongs to a project and branch, and all their flows share it: its servers may hold GPUs.
``--`` stands before the class's own name, where no name of a flow has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc_targets._shared.called_classes import called_classes
from flowc_targets._shared.names import hashed_name, object_name, unique_names

if TYPE_CHECKING:
    from flowc.source.stack_model import ComponentClass, Stack
    from flowc.target import Compilation

DEFAULT_NAMESPACE = "default"
BALANCER_PORT = 8080
BLOB_API = "blob-api"
"""The own name of the blob endpoint, which no class takes."""

LIMIT = 36
"""Of a name's 63 characters. A StatefulSet's is part of a label, with a hash behind it, and the
longest suffix here is ``-lb-peers``."""


@dataclass(frozen=True, slots=True)
class ClassNames:
    """The names of one class's objects: ``own`` in files, ``service`` is what clients call."""

    own: str
    service: str
    namespace: str

    @property
    def pods(self) -> str:
        """Return the headless Service that lists the servers that are ready."""
        return f"{self.service}-pods"

    @property
    def balancer(self) -> str:
        """Return the StatefulSet of balancers."""
        return f"{self.service}-lb"

    @property
    def peers(self) -> str:
        """Return the headless Service by which the balancers find each other."""
        return f"{self.service}-lb-peers"


def namespace_of(stack: Stack) -> str:
    """Return the namespace; a RoleBinding and a DNS name cannot do without one."""
    return stack.namespace or DEFAULT_NAMESPACE


def class_names(stack: Stack, shared_name: str) -> dict[str, ClassNames]:
    """Return the names of each class that is to be deployed."""
    found = {}
    for name, readable in unique_names(stack.classes, LIMIT, {BLOB_API}).items():
        if stack.classes[name].deploy is not None:
            own = object_name(readable, LIMIT)
            found[name] = ClassNames(own, shared_service(shared_name, own), namespace_of(stack))
    return found


def shared_service(shared_name: str, own: str) -> str:
    """Return the name of a Service that flows share; it begins with a letter, as it has to."""
    name = f"{shared_name}--{own}"
    name = name if name[0].isalpha() else f"n-{name}"
    return hashed_name(name, LIMIT) if len(name) > LIMIT else name


def has_balancer(cls: ComponentClass) -> bool:
    """Whether a balancer stands before the class: one server needs none."""
    return cls.deploy is not None and cls.deploy.replicas.max > 1


def class_urls(stack: Stack, shared_name: str) -> dict[str, str]:
    """Return the URL of each class that is to be deployed."""
    return {
        name: f"http://{names.service}.{names.namespace}.svc:{BALANCER_PORT}"
        for name, names in class_names(stack, shared_name).items()
    }


def deployed_classes(compilation: Compilation) -> list[tuple[ComponentClass, ClassNames]]:
    """Return the classes that the plans of a release may call and that come up with it, by name."""
    return called_classes(
        compilation, class_names(compilation.placement.stack, compilation.shared_name)
    )
