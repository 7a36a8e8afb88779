"""What the operators do to JSON values.

Integers are exact and of any size up to ``MAX_INTEGER_BITS``; an operation on an integer and a
double is one on doubles. ``/`` on two integers truncates towards zero, as in CEL (``-7 / 2`` is
``-3``); with a double it divides. ``%`` takes the sign of the dividend. Division by zero fails,
for doubles too, and so does a result that JSON cannot hold.
"""

from __future__ import annotations

from math import fmod, isfinite
from typing import TYPE_CHECKING

from flowc_shim.language.expressions.errors import Fault, LimitFault
from flowc_shim.language.expressions.limits import (
    MAX_INTEGER_BITS,
    Meter,
    check_integer,
    check_size,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc_shim.contract.json_types import Json

NUMBERS = frozenset({"int", "double"})

CHARACTERS_PER_STEP = 256
ELEMENTS_PER_STEP = 16


def kind_of(value: Json) -> str:
    """Return the name of the value's type, as ``type(x)`` answers it."""
    if value is None:
        return "null_type"
    for python_type, kind in _KINDS:
        if isinstance(value, python_type):
            return kind
    raise Fault(f"a value of Python type {type(value).__name__} is not JSON")


_KINDS: tuple[tuple[type, str], ...] = (
    (str, "string"),
    (bool, "bool"),  # before int: Python's bool is one
    (int, "int"),
    (float, "double"),
    (dict, "map"),
    (list, "list"),
)


def negate(value: Json) -> Json:
    """Return ``-value``."""
    if kind_of(value) not in NUMBERS:
        raise Fault(f"`-` needs a number, not {shown(value)}")
    return -value


def binary(operator: str, left: Json, right: Json, meter: Meter) -> Json:
    """Return ``left operator right`` for every operator but the logical ones."""
    if operator == "==":
        return equal(left, right, meter)
    if operator == "!=":
        return not equal(left, right, meter)
    if operator == "in":
        return contained(left, right, meter)
    if operator in _COMPARISONS:
        return _COMPARISONS[operator](ordering(operator, left, right, meter))
    if operator == "+" and kind_of(left) == kind_of(right):
        if isinstance(left, str):
            return concatenate_strings(left, right, meter)
        if isinstance(left, list):
            return concatenate_lists(left, right, meter)
    return arithmetic(operator, left, right)


# -- equality and order ------------------------------------------------------------------------


def equal(left: Json, right: Json, meter: Meter) -> bool:
    """Compare deeply, without recursion: ``1`` equals ``1.0``, and ``true`` equals no number."""
    pending = [(left, right)]
    while pending:
        left, right = pending.pop()
        if isinstance(left, list) and isinstance(right, list):
            if len(left) != len(right):
                return False
            meter.spend(len(left))
            pending.extend(zip(left, right, strict=True))
        elif isinstance(left, dict) and isinstance(right, dict):
            if len(left) != len(right):
                return False
            meter.spend(len(left))
            if any(key not in right for key in left):
                return False
            pending.extend((left[key], right[key]) for key in left)
        elif not _equal_scalars(left, right, meter):
            return False
    return True


def _equal_scalars(left: Json, right: Json, meter: Meter) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, str) and isinstance(right, str):
        if len(left) != len(right):
            return False
        meter.spend(len(left) // CHARACTERS_PER_STEP)
        return left == right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right
    return left is None and right is None


def contained(item: Json, container: Json, meter: Meter) -> bool:
    """Return whether ``item`` is an element of a list, or a key of a map."""
    if isinstance(container, dict):
        return isinstance(item, str) and item in container
    if not isinstance(container, list):
        raise Fault(f"`in` needs a list or a map on its right, not {shown(container)}")
    for element in container:
        meter.spend()
        if equal(item, element, meter):
            return True
    return False


def ordering(operator: str, left: Json, right: Json, meter: Meter) -> int:
    """Return -1, 0 or 1: the order of two numbers, two strings (by code points), two booleans."""
    group = {"int": "number", "double": "number"}
    kinds = [group.get(kind, kind) for kind in (kind_of(left), kind_of(right))]
    if kinds[0] != kinds[1] or kinds[0] not in ("number", "string", "bool"):
        raise Fault(f"`{operator}` cannot compare {shown(left)} and {shown(right)}")
    if kinds[0] == "string":
        meter.spend(min(len(left), len(right)) // CHARACTERS_PER_STEP)
    return int(left > right) - int(left < right)


_COMPARISONS: dict[str, Callable[[int], bool]] = {
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}


# -- making values -----------------------------------------------------------------------------


def concatenate_strings(left: str, right: str, meter: Meter) -> str:
    """Return ``left + right``, paid for by its length."""
    check_size(len(left) + len(right))
    meter.spend((len(left) + len(right)) // CHARACTERS_PER_STEP)
    return left + right


def concatenate_lists(left: list[Json], right: list[Json], meter: Meter) -> list[Json]:
    """Return ``left + right``, paid for by its length."""
    check_size(2 * (len(left) + len(right)))
    meter.spend((len(left) + len(right)) // ELEMENTS_PER_STEP)
    return left + right


def arithmetic(operator: str, left: Json, right: Json) -> int | float:
    """Return the result of an operator on two numbers."""
    kinds = (kind_of(left), kind_of(right))
    if not NUMBERS.issuperset(kinds):
        raise Fault(f"`{operator}` cannot take {shown(left)} and {shown(right)}")
    if operator in "/%" and right == 0:
        raise Fault(f"division by zero: `{operator}` with 0 on its right")
    if kinds == ("int", "int"):
        return _INTEGERS[operator](left, right)
    return finite(lambda: _DOUBLES[operator](float(left), float(right)))


def finite(compute: Callable[[], float]) -> float:
    """Return what ``compute`` returns; raises Fault when that is too large for a double."""
    try:
        result = compute()
    except OverflowError:
        result = float("inf")
    if not isfinite(result):
        raise Fault("the result is too large for a double")
    return result


def _multiply(left: int, right: int) -> int:
    if left.bit_length() + right.bit_length() > MAX_INTEGER_BITS + 1:
        raise LimitFault(f"the integer has more than {MAX_INTEGER_BITS:,} bits")
    return check_integer(left * right)


def _divide(left: int, right: int) -> int:
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _remainder(left: int, right: int) -> int:
    remainder = abs(left) % abs(right)
    return -remainder if left < 0 else remainder


_INTEGERS: dict[str, Callable[[int, int], int]] = {
    "+": lambda left, right: check_integer(left + right),
    "-": lambda left, right: check_integer(left - right),
    "*": _multiply,
    "/": _divide,
    "%": _remainder,
}

_DOUBLES: dict[str, Callable[[float, float], float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right,
    "%": fmod,
}


# -- words for messages ------------------------------------------------------------------------


def shown(value: Json) -> str:
    """Return what a message calls ``value``: its type, never its content, which may be secret."""
    return with_article(kind_of(value))


def with_article(kind: str) -> str:
    """Return the type's name as running text uses it: ``a list``, ``an int``, ``null``."""
    if kind == "null_type":
        return "null"
    return f"an {kind}" if kind == "int" else f"a {kind}"
