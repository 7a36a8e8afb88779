"""What a flow declares about its data: schemas of input, output, steps, and variables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowc.diagnostics import Span, codes
from flowc.source.fields import Decoding, Fields, describe
from flowc.source.located import Map
from flowc.source.model import At, SourceVariable
from flowc.source.stepflow_modern import SCHEMAS, SCHEMAS_PROPERTIES
from flowc_shim.language.decode import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_shim.contract.json_types import Json


@dataclass(slots=True)
class Declared:
    """What a flow declares, in whichever spelling."""

    input: At[Json] | None = None
    output: At[Json] | None = None
    steps: Mapping[str, At[Json]] = field(default_factory=dict)
    variables: tuple[SourceVariable, ...] = ()


def decode_declared(flow: Fields, decoding: Decoding) -> Declared:
    """Return what ``flow`` declares: modern ``schemas``, or classic's keys at the top."""
    if "schemas" not in flow.shape.keys:
        return Declared(
            input=decode_schema(flow, "inputSchema"),
            output=decode_schema(flow, "outputSchema"),
            variables=_variables(flow, decoding),
        )
    if flow.get("schemas") is None:
        return Declared()
    schemas = decoding.open(flow.raw["schemas"], SCHEMAS, flow.value_at("schemas"))
    if schemas is None:
        return Declared()
    schemas.get("type")
    if schemas.get("properties") is None:
        return Declared()
    properties = decoding.open(
        schemas.raw["properties"], SCHEMAS_PROPERTIES, schemas.value_at("properties")
    )
    if properties is None:
        return Declared()
    shared = plain(schemas.get("$defs"))
    return Declared(
        input=decode_schema(properties, "input", shared),
        output=decode_schema(properties, "output", shared),
        steps=_step_schemas(properties, decoding, shared),
        variables=_variables(properties, decoding),
    )


def decode_schema(fields: Fields, key: str, shared: Json = None) -> At[Json] | None:
    """Return the JSON Schema at ``key``; ``shared`` definitions become its own.

    A schema is looked up from its own root later, so ``#/$defs/x`` has to be found there.
    """
    if not fields.has(key):
        return None
    raw, at = fields.raw[key], fields.value_at(key)
    if not _is_schema(raw, f"`{key}`", at, fields.decoding):
        return None
    return At(_with_definitions(plain(raw), shared), at)


def _is_schema(raw: Any, what: str, at: Span, decoding: Decoding) -> bool:
    if isinstance(raw, (Map, bool)):
        return True
    decoding.report(codes.WRONG_TYPE, f"{what} takes a JSON Schema, not {describe(raw)}", at)
    return False


def _with_definitions(schema: Json, shared: Json) -> Json:
    if not isinstance(shared, dict) or not isinstance(schema, dict):
        return schema
    own = schema.get("$defs")
    return {**schema, "$defs": {**shared, **(own if isinstance(own, dict) else {})}}


def _object_properties(fields: Fields, key: str, decoding: Decoding) -> Map | None:
    """Return ``properties`` of the JSON Schema of an object at ``key``, None if there are none."""
    raw = fields.get(key)
    if raw is None:
        return None
    properties = raw.get("properties")
    if isinstance(properties, Map):
        return properties
    if properties is not None or raw.get("type") != "object":
        decoding.report(
            codes.WRONG_TYPE,
            f"`{key}` is a JSON Schema of an object, with `properties` by name",
            raw.value("properties") if "properties" in raw else fields.value_at(key),
            hint=f"write `{key}: {{type: object, properties: {{name: …}}}}`",
        )
    return None


def _step_schemas(fields: Fields, decoding: Decoding, shared: Json) -> dict[str, At[Json]]:
    found: dict[str, At[Json]] = {}
    properties = _object_properties(fields, "steps", decoding)
    for name, schema in (properties or {}).items():
        at = properties.value(name) if properties is not None else fields.at
        if schema is not None and _is_schema(schema, f"`{name}`", at, decoding):
            found[name] = At(_with_definitions(plain(schema), shared), at)
    return found


def _variables(fields: Fields, decoding: Decoding) -> tuple[SourceVariable, ...]:
    properties = _object_properties(fields, "variables", decoding)
    if properties is None:
        return ()
    required = _required(fields.raw["variables"], properties, decoding)
    found = []
    for name, schema in properties.items():
        key_at, at = properties.at[name]
        if schema is None:
            schema = True
        if _is_schema(schema, f"variable `{name}`", at, decoding):
            found.append(_variable(name, schema, name in required, key_at, decoding))
    return tuple(found)


def _required(raw: Map, properties: Map, decoding: Decoding) -> frozenset[str]:
    if raw.get("required") is None:
        return frozenset()
    names = decoding.texts(raw["required"], "`required`", raw.value("required"))
    for name in names:
        if name.value not in properties:
            decoding.report(
                codes.UNKNOWN_VARIABLE,
                f"`{name.value}` is required but not declared in `properties`",
                name.span,
            )
    return frozenset(name.value for name in names)


def _variable(
    name: str, schema: Map | bool, required: bool, at: Span, decoding: Decoding
) -> SourceVariable:
    if isinstance(schema, bool):
        return SourceVariable(name, schema, required, at)
    flag = schema.get("is_secret", False)
    if not isinstance(flag, bool):
        decoding.report(
            codes.WRONG_TYPE,
            f"`is_secret` takes `true` or `false`, not {describe(flag)}",
            schema.value("is_secret"),
        )
    env_var = schema.get("env_var")
    if env_var is not None and not (isinstance(env_var, str) and env_var):
        decoding.report(
            codes.WRONG_TYPE,
            f"`env_var` takes the name of an environment variable, not {describe(env_var)}",
            schema.value("env_var"),
        )
        env_var = None
    return SourceVariable(
        name=name,
        schema=plain(schema),
        required=required,
        span=at,
        has_default="default" in schema,
        default=plain(schema.get("default")),
        is_secret=flag is True,
        env_var=env_var,
    )


_IMPLICIT: Mapping[str, Json] = {
    "string": "", "integer": 0, "number": 0, "boolean": False, "null": None
}  # fmt: skip


def implicit_default(schema: Json) -> tuple[bool, Json]:
    """Return whether Stepflow gives a variable of that schema a value by its type, and which.

    A type that allows null gives null; objects and lists have none.

    >>> implicit_default({"type": "integer"})
    (True, 0)
    """
    if not isinstance(schema, dict):
        return False, None
    kind = schema.get("type")
    if schema.get("nullable") is True or (isinstance(kind, list) and "null" in kind):
        return True, None
    if isinstance(kind, str) and kind in _IMPLICIT:
        return True, _IMPLICIT[kind]
    return False, None
