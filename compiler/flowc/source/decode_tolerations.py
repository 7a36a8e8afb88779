"""Tolerations: the taints of nodes that pods put up with, as Kubernetes spells them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import codes
from flowc.source.stack_tables import TOLERATION
from flowc_shim.language.decode import plain

if TYPE_CHECKING:
    from flowc.source.fields import Fields
    from flowc_shim.contract.json_types import Json


def decode_tolerations(fields: Fields) -> tuple[Json, ...]:
    """Return ``tolerations`` with their keys checked, as Kubernetes spells them."""
    raw = fields.get("tolerations")
    if raw is None:
        return ()
    found = []
    for item, at in fields.decoding.items(raw, "`tolerations`", fields.value_at("tolerations")):
        opened = fields.decoding.open(item, TOLERATION, at)
        if opened is None:
            continue
        for key in TOLERATION.keys:
            opened.get(key)
        if opened.raw.get("operator") != "Exists" and "key" not in opened.raw:
            opened.report(
                codes.MISSING_KEY, "a toleration needs `key`", hint="or `operator: Exists`"
            )
        found.append(plain(item))
    return tuple(found)
