"""The bounds that make any text, on any data, end soon and small."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from flowc_shim.language.expressions.errors import Fault, LimitFault

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json

MAX_CHARACTERS = 4_096
"""Length of an expression's text, and of a regular expression."""

MAX_DEPTH = 64
"""Height of the syntax tree, and nesting of parentheses."""

MAX_STEPS = 100_000
"""Work of one evaluation: one step per node, per compared value, per 16 copied elements …"""

MAX_RESULT_BYTES = 1 << 20
"""Size of a result, as UTF-8 JSON without counting escapes; also of each value on the way."""

MAX_INTEGER_BITS = 4_096
"""Size of an integer that an expression writes or computes (1,233 decimal digits)."""


class Meter:
    """What is left of one evaluation's steps; ``programs`` are the patterns it has paid for."""

    __slots__ = ("left", "programs")

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self.left = steps
        self.programs: dict[str, Any] = {}

    def spend(self, steps: int = 1) -> None:
        """Take ``steps`` away; raises LimitFault when they are not there."""
        self.left -= steps
        if self.left < 0:
            raise LimitFault(f"the evaluation takes more than {MAX_STEPS:,} steps")


def check_size(size: int) -> None:
    """Raise LimitFault for a value of ``size`` bytes that is too large to be made."""
    if size > MAX_RESULT_BYTES:
        raise LimitFault(f"the value is larger than {MAX_RESULT_BYTES:,} bytes")


def check_integer(value: int) -> int:
    """Return ``value``; raises LimitFault if it is too large."""
    if value.bit_length() > MAX_INTEGER_BITS:
        raise LimitFault(f"the integer has more than {MAX_INTEGER_BITS:,} bits")
    return value


def check_result(value: Json) -> None:
    """Raise LimitFault if ``value`` is too large to leave, Fault if it is not JSON.

    Values may share parts, so the whole may be exponentially larger than what was built; the walk
    ends at the bound, not at the end of the value.
    """
    size = 0
    pending = [value]
    while pending:
        value = pending.pop()
        size += _own_size(value)
        if isinstance(value, list):
            check_size(size + 2 * len(value))
            pending.extend(value)
        elif isinstance(value, dict):
            check_size(size + 4 * len(value))
            for key in value:
                if not isinstance(key, str):
                    raise Fault("a key of a map is not a string")
                size += text_size(key) + 4
            pending.extend(value.values())
        check_size(size)


def text_size(text: str) -> int:
    """Return the length of ``text`` in UTF-8; a lone surrogate, which JSON allows, counts three."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _own_size(value: Json) -> int:
    if value is None or isinstance(value, (bool, list, dict)):
        return 4
    if isinstance(value, str):
        return text_size(value) + 2
    if isinstance(value, int):
        return 1 + value.bit_length() // 3
    if isinstance(value, float):
        if not isfinite(value):
            raise Fault("the result contains a number that JSON cannot hold")
        return 8
    raise Fault(f"a value of Python type {type(value).__name__} is not JSON")
