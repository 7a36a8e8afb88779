"""Names of a class's objects, and the URL that clients find it by.

A class belongs to a project and branch, and all their flows share it: its servers may hold GPUs.
All names of what is shared begin alike, with ``--`` behind the project, which no flow's name has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc_targets._shared.called_classes import called_classes
from flowc_targets._shared.names import object_name, unique_names

if TYPE_CHECKING:
    from flowc.source.stack_model import ComponentClass, Stack
    from flowc.target import Compilation

SHARED = 22
OWN = 20
"""Characters of both parts: a role's name has 64, with ``-pull`` and the longest region behind."""


@dataclass(frozen=True, slots=True)
class ClassNames:
    """The names of one class's objects: ``own`` in files, ``service`` of ECS and of Cloud Map."""

    own: str
    service: str
    cluster: str
    namespace: str | None

    @property
    def ecs_service(self) -> str:
        """Return the ECS service, which is told by its cluster too."""
        return f"{self.cluster}/{self.service}"

    @property
    def discovery(self) -> str:
        """Return the service of Cloud Map, which is told by its namespace too."""
        return f"{self.namespace}/{self.service}"

    @property
    def log_group(self) -> str:
        """Return where servers write their output."""
        return log_group(self.service)


def log_group(service: str) -> str:
    """Return where the servers of a class write their output."""
    return f"/flowc/{service}"


def class_prefix(shared_name: str) -> str:
    """Return how all names of the classes of a project and branch begin."""
    return f"{object_name(shared_name, SHARED)}--"


def class_owner(shared_name: str, project: str) -> str:
    """Return whose the classes are, as tags say it; without a project they are the flow's own."""
    return f"{shared_name}--classes" if project else shared_name


def class_names(stack: Stack, shared_name: str) -> dict[str, ClassNames]:
    """Return the names of each class that can be deployed: one that the stack has a place for."""
    found: dict[str, ClassNames] = {}
    if stack.ecs is None:
        return found
    for name, readable in unique_names(stack.classes, OWN).items():
        deploy = stack.classes[name].deploy
        if deploy is not None and (stack.ecs.namespace or deploy.load_balancer):
            own = object_name(readable, OWN)
            service = class_prefix(shared_name) + own
            found[name] = ClassNames(own, service, stack.ecs.cluster, stack.ecs.namespace)
    return found


def class_urls(stack: Stack, shared_name: str) -> dict[str, str]:
    """Return the URL of each class that can be deployed."""
    found = {}
    for name, names in class_names(stack, shared_name).items():
        deploy = stack.classes[name].deploy
        assert deploy is not None
        balancer = deploy.load_balancer
        here = f"http://{names.service}.{names.namespace}:{deploy.port}"
        found[name] = here if balancer is None else balancer.url
    return found


def deployed_classes(compilation: Compilation) -> list[tuple[ComponentClass, ClassNames]]:
    """Return the classes that the plans of a release may call and that come up with it, by name."""
    return called_classes(
        compilation, class_names(compilation.placement.stack, compilation.shared_name)
    )
