"""Steps that a binding sends to another stack: what one engine can do, and what it cannot.

A run is led by one engine with one state store. So another stack may say which classes serve a
step, on which routes, and what its container gets; it may not be another place.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, codes
from flowc.placing.routing import Routing, compile_stack_routes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowc.source.model import At
    from flowc.source.stack_model import ComponentClass, Deployment, Profile, Stack
    from flowc_shim.contract.steps import Candidate

_SAME_PLACE = ("target", "namespace", "region", "unit_image", "state_store", "retention")


@dataclass(slots=True)
class OtherStacks:
    """The stacks of the file beside the one that is chosen; each is looked at once."""

    stack: Stack
    others: Mapping[str, Stack]
    diagnostics: Diagnostics
    routings: dict[str, Routing] = field(default_factory=dict)
    used: dict[str, ComponentClass] = field(default_factory=dict)
    deployments: dict[str, Deployment] = field(default_factory=dict)

    def routing(self, name: At[str]) -> Routing | None:
        """Return the routes of another stack, None if no step can go there (reported)."""
        if name.value not in self.routings:
            if not self._check(name):
                return None
            other = self.others[name.value]
            self.routings[name.value] = compile_stack_routes(other, True, self.diagnostics)
        return self.routings[name.value]

    def _check(self, name: At[str]) -> bool:
        if name.value not in self.others:
            near = get_close_matches(name.value, sorted(self.others), n=1)
            known = ", ".join(f"`{one}`" for one in sorted(self.others))
            self.diagnostics.report(
                codes.UNKNOWN_NAME,
                f"there is no stack `{name.value}`",
                name.span,
                hint=f"write `{near[0]}`" if near else f"stacks of the file: {known}",
            )
            return False
        other = self.others[name.value]
        differing = [key for key in _SAME_PLACE if self._differs(other, key)]
        for key in differing[:1]:
            self.diagnostics.report(
                codes.UNSUPPORTED,
                f"stack `{name.value}` has another `{key}` than `{self.stack.name}`, "
                "and a run is led by one engine in one place",
                name.span,
                secondary=[(other.span, "defined here")],
                hint="serve the component there, and route the step to it by `url`",
            )
        return not differing

    def _differs(self, other: Stack, key: str) -> bool:
        mine, theirs = _place(self.stack, key), _place(other, key)
        # A stack that names no target, or no store, is for whichever it is used with.
        return theirs is not None and mine != theirs

    def qualified(
        self,
        name: str,
        candidates: Iterable[Candidate],
        classes: Iterable[ComponentClass],
    ) -> tuple[tuple[Candidate, ...], tuple[ComponentClass, ...]]:
        """Return candidates and classes under names that the chosen stack does not have."""
        found = tuple(_qualified(name, cls) for cls in classes)
        self.used.update((cls.name, cls) for cls in found)
        self._take_fellows(name, {cls.deployment for cls in classes} - {None})
        renamed = (replace(c, component_class=f"{name}/{c.component_class}") for c in candidates)
        return tuple(renamed), found

    def _take_fellows(self, name: str, deployments: set[str | None]) -> None:
        """Take the deployments of another stack whole: their services come up together."""
        other = self.others[name]
        for deployment in (other.deployments[one] for one in deployments if one is not None):
            services = [_qualified(name, other.classes[one]) for one in deployment.services]
            self.used.update((cls.name, cls) for cls in services)
            own = f"{name}/{deployment.name}"
            names = tuple(cls.name for cls in services)
            self.deployments[own] = replace(deployment, name=own, services=names)

    def merged(self) -> Stack:
        """Return the chosen stack with the classes of others that steps use."""
        if not self.used:
            return self.stack
        return replace(
            self.stack,
            classes={**self.stack.classes, **self.used},
            deployments={**self.stack.deployments, **self.deployments},
        )


def _qualified(stack: str, cls: ComponentClass) -> ComponentClass:
    """Return a class, and what deployment it is of, under names that no other stack has."""
    renamed = replace(cls, name=f"{stack}/{cls.name}")
    if cls.deployment is None:
        return renamed
    deployment = f"{stack}/{cls.deployment}"
    return replace(renamed, deployment=deployment, config={**cls.config, "deployment": deployment})


def qualified_profile(stack: str, profile: Profile | None) -> Profile | None:
    """Return a profile under a name that the chosen stack does not have."""
    return None if profile is None else replace(profile, name=f"{stack}/{profile.name}")


def _place(stack: Stack, key: str) -> object:
    value = getattr(stack, key)
    return (value.url, dict(value.options)) if key == "state_store" and value else value
