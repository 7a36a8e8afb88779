"""Resource profiles that name no nodes of a cluster, and what of them means nothing there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, Span, codes

if TYPE_CHECKING:
    from flowc.source.stack_model import Profile


def check_profile(
    profile: Profile,
    used_by: tuple[Span, str],
    diagnostics: Diagnostics,
    *,
    placed_elsewhere: bool = False,
) -> None:
    """Report what of ``profile`` would have no effect; ``placed_elsewhere``: nodes are named."""
    named = placed_elsewhere or profile.node_selector
    if profile.gpu_type is not None and not named:
        _nameless(f"`gpu_type: {profile.gpu_type}`", profile, used_by, diagnostics)
    if profile.preemptible and not named and not profile.tolerations:
        _nameless("`preemptible`", profile, used_by, diagnostics)
    for key in ("queue", "compute"):
        if getattr(profile, key) is not None:
            diagnostics.report(
                codes.IGNORED_KEY,
                f"`{key}` of profile `{profile.name}` is about AWS and ignored here",
                profile.span,
            )


def _nameless(
    what: str, profile: Profile, used_by: tuple[Span, str], diagnostics: Diagnostics
) -> None:
    diagnostics.report(
        codes.UNSUPPORTED,
        f"{what} names no nodes: clusters label them differently",
        profile.span,
        secondary=[used_by],
        hint="add `node_selector` with the label of such nodes",
    )
