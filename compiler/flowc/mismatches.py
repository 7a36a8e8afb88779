"""What of a value certainly violates a JSON Schema, whatever its references turn out to be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc.ir.references import span_of
from flowc.json_schema import compatible, dereference, mismatches, types_of
from flowc_shim.language import values as v

if TYPE_CHECKING:
    from flowc.diagnostics import Span
    from flowc_shim.contract.json_types import Json

SchemaOf = Callable[[v.Value], "Json"]
"""Returns what is declared of a reference or expression, True if nothing is."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Something that no run can mend: ``span`` of the value, where it has one."""

    message: str
    span: Span | None


def certain_mismatches(value: v.Value, schema: Json, schema_of: SchemaOf) -> list[Mismatch]:
    """Return how ``value`` violates ``schema`` in every run that evaluates it."""
    return list(_Comparison(schema, schema_of).compare(value, schema))


@dataclass(frozen=True, slots=True)
class _Comparison:
    root: Json
    schema_of: SchemaOf

    def compare(self, value: v.Value, schema: Json) -> Iterator[Mismatch]:
        schema = dereference(self.root, schema)
        if schema is False:
            yield Mismatch("nothing is allowed here", span_of(value))
        if not isinstance(schema, dict):
            return
        if v.is_constant(value):
            yield from self._constant(value, schema)
        elif isinstance(value, v.ObjectValue):
            yield from self._object(value, schema)
        elif isinstance(value, v.ListValue):
            yield from self._list(value, schema)
        elif not isinstance(value, (v.If, v.Coalesce)):  # which of their parts counts is open
            yield from self._declared(value, schema)

    def _constant(self, value: v.Value, schema: dict[str, Json]) -> Iterator[Mismatch]:
        # `#/$defs/…` in a part of a schema is meant from the root of the whole.
        if isinstance(self.root, dict) and "$defs" in self.root:
            schema = {**schema, "$defs": self.root["$defs"]}
        for problem in mismatches(schema, v.constant(value)):
            yield Mismatch(problem.message, span_of(_inside(value, problem.path)))

    def _object(self, value: v.ObjectValue, schema: dict[str, Json]) -> Iterator[Mismatch]:
        types = types_of(schema)
        if types is not None and "object" not in types:
            yield Mismatch(f"an object is not of type {_listed(types)}", span_of(value))
            return
        members = dict(value.members)
        required = schema.get("required")
        for name in required if isinstance(required, list) else []:
            if name not in members:
                yield Mismatch(f"`{name}` is required", span_of(value))
        properties = schema.get("properties")
        declared = properties if isinstance(properties, dict) else {}
        closed = schema.get("additionalProperties") is False and "patternProperties" not in schema
        for name, member in members.items():
            if name in declared:
                yield from self.compare(member, declared[name])
            elif closed:
                known = ", ".join(f"`{key}`" for key in declared) or "none"
                yield Mismatch(f"`{name}` is not one of its fields ({known})", span_of(member))

    def _list(self, value: v.ListValue, schema: dict[str, Json]) -> Iterator[Mismatch]:
        types = types_of(schema)
        if types is not None and "array" not in types:
            yield Mismatch(f"a list is not of type {_listed(types)}", span_of(value))
            return
        least, most = schema.get("minItems"), schema.get("maxItems")
        if isinstance(least, int) and len(value.items) < least:
            yield Mismatch(f"a list of {len(value.items)} is shorter than {least}", span_of(value))
        if isinstance(most, int) and len(value.items) > most:
            yield Mismatch(f"a list of {len(value.items)} is longer than {most}", span_of(value))
        items = schema.get("items")
        if "prefixItems" not in schema and isinstance(items, (dict, bool)):
            for item in value.items:
                yield from self.compare(item, items)

    def _declared(self, value: v.Value, schema: dict[str, Json]) -> Iterator[Mismatch]:
        have, want = types_of(self.schema_of(value)), types_of(schema)
        if have is not None and want is not None and not compatible(have, want):
            yield Mismatch(
                f"a value of type {_listed(have)} is not of type {_listed(want)}", span_of(value)
            )


def _inside(value: v.Value, path: tuple[str | int, ...]) -> v.Value:
    """Return the innermost value along ``path`` that was written as a value of its own."""
    for part in path:
        if isinstance(value, v.ObjectValue):
            value = dict(value.members).get(str(part), value)
        elif isinstance(value, v.ListValue) and isinstance(part, int):
            value = value.items[part]
        else:
            break
    return value


def _listed(types: frozenset[str]) -> str:
    return " or ".join(f'"{name}"' for name in sorted(types))
