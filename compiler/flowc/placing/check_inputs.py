"""What a step gives a component, against the input schema that the component's class declares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc_shim.language import values as v

from flowc.diagnostics import Diagnostics, Severity, Span, codes
from flowc.ir.references import span_of
from flowc.json_schema import dereference, mismatches, schema_problem, types_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_shim.contract.json_types import Json

    from flowc.ir.model import Call, Program, Step
    from flowc.ir.placement import PlacedCall

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Something that no run can mend: ``span`` of the value, where it has one."""

    message: str
    span: Span | None


def check_input(
    program: Program, step: Step, body: Call, call: PlacedCall, diagnostics: Diagnostics
) -> None:
    """Report what of a step's input certainly violates the component's declared schema."""
    for candidate in call.candidates:
        cls = next(cls for cls in call.classes if cls.name == candidate.component_class)
        schema = cls.input_schemas.get(candidate.component)
        if schema is None or candidate.conditions or schema_problem(schema) is not None:
            continue
        for mismatch in certain_mismatches(body.input, schema)[:_SHOWN]:
            diagnostics.report(
                codes.INPUT_MISMATCH,
                f"the input of step `{step.id}` does not match what "
                f"`{candidate.component}` takes: {mismatch.message}",
                mismatch.span or body.input_span,
                secondary=[(cls.span, "this class declares the schema")],
                # Stepflow's own dialects never compared the two, and flows rely on it.
                severity=None if program.enforce_schemas else Severity.WARNING,
            )


def certain_mismatches(value: v.Value, schema: Json) -> list[Mismatch]:
    """Return how ``value`` violates ``schema`` whatever its references will turn out to be."""
    return list(_certain(value, schema, schema))


def _certain(value: v.Value, schema: Json, root: Json) -> Iterator[Mismatch]:
    schema = dereference(root, schema)
    if schema is False:
        yield Mismatch("nothing is allowed here", span_of(value))
        return
    if not isinstance(schema, dict):
        return
    if v.is_constant(value):
        yield from _constant(value, schema, root)
    elif isinstance(value, v.ObjectValue):
        yield from _object(value, schema, root)
    elif isinstance(value, v.ListValue):
        yield from _list(value, schema, root)


def _constant(value: v.Value, schema: dict[str, Json], root: Json) -> Iterator[Mismatch]:
    # `#/$defs/…` in a part of a schema is meant from the root of the whole.
    if isinstance(root, dict) and "$defs" in root:
        schema = {**schema, "$defs": root["$defs"]}
    for problem in mismatches(schema, v.constant(value)):
        node = _inside(value, problem.path)
        yield Mismatch(problem.message, span_of(node) or span_of(value))


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


def _object(value: v.ObjectValue, schema: dict[str, Json], root: Json) -> Iterator[Mismatch]:
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
            yield from _certain(member, declared[name], root)
        elif closed:
            known = ", ".join(f"`{key}`" for key in declared) or "none"
            yield Mismatch(f"`{name}` is not one of its fields ({known})", span_of(member))


def _list(value: v.ListValue, schema: dict[str, Json], root: Json) -> Iterator[Mismatch]:
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
            yield from _certain(item, items, root)


def _listed(types: frozenset[str]) -> str:
    return " or ".join(f'"{name}"' for name in sorted(types))
