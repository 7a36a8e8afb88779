"""JSON Schemas of the three kinds of file, made from the tables that decode them.

For editors and other tools: they say what keys and kinds of values there are. What only the
decoders know (keys that exclude each other, names that must exist) is not in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from flowc.source.bindings import STACK_BINDING
from flowc.source.decode_deployments import DEPLOYMENT
from flowc.source.decode_docker import CLASS_IMAGE, UNIT_IMAGE
from flowc.source.flowc_dialect import BUDGET, CACHE, FLOWC, FOREACH, NEEDS, RETRY, WHILE
from flowc.source.port_bindings import STACK_PORT
from flowc.source.project_tables import (
    BINDING,
    ENVIRONMENT,
    FLOW_OVERRIDE,
    PORT,
    PROJECT,
    PROJECT_FLOW,
    STRATEGY,
    TRIGGER,
)
from flowc.source.secrets import SECRET
from flowc.source.stack_tables import (
    BALANCER,
    BLOB_API,
    COMMAND_COMPONENT,
    CONDITION,
    CONTAINER_COMPONENT,
    DEPLOY,
    ECS,
    HEALTH_CHECK,
    LOAD_BALANCER,
    METRIC,
    MOCK_COMPONENT,
    PLUGIN_SHAPES,
    PROFILE,
    REPLICAS,
    RULE,
    STACK,
    STACKS,
    STEPFLOW_STORE,
    STORAGE_CONFIG,
    STORE,
    TOLERATION,
)
from flowc.source.stepflow_modern import SCHEMAS, SCHEMAS_PROPERTIES
from flowc_shim.language.forms import Spelling, value_forms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.source.fields import Key, Shape

DRAFT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]

_JSON_SCHEMA: Schema = {"type": ["object", "boolean"]}
_PROPERTIES_OF_SCHEMAS: Schema = {
    "type": "object",
    "properties": {
        "type": {"const": "object"},
        "properties": {"type": "object", "additionalProperties": _JSON_SCHEMA},
    },
}


def schema_of(kind: Literal["flow", "stack", "project"]) -> Schema:
    """Return the JSON Schema of a kind of file.

    The one for flows is that of ``flowc/v1``, of which Stepflow's modern files are a subset.
    """
    return {"flow": _flow, "stack": _stack, "project": _project}[kind]()


def object_schema(shape: Shape) -> Schema:
    """Return the schema of a mapping: its keys and no others."""
    out: Schema = {
        "type": "object",
        "properties": {name: _key_schema(key) for name, key in shape.keys.items()},
        "additionalProperties": False,
    }
    required = [name for name, key in shape.keys.items() if key.required]
    return {**out, "required": required} if required else out


def _key_schema(key: Key) -> Schema:
    schema = dict(key.kind.schema)
    if "description" in schema and not schema["description"]:
        del schema["description"]
    if not key.nullable or not schema:
        return schema
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def _document(title: str, root: Schema, definitions: Mapping[str, Schema]) -> Schema:
    return {"$schema": DRAFT, "title": title, **root, "$defs": dict(definitions)}


def _flow() -> Schema:
    flow = object_schema(FLOWC.flow)
    # A Stepflow file says so in its own way, or not at all.
    flow["properties"]["schema"] = {
        "anyOf": [*FLOWC_SCHEMA_LINE, {"type": "string", "pattern": "stepflow\\.org/"}]
    }
    definitions = {
        "step": object_schema(FLOWC.step),
        "foreach": object_schema(FOREACH),
        "while": object_schema(WHILE),
        "cache": object_schema(CACHE),
        "retry": object_schema(RETRY),
        "budget": object_schema(BUDGET),
        "needs": object_schema(NEEDS),
        "onError": object_schema(FLOWC.on_error),
        "schemas": object_schema(SCHEMAS),
        "schemas_properties": object_schema(SCHEMAS_PROPERTIES),
        "variables": _PROPERTIES_OF_SCHEMAS,
        "step_schemas": _PROPERTIES_OF_SCHEMAS,
        "json_schema": _JSON_SCHEMA,
        "value": _value(),
        "variable_reference": _form("$variable", value_forms(Spelling.FLOWC)["$variable"]),
    }
    return _document("flowc flow", flow, definitions)


FLOWC_SCHEMA_LINE: list[Schema] = [dict(FLOWC.flow.keys["schema"].kind.schema), {"type": "null"}]


def _value() -> Schema:
    """Return the schema of a value: any JSON, in which the forms have only their own keys."""
    forms = value_forms(Spelling.FLOWC)
    return {
        "allOf": [
            {
                "if": {"type": "object", "required": [form]},
                "then": _form(form, keys),
            }
            for form, keys in forms.items()
        ],
        "if": {"type": "object", "required": ["$literal"]},
        "else": {
            "additionalProperties": {"$ref": "#/$defs/value"},
            "items": {"$ref": "#/$defs/value"},
        },
    }


_LOOP_AND_PATH: Schema = {
    "type": "object",
    "properties": {"loop": {"type": "string"}, "path": {"type": "string"}},
    "additionalProperties": False,
}
_FORM_VALUES: Mapping[str, Schema] = {
    "$literal": {},
    "$coalesce": {"type": "array"},
    "$if": {},
    "$item": {"anyOf": [{"type": "string"}, _LOOP_AND_PATH]},
    "$index": {"anyOf": [{"const": True}, {"type": "object", "required": ["loop"]}]},
}


def _form(form: str, keys: tuple[str, ...]) -> Schema:
    properties: Schema = {form: _FORM_VALUES.get(form, {"type": "string"})}
    for key in keys:
        properties[key] = {"type": ["string", "null"]} if key == "path" else {}
    required = [form, "then"] if form == "$if" else [form]
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _text_or_secret() -> Schema:
    return {"anyOf": [{"type": "string"}, object_schema(SECRET)]}


def _binding(of_steps: Shape, of_a_port: Shape) -> Schema:
    """Return the schema of a binding: one with `port` says other things than one of steps."""
    return {
        "if": {"type": "object", "required": ["port"]},
        "then": object_schema(of_a_port),
        "else": object_schema(of_steps),
    }


def _variable_value() -> Schema:
    return {"if": {"type": "object", "required": ["secret"]}, "then": object_schema(SECRET)}


def _stack() -> Schema:
    stack = object_schema(STACK)
    definitions = {
        "stack": stack,
        "plugin": _plugin(),
        "deployment": object_schema(DEPLOYMENT),
        "binding": _binding(STACK_BINDING, STACK_PORT),
        "rule": object_schema(RULE),
        "condition": object_schema(CONDITION),
        "profile": object_schema(PROFILE),
        "needs": object_schema(NEEDS),
        "store": {"anyOf": [{"type": "string", "minLength": 1}, object_schema(STORE)]},
        "stepflow_store": object_schema(STEPFLOW_STORE),
        "docker": object_schema(UNIT_IMAGE),
        "class_docker": object_schema(CLASS_IMAGE),
        "storage_config": object_schema(STORAGE_CONFIG),
        "deploy": object_schema(DEPLOY),
        "replicas": {"anyOf": [{"type": "integer", "minimum": 1}, object_schema(REPLICAS)]},
        "metric": object_schema(METRIC),
        "blob_api": object_schema(BLOB_API),
        "ecs": object_schema(ECS),
        "secret": object_schema(SECRET),
        "toleration": object_schema(TOLERATION),
        "balancer": object_schema(BALANCER),
        "load_balancer": object_schema(LOAD_BALANCER),
        "healthCheck": object_schema(HEALTH_CHECK),
        "text_or_secret": _text_or_secret(),
        "variable_value": _variable_value(),
    }
    root: Schema = {
        "if": {"type": "object", "required": ["stacks"]},
        "then": object_schema(STACKS),
        "else": {"$ref": "#/$defs/stack"},
    }
    return _document("flowc stack", root, definitions)


_COMPONENTS = {
    "command": COMMAND_COMPONENT,
    "container": CONTAINER_COMPONENT,
    "mock": MOCK_COMPONENT,
}


def _plugin() -> Schema:
    """Return the schema of a plugin: what it may say depends on its type."""
    branches = []
    for kind, shape in PLUGIN_SHAPES.items():
        schema = object_schema(shape)
        schema["properties"]["type"] = {"const": kind}
        if kind in _COMPONENTS:
            component = object_schema(_COMPONENTS[kind])
            schema["properties"]["components"] = {
                "type": "object",
                "additionalProperties": component,
            }
        branches.append(
            {"if": {"properties": {"type": {"const": kind}}, "required": ["type"]}, "then": schema}
        )
    return {
        "type": "object",
        "properties": {"type": {"enum": list(PLUGIN_SHAPES)}},
        "required": ["type"],
        "allOf": branches,
    }


def _project() -> Schema:
    definitions = {
        "project_flow": object_schema(PROJECT_FLOW),
        "flow_override": object_schema(FLOW_OVERRIDE),
        "environment": object_schema(ENVIRONMENT),
        "trigger": object_schema(TRIGGER),
        "strategy": object_schema(STRATEGY),
        "binding": _binding(BINDING, PORT),
        "needs": object_schema(NEEDS),
        "variable_value": _variable_value(),
    }
    return _document("flowc project", object_schema(PROJECT), definitions)
