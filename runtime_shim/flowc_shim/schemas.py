"""JSON Schema checks, through jsonschema-rs, imported when a plan first needs one."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json

_SHOWN_ERRORS = 3


class SchemaMismatch(ValueError):
    """An instance does not match a schema; the text says where and how."""


@lru_cache(maxsize=256)
def _validator(schema_text: str) -> Any:
    import jsonschema_rs

    return jsonschema_rs.validator_for(json.loads(schema_text), retriever=_refuse)


def _refuse(uri: str) -> Any:
    raise ValueError(f"`{uri}` is outside the document, and nothing is fetched")


def mismatches(schema: Json, instance: Json) -> list[str]:
    """Return what is wrong with ``instance``, each as ``path: message``; at most a few.

    A schema that cannot be used is wrong with every instance.
    """
    try:
        validator = _validator(json.dumps(schema, sort_keys=True))
        errors = validator.iter_errors(instance)
    except ValueError as unusable:
        return [f"$: cannot be checked: {str(unusable).splitlines()[0]}"]
    found = []
    for error in errors:
        path = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.instance_path)
        found.append(f"{'$' + path}: {error.message}")
        if len(found) == _SHOWN_ERRORS:
            break
    return found


def check_instance(schema: Json, instance: Json) -> None:
    """Raise SchemaMismatch if ``instance`` does not match ``schema``."""
    found = mismatches(schema, instance)
    if found:
        raise SchemaMismatch("; ".join(found))
