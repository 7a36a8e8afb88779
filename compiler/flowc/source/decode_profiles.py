"""Resource profiles of a stack, and the resources that component classes state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import codes
from flowc.source.decode_policies import decode_needs, decode_needs_or_profile
from flowc.source.decode_tolerations import decode_tolerations
from flowc.source.fields import Decoding, Fields, nearest
from flowc.source.stack_model import Profile
from flowc.source.stack_tables import PROFILE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.source.model import Needs


def decode_profiles(stack: Fields, decoding: Decoding) -> dict[str, Profile]:
    """Return the profiles under ``resources``."""
    if not stack.has("resources"):
        return {}
    found = {}
    entries = decoding.entries(
        stack.raw["resources"], "`resources` of a stack", stack.value_at("resources")
    )
    for name, raw, key_at, at in entries:
        fields = decoding.open(raw, PROFILE, at)
        if fields is not None:
            found[name] = Profile(
                name=name,
                needs=decode_needs(fields),
                span=key_at,
                gpu_type=fields.text("gpu_type"),
                machine_type=fields.text("machine_type"),
                preemptible=fields.flag("preemptible"),
                node_selector=fields.text_map("node_selector"),
                tolerations=decode_tolerations(fields),
                queue=fields.text("queue"),
                compute=fields.text("compute"),
            )
    return found


def decode_class_resources(
    fields: Fields, profiles: Mapping[str, Profile]
) -> tuple[Needs | None, str | None]:
    """Return what a class says it has, and the profile that says so if one does."""
    stated = decode_needs_or_profile(fields, "resources")
    if not isinstance(stated, str):
        return stated, None
    if stated in profiles:
        return profiles[stated].needs, stated
    meant = nearest(stated, profiles)
    fields.decoding.report(
        codes.UNKNOWN_PROFILE,
        f"`{stated}` is not a resource profile of this stack",
        fields.value_at("resources"),
        hint=f"write `{meant}`" if meant else "define it under `resources` of the stack",
        secondary=[(profiles[meant].span, "did you mean this one?")] if meant else [],
    )
    return None, None
