"""Canonical JSON: sorted keys, no spaces, UTF-8, integers stay integers, no NaN."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json


def canonical(value: Json) -> bytes:
    """Return the one byte string that stands for ``value``; raises ValueError on NaN and ±inf."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode("utf-8", "surrogatepass")


def digest(value: Json) -> str:
    """Return the SHA-256 of the canonical form, 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value)).hexdigest()
