"""What a target is: features and limits as data, checks that refuse, and an emitter."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowc.diagnostics import Diagnostics
    from flowc.ir.layout import Layout, Unit
    from flowc.ir.model import Program
    from flowc.ir.placement import Placement
    from flowc.source.project_model import Trigger
    from flowc.source.stack_model import Stack
    from flowc_shim.contract.plan import Plan


class Support(str, Enum):
    """How a target supports a feature."""

    NATIVE = "native"
    LOWERED = "lowered"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class FeatureSupport:
    """A cell of the support matrix: how, and what that means or why not."""

    support: Support
    note: str = ""


NATIVE = FeatureSupport(Support.NATIVE)


def native(note: str) -> FeatureSupport:
    """Return the cell of a feature that the target has, with what to know about it."""
    return FeatureSupport(Support.NATIVE, note)


def lowered(how: str) -> FeatureSupport:
    """Return the cell of a feature that is built out of others."""
    return FeatureSupport(Support.LOWERED, how)


def refused(why: str) -> FeatureSupport:
    """Return the cell of a feature that is refused at the source line."""
    return FeatureSupport(Support.REFUSED, why)


@dataclass(frozen=True, slots=True)
class Compilation:
    """Everything that a target gets: the program, where it was placed, its units and its plan.

    ``name``: the base of all names on the target (``<project>-<branch>-<flow>``). ``shared_name``:
    the base of what all flows of the project and branch share; without a project the flow's own.
    ``triggers``: what starts the flow in the chosen environment. ``detached``: the flows that its
    steps start runs of, by step path; they have the names of this one, and are deployed with it.
    """

    program: Program
    placement: Placement
    layout: Layout
    plan: Plan
    name: str
    shared_name: str
    triggers: tuple[Trigger, ...] = ()
    detached: Mapping[str, Compilation] = field(default_factory=dict)

    @property
    def family(self) -> tuple[Compilation, ...]:
        """Return this and all detached flows below it, each once, those that start before those
        that are started.
        """
        found = {self.plan.digest: self}
        waiting = [self]
        while waiting:
            for child in waiting.pop(0).detached.values():
                if child.plan.digest not in found:
                    found[child.plan.digest] = child
                    waiting.append(child)
        return tuple(found.values())


@dataclass(frozen=True, slots=True)
class LoopChoice:
    """How a target goes through one loop: ``how`` is its word for that, ``why`` has the numbers."""

    path: str
    how: str
    why: str

    def __str__(self) -> str:
        return f"{self.path}: {self.how}; {self.why}"


class Target(Protocol):
    """A target; found by entry point (group ``flowc.targets``)."""

    name: str
    features: Mapping[str, FeatureSupport]
    limits: Mapping[str, int]

    def endpoints(self, stack: Stack, shared_name: str) -> Mapping[str, str]:
        """Return the URL, for clients, of each class of ``stack`` that the target brings up."""

    def check(self, compilation: Compilation, diagnostics: Diagnostics) -> None:
        """Report, at source lines, what this target cannot run."""

    def placements(self, compilation: Compilation) -> Mapping[str, str]:
        """Return where each unit runs and why, in words, by the unit's id."""

    def loops(self, compilation: Compilation) -> tuple[LoopChoice, ...]:
        """Return how each loop is gone through, and why, in the order of the flow."""

    def emit(self, compilation: Compilation) -> dict[str, str]:
        """Return file name → text; called only if :meth:`check` reported no error."""


Form: TypeAlias = "Callable[[Compilation], dict[str, str]]"


def forms_of(target: Target) -> Mapping[str, Form]:
    """Return the forms beside its own that a target can write files in, by name."""
    return cast("Mapping[str, Form]", getattr(target, "forms", {}))


def while_units(compilation: Compilation) -> list[Unit]:
    """Return the units that are whole ``while`` loops."""
    return [unit for unit in compilation.layout.units.values() if unit.kind == "while"]


def in_flow_order(compilation: Compilation, found: list[LoopChoice]) -> tuple[LoopChoice, ...]:
    """Return ``found`` as the flow has the loops, outer ones before inner ones."""
    place = {path: number for number, path in enumerate(compilation.program.steps)}
    return tuple(sorted(found, key=lambda choice: place[choice.path]))
