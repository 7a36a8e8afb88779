"""Steps in several places at once, refused by a target that has no such thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, codes

if TYPE_CHECKING:
    from flowc.target import Compilation


def check_locations(
    compilation: Compilation, diagnostics: Diagnostics, *, why: str, hint: str
) -> None:
    """Report each unit with ``locations``; ``why`` ends the sentence."""
    for unit in compilation.layout.units.values():
        if unit.locations is not None:
            diagnostics.report(
                codes.UNSUPPORTED,
                f"step `{unit.id}` runs in {unit.locations.value} locations, {why}",
                unit.locations.span,
                secondary=[(unit.span, "this step")],
                hint=hint,
            )
