"""Component classes of type ``container``: which units have them, and the layout that they leave.

The program of such a class runs in a pod that the unit's process makes (decision 0032). So what the
step asks for belongs to that pod, and the unit's own only waits.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from flowc.ir.own_images import own_images
from flowc_shim.components.pods import PODS
from flowc_targets.argo.identity import programs_name
from flowc_targets.argo.means import PROGRAMS, Means
from flowc_targets.argo.places import units_in_places

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc.ir.layout import Layout
    from flowc.ir.own_images import OwnImage
    from flowc.ir.placement import PlacedCall
    from flowc.source.model import Needs
    from flowc.source.stack_model import Profile
    from flowc.target import Compilation


@dataclass(frozen=True, slots=True)
class Program:
    """A component with an image of its own, and what the steps that call it ask for.

    ``room``: that as text, which is the same for the same.
    """

    image: OwnImage
    room: str
    needs: Needs | None = field(compare=False)
    profile: Profile | None = field(compare=False)


def has_programs(compilation: Compilation) -> bool:
    """Whether a flow of the release has a step with a program in a pod of its own."""
    return any(
        own_images(call) for one in compilation.family for call in one.placement.calls.values()
    )


def programs_of(compilation: Compilation) -> dict[str, tuple[Program, ...]]:
    """Return the programs of each unit that has any."""
    found = {
        unit.id: tuple(
            program
            for path in unit.steps
            if path in compilation.placement.calls
            for program in _programs(compilation.placement.calls[path])
        )
        for unit in compilation.layout.units.values()
        if unit.kind == "steps"
    }
    return {unit: programs for unit, programs in found.items() if programs}


def _programs(call: PlacedCall) -> Iterator[Program]:
    for image in own_images(call):
        yield Program(image, _room(call.needs, call.profile), call.needs, call.profile)


def _room(needs: Needs | None, profile: Profile | None) -> str:
    numbers = [needs.cpu, needs.memory, needs.disk, needs.gpu] if needs else []
    return json.dumps([profile.name if profile else "", numbers])


def pods_layout(compilation: Compilation) -> Layout:
    """Return the layout by what the units' own pods need: nothing, if other pods have it.

    Who leads several places waits for room for them, and how long that takes nobody knows.
    """
    layout = compilation.layout
    light = {
        unit: replace(layout.units[unit], heavy=False, needs=None, profile=None)
        for unit in programs_of(compilation)
    }
    for unit, own in units_in_places(compilation).items():
        light[unit] = replace(own, heavy=False, needs=None, profile=None, time_bound=None)
    return replace(layout, units={**layout.units, **light}) if light else layout


def program_means(compilation: Compilation, templates: Mapping[Program, str]) -> dict[str, Means]:
    """Return how each unit with programs runs them; ``templates``: their PodTemplates.

    Units whose programs ask for the same are told of all of these, so that they share a template.
    """
    units = programs_of(compilation)
    rooms: dict[str, dict[str, dict[str, str]]] = {}
    for programs in units.values():
        for one in programs:
            classes = rooms.setdefault(one.room, {})
            of_class = classes.setdefault(one.image.component_class, {})
            of_class[one.image.component] = templates[one]
    return {unit: _means(compilation, rooms[programs[0].room]) for unit, programs in units.items()}


def _means(compilation: Compilation, classes: dict[str, dict[str, str]]) -> Means:
    value = json.dumps(classes, sort_keys=True)
    return Means(PROGRAMS, programs_name(compilation), PODS, value, owns=True)
