"""Schemas of what a run knows of itself: `$run` and `$trigger`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_shim.contract.scopes import in_finally
from flowc_shim.contract.trigger import KEYS

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json

_ERROR: dict[str, Json] = {
    "class": {"enum": ["user", "platform", "timeout"]},
    "code": {"type": "string"},
    "type": {"type": "string"},
    "message": {"type": "string"},
    "data": True,
    "attempt": {"type": "integer"},
    "final": {"type": "boolean"},
}
ERROR_SCHEMA: Json = {"type": "object", "properties": _ERROR}
"""What `retry.if` sees as `error`."""

_ALWAYS: dict[str, Json] = {
    name: {"type": "string"} for name in ("id", "name", "project", "branch")
}
_AT_THE_END: dict[str, Json] = {
    "outcome": {"enum": ["succeeded", "failed", "timed_out", "stopped", "skipped"]},
    "error": {
        "type": ["object", "null"],
        "properties": {"step": {"type": ["string", "null"]}, **_ERROR},
    },
}


def run_schema(scope: str) -> Json:
    """Return the schema of what a place in ``scope`` knows of the run."""
    known = {**_ALWAYS, **_AT_THE_END} if in_finally(scope) else _ALWAYS
    return {"type": "object", "properties": known, "additionalProperties": False}


TRIGGER_SCHEMA: Json = {
    "type": ["object", "null"],
    "properties": {name: {"type": ["string", "null"]} for name in KEYS},
    "additionalProperties": False,
}
"""Null for a run that somebody started by hand."""
