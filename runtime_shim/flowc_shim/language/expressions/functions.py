"""The functions that are no macros: one table of signatures, for the evaluator and the checker."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from flowc_shim.language.expressions.errors import Fault
from flowc_shim.language.expressions.limits import Meter, check_integer
from flowc_shim.language.expressions.operators import (
    CHARACTERS_PER_STEP,
    finite,
    kind_of,
    ordering,
    shown,
    with_article,
)
from flowc_shim.language.expressions.regex import matches
from flowc_shim.language.expressions.syntax import TYPE_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc_shim.contract.json_types import Json

Kinds: TypeAlias = frozenset[str]

ANY_KIND: Kinds = TYPE_NAMES


@dataclass(frozen=True, slots=True)
class Function:
    """A signature with its meaning; a receiver counts as the first argument.

    ``parameters`` are the kinds of each argument; a ``variadic`` function takes one or more
    arguments of its only kind.
    """

    name: str
    example: str
    parameters: tuple[Kinds, ...]
    result: Kinds
    call: Callable[[list[Json], Meter], Json]
    as_member: bool = False
    as_global: bool = True
    variadic: bool = False


def misuse(name: str, is_member: bool, count: int) -> str | None:
    """Return why a call of ``name`` with ``count`` arguments cannot be, ``None`` if it can."""
    function = FUNCTIONS.get(name)
    if function is None:
        return f"there is no function `{name}`"
    if not (function.as_member if is_member else function.as_global):
        return f"`{name}` is written `{function.example}`"
    if count == len(function.parameters) or (function.variadic and count):
        return None
    wanted = len(function.parameters)
    own = wanted - 1 if is_member else wanted
    given = count - 1 if is_member else count
    least = "at least " if function.variadic else ""
    plural = "" if own == 1 else "s"
    return f"`{name}` takes {least}{own} argument{plural}, not {given}: `{function.example}`"


def wrong_kind(name: str, position: int, given: Kinds) -> str | None:
    """Return why the argument at ``position``, of one of the kinds ``given``, cannot be."""
    function = FUNCTIONS[name]
    wanted = function.parameters[min(position, len(function.parameters) - 1)]
    if given & wanted:
        return None
    kinds, alternatives = _either(given), _either(wanted)
    return f"`{name}` does not take {kinds}, only {alternatives}: `{function.example}`"


def _either(kinds: Kinds) -> str:
    return " or ".join(with_article(kind) for kind in sorted(kinds))


def call(name: str, arguments: list[Json], meter: Meter) -> Json:
    """Return what a function gives; ``misuse`` was asked before, the kinds are looked at here."""
    for position, argument in enumerate(arguments):
        message = wrong_kind(name, position, frozenset({kind_of(argument)}))
        if message is not None:
            raise Fault(message)
    return FUNCTIONS[name].call(arguments, meter)


# -- conversions -------------------------------------------------------------------------------

_INTEGER = re.compile(r"[+-]?[0-9]{1,1300}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_MAX_NUMBER_CHARACTERS = 1_500


def to_int(value: Json) -> int:
    """Read decimal digits, or drop a double's fraction."""
    if isinstance(value, str):
        if not _INTEGER.fullmatch(value):
            raise Fault("`int` needs decimal digits; the string has something else")
        return check_integer(int(value))
    try:
        return check_integer(int(value))
    except (OverflowError, ValueError):
        raise Fault("`int` needs a finite number") from None


def to_double(value: Json) -> float:
    """Read a decimal number, or take an integer's nearest double."""
    if isinstance(value, str) and not (
        len(value) <= _MAX_NUMBER_CHARACTERS and _NUMBER.fullmatch(value)
    ):
        raise Fault("`double` needs a decimal number; the string has something else")
    return finite(lambda: float(value))


def to_string(value: Json) -> str:
    """Write the shortest text that reads back as the value; whole doubles without ``.0``."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        return repr(value).removesuffix(".0")
    except ValueError:
        raise Fault("the integer has too many digits for text") from None


# -- the others --------------------------------------------------------------------------------


def _find(arguments: list[Json], meter: Meter) -> tuple[str, str]:
    text, part = arguments
    meter.spend((len(text) + len(part)) // CHARACTERS_PER_STEP)
    return text, part


def _contains(arguments: list[Json], meter: Meter) -> bool:
    text, part = _find(arguments, meter)
    return part in text


def _starts_with(arguments: list[Json], meter: Meter) -> bool:
    text, part = arguments
    meter.spend(len(part) // CHARACTERS_PER_STEP)
    return bool(text.startswith(part))


def _ends_with(arguments: list[Json], meter: Meter) -> bool:
    text, part = arguments
    meter.spend(len(part) // CHARACTERS_PER_STEP)
    return bool(text.endswith(part))


def _matches(arguments: list[Json], meter: Meter) -> bool:
    return matches(arguments[0], arguments[1], meter)


def _extreme(name: str, wanted: int) -> Callable[[list[Json], Meter], Json]:
    def choose(arguments: list[Json], meter: Meter) -> Json:
        values = arguments
        if len(arguments) == 1:
            values = arguments[0]
            if not isinstance(values, list):
                raise Fault(f"`{name}` of one argument needs a list, not {shown(values)}")
        if not values:
            raise Fault(f"`{name}` of an empty list has no value")
        best = values[0]
        for value in values:
            meter.spend()
            if ordering(name, value, best, meter) == wanted:
                best = value
        return best

    return choose


_STRING: Kinds = frozenset({"string"})
_BOOL: Kinds = frozenset({"bool"})
_ORDERED: Kinds = frozenset({"int", "double", "string", "bool"})
_TEXTS = (_STRING, _STRING)
_EXTREME_OF: Kinds = _ORDERED | {"list"}

FUNCTIONS: dict[str, Function] = {
    function.name: function
    for function in (
        Function(
            "size",
            "size(x)",
            (frozenset({"string", "list", "map"}),),
            frozenset({"int"}),
            lambda arguments, meter: len(arguments[0]),
            as_member=True,
        ),
        Function(
            "contains", 'x.contains("a")', _TEXTS, _BOOL, _contains, as_member=True, as_global=False
        ),
        Function(
            "startsWith",
            'x.startsWith("a")',
            _TEXTS,
            _BOOL,
            _starts_with,
            as_member=True,
            as_global=False,
        ),
        Function(
            "endsWith",
            'x.endsWith("a")',
            _TEXTS,
            _BOOL,
            _ends_with,
            as_member=True,
            as_global=False,
        ),
        Function("matches", 'x.matches("^a+$")', _TEXTS, _BOOL, _matches, as_member=True),
        Function("min", "min(a, b)", (_EXTREME_OF,), ANY_KIND, _extreme("min", -1), variadic=True),
        Function("max", "max(a, b)", (_EXTREME_OF,), ANY_KIND, _extreme("max", 1), variadic=True),
        Function(
            "int",
            "int(x)",
            (frozenset({"int", "double", "string"}),),
            frozenset({"int"}),
            lambda arguments, meter: to_int(arguments[0]),
        ),
        Function(
            "double",
            "double(x)",
            (frozenset({"int", "double", "string"}),),
            frozenset({"double"}),
            lambda arguments, meter: to_double(arguments[0]),
        ),
        Function(
            "string",
            "string(x)",
            (_ORDERED,),
            _STRING,
            lambda arguments, meter: to_string(arguments[0]),
        ),
        Function(
            "type", "type(x)", (ANY_KIND,), _STRING, lambda arguments, meter: kind_of(arguments[0])
        ),
    )
}
