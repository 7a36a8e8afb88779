"""Where each unit runs and why, in words, for ``flowc build --explain-placement``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_targets.argo.places import units_in_places
from flowc_targets.argo.pods import image_of, resources, scheduling
from flowc_targets.argo.programs import pods_layout, programs_of

if TYPE_CHECKING:
    from flowc.ir.layout import Unit
    from flowc.target import Compilation


def placements(compilation: Compilation) -> dict[str, str]:
    """Return unit → place and reason."""
    return {
        unit.id: f"{_place(unit)}; {_reason(unit, compilation)}"
        for unit in compilation.layout.units.values()
    } | _elsewhere(compilation)


def _elsewhere(compilation: Compilation) -> dict[str, str]:
    """Return where units run whose programs have pods of their own."""
    light = pods_layout(compilation).units
    found = {}
    for unit, own in units_in_places(compilation).items():
        assert own.locations is not None
        found[unit] = (
            f"{_place(light[unit])}, that makes a JobSet of {own.locations.value}, each a "
            f"{_place(own)}; {_reason(own, compilation)}"
        )
    for unit, programs in programs_of(compilation).items():
        own = compilation.layout.units[unit]
        images = dict.fromkeys(
            f"`{image_of(one.image.image, compilation.placement.stack)}`" for one in programs
        )
        found[unit] = (
            f"{_place(light[unit])}, that makes a {_place(own)}, from {', '.join(images)}; "
            f"{_reason(own, compilation)}"
        )
    return found


def _place(unit: Unit) -> str:
    asked = resources(unit.needs)["requests"]
    amounts = ", ".join(f"{name} {amount}" for name, amount in asked.items())
    nodes = scheduling(unit.profile).get("nodeSelector", {})
    on = ", ".join(f"{label}={value}" for label, value in nodes.items())
    return f"pod with {amounts}" + (f", on nodes with {on}" if on else "")


def _reason(unit: Unit, compilation: Compilation) -> str:
    if unit.kind not in ("steps", "while"):
        return "it runs no component"
    if unit.needs is not None or unit.profile is not None:
        name = unit.profile.name if unit.profile else None
        return f"profile `{name}`" if name else "what the step asks for"
    classes = {
        cls.name: compilation.plan.classes[cls.name].get("url")
        for path in unit.steps
        if path in compilation.placement.calls
        for cls in compilation.placement.calls[path].classes
    }
    served = ", ".join(f"`{name}` at {url}" for name, url in classes.items() if url)
    return f"it waits for class {served}" if served else "it asks for nothing"
