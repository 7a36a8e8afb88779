"""JSON from components: strict, because what is read here becomes a recorded result."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json


def decode_json(text: bytes | str) -> Json:
    """Return the value that ``text`` stands for; integers stay integers.

    Raises ValueError for anything that is not JSON: ``NaN`` and ``Infinity``, which Python's
    reader would accept, bytes that are not UTF-8, and nesting deeper than Python can follow.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def encode_json(value: Json) -> bytes:
    """Return ``value`` as compact ASCII JSON; raises ValueError or TypeError if it is not JSON."""
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
    except RecursionError:
        raise ValueError("the value is nested too deeply") from None
