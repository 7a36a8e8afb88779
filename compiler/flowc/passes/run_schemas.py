"""Schemas of what a run knows of itself: `$run` and `$trigger`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_shim.contract.trigger import KEYS

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json

RUN_SCHEMA: Json = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("id", "name", "project", "branch")},
    "additionalProperties": False,
}

TRIGGER_SCHEMA: Json = {
    "type": ["object", "null"],
    "properties": {name: {"type": ["string", "null"]} for name in KEYS},
    "additionalProperties": False,
}
"""Null for a run that somebody started by hand."""
