"""What can be known of a value before the run: its possible kinds, and more of its members.

Everything here errs on the side of "could be anything": a schema is read only as far as it
certainly restricts, and what several keywords would have to say together is left open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from flowc_shim.language.expressions.errors import Fault
from flowc_shim.language.expressions.functions import ANY_KIND, Kinds
from flowc_shim.language.expressions.operators import NUMBERS, kind_of

JsonSchema: TypeAlias = "Mapping[str, Any] | bool"

_KINDS_OF_TYPE: dict[str, Kinds] = {
    "null": frozenset({"null_type"}),
    "boolean": frozenset({"bool"}),
    "integer": NUMBERS,  # JSON Schema takes 1.0 for an integer
    "number": NUMBERS,
    "string": frozenset({"string"}),
    "array": frozenset({"list"}),
    "object": frozenset({"map"}),
}

_ELSEWHERE = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})


@dataclass(frozen=True, slots=True)
class StaticType:
    """The kinds that a value may have; ``schema`` and ``element`` describe its members."""

    kinds: Kinds
    schema: Mapping[str, Any] | None = None
    element: StaticType | None = None


ANYTHING = StaticType(ANY_KIND)


def of_kinds(*kinds: str) -> StaticType:
    """Return the type of values of one of ``kinds``, of which no more is known."""
    return StaticType(frozenset(kinds))


def of_schema(schema: JsonSchema | None) -> StaticType:
    """Return what every value that ``schema`` accepts is sure to be."""
    if not isinstance(schema, Mapping) or not _ELSEWHERE.isdisjoint(schema):
        return ANYTHING
    kinds = _kinds_of_type(schema.get("type"))
    if "const" in schema:
        kinds &= _kinds_of_values([schema["const"]])
    if isinstance(schema.get("enum"), list):
        kinds &= _kinds_of_values(schema["enum"])
    if schema.get("nullable"):
        kinds |= {"null_type"}
    return StaticType(kinds or ANY_KIND, schema)


def _kinds_of_type(declared: object) -> Kinds:
    names = declared if isinstance(declared, list) else [declared]
    known = [_KINDS_OF_TYPE.get(name, ANY_KIND) for name in names if isinstance(name, str)]
    return frozenset().union(*known) if known and len(known) == len(names) else ANY_KIND


def _kinds_of_values(values: list[Any]) -> Kinds:
    try:
        kinds = frozenset(kind_of(value) for value in values)
    except Fault:
        return ANY_KIND
    return kinds | NUMBERS if kinds & NUMBERS else kinds


def field_of(owner: StaticType, name: str) -> StaticType | None:
    """Return the type of a map's field, ``None`` if the schema is closed and has no such field."""
    schema = owner.schema
    if schema is None:
        return ANYTHING
    known = schema.get("properties", {})
    if not isinstance(known, Mapping):
        return ANYTHING
    if name in known:
        return of_schema(known[name])
    others = schema.get("additionalProperties")
    if "patternProperties" in schema:
        return ANYTHING
    return None if others is False else of_schema(others)


def known_fields(owner: StaticType) -> list[str]:
    """Return the names of the fields that the schema lists."""
    known = owner.schema.get("properties", {}) if owner.schema is not None else {}
    return [name for name in known if isinstance(name, str)] if isinstance(known, Mapping) else []


def element_of(owner: StaticType) -> StaticType:
    """Return the type that each element of a list has."""
    if owner.element is not None:
        return owner.element
    if owner.schema is None or "prefixItems" in owner.schema:
        return ANYTHING
    return of_schema(owner.schema.get("items"))


def variable_of(target: StaticType) -> StaticType:
    """Return the type of a macro's variable: an element of a list, or a key of a map."""
    if "map" not in target.kinds:
        return element_of(target)
    return of_kinds("string") if "list" not in target.kinds else ANYTHING


def joined(types: Iterable[StaticType]) -> StaticType:
    """Return the type of a value that has one of ``types``; of none, that of an unknown value."""
    found = list(types)
    if not found:
        return ANYTHING
    first = found[0]
    kinds = frozenset[str]().union(*(one.kinds for one in found))
    if all(one.schema is first.schema and one.element == first.element for one in found):
        return StaticType(kinds, first.schema, first.element)
    return StaticType(kinds)
