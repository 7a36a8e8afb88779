"""Jobs on several machines: only Batch starts them together, and not on every machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, codes

if TYPE_CHECKING:
    from flowc.ir.layout import Unit

MOST_NODES = 1_000
"""Of one job (https://docs.aws.amazon.com/batch/latest/userguide/multi-node-parallel-jobs.html)."""


def check_together(unit: Unit, diagnostics: Diagnostics) -> None:
    """Report what a unit with ``locations`` asks for that Batch does not start together."""
    if unit.locations is None:
        return
    said = unit.profile.compute if unit.profile and unit.profile.compute else None
    if said not in (None, "batch"):
        diagnostics.report(
            codes.UNSUPPORTED,
            f"step `{unit.id}` runs in {unit.locations.value} locations, "
            f"which `compute: {said}` does not start together",
            unit.locations.span,
            secondary=[(unit.profile.span, "chosen here")] if unit.profile else [],
            hint="give its profile `compute: batch`",
        )
    if unit.profile is not None and unit.profile.preemptible:
        diagnostics.report(
            codes.UNSUPPORTED,
            f"step `{unit.id}` runs in {unit.locations.value} locations, "
            "and Batch starts no jobs of several machines on Spot machines",
            unit.profile.span,
            secondary=[(unit.locations.span, "asked for here")],
            hint="take `preemptible` away",
        )
    if unit.locations.value > MOST_NODES:
        diagnostics.report(
            codes.SIZE_LIMIT,
            f"step `{unit.id}` runs in {unit.locations.value} locations, "
            f"and a job has at most {MOST_NODES:,} machines",
            unit.locations.span,
        )
