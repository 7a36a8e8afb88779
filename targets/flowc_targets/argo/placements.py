"""Where each unit runs and why, in words, for ``flowc build --explain-placement``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_targets.argo.pods import resources, scheduling

if TYPE_CHECKING:
    from flowc.ir.layout import Unit
    from flowc.target import Compilation


def placements(compilation: Compilation) -> dict[str, str]:
    """Return unit → place and reason."""
    return {
        unit.id: f"{_place(unit)}; {_reason(unit, compilation)}"
        for unit in compilation.layout.units.values()
    }


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
