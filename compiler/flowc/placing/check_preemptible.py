"""Machines that may be taken away: whoever is on them has to be tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, codes

if TYPE_CHECKING:
    from flowc.ir.model import Step
    from flowc.ir.placement import PlacedCall


def check_preemptible(step: Step, call: PlacedCall, diagnostics: Diagnostics) -> None:
    """Report ``step`` if its machine, or its server's, may go and it is not tried again then."""
    if call.retry.platform.max > 0:
        return
    deployed = [cls.deploy.profile for cls in call.classes if cls.deploy is not None]
    for profile in (call.profile, *deployed):
        if profile is not None and profile.preemptible:
            diagnostics.report(
                codes.PREEMPTIBLE,
                f"step `{step.id}` runs on machines that may be taken away, "
                "and is not tried again when they are",
                step.span,
                secondary=[(profile.span, "this profile is `preemptible`")],
                hint="give `retry.platform` a `max` of 1 or more",
            )
            return
