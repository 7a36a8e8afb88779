"""JSON bodies of records and blobs: compact, UTF-8, keys in the order in which they were given."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flowc_shim.stores.api import StoreUnavailable

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json


class CorruptBody(StoreUnavailable):
    """Something is stored, but it is not what was written; asking again cannot help."""


def encode(value: Json) -> bytes:
    """Return ``value`` as bytes; raises ValueError on NaN and ±inf."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass")


def decode_object(body: bytes, key: str) -> dict[str, Json]:
    """Return the JSON object that was found at ``key``; raises CorruptBody."""
    try:
        value = json.loads(body)
    except ValueError as error:
        raise CorruptBody(f"{key}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise CorruptBody(f"{key}: not a JSON object")
    return value
