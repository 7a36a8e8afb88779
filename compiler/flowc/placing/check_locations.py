"""Steps in several places at once: only a program that is told its fellows can make use of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, codes

if TYPE_CHECKING:
    from flowc.ir.model import Step
    from flowc.ir.placement import PlacedCall

_WHY = {
    "stepflow": "its server decides itself how many there are",
    "container": "containers have networks of their own, where their fellows do not find them",
    "python": "a function is called once",
}
_HINT = {
    "stepflow": "take `locations` away; a class with `deploy` has `replicas`",
    "builtin": "take `locations` away, or bind a deeper path",
}


def check_locations(step: Step, call: PlacedCall, diagnostics: Diagnostics) -> None:
    """Report a step with ``locations`` whose class runs no programs."""
    if call.locations is None or call.locations.value == 1:
        return
    for cls in call.classes:
        if cls.type != "command":
            why = _WHY.get(cls.type, "it runs no program")
            diagnostics.report(
                codes.UNSUPPORTED,
                f"step `{step.id}` cannot run in {call.locations.value} locations: class "
                f"`{cls.name}` is of type `{cls.type}`, and {why}",
                call.locations.span,
                secondary=[(cls.span, "serves the step")],
                hint=_HINT.get(cls.type, "serve the step by a class of type `command`"),
            )
