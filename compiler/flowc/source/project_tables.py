"""The keys of project files, as tables."""

from __future__ import annotations

from flowc.diagnostics import codes
from flowc.source.bindings import BINDING_KEYS
from flowc.source.fields import (
    ANYTHING,
    BOOLEAN,
    LIST,
    NAME,
    TEXTS,
    Key,
    Kind,
    Refusal,
    Shape,
    described_by,
    one_of,
)
from flowc.source.port_bindings import PORT_KEYS
from flowc.source.stack_tables import named


def _list_of(name: str) -> Kind:
    schema = {"type": "array", "items": {"$ref": f"#/$defs/{name}"}}
    return Kind("a list", LIST.accepts, schema)


PROJECT = Shape(
    "a project",
    {
        "project": Key(NAME, required=True),
        "default_environment": Key(NAME),
        "flows": Key(named("project_flow"), required=True),
        "environments": Key(named("environment")),
        "bindings": Key(_list_of("binding")),
    },
)
_WHEN_IT_RUNS = {
    "triggers": Key(_list_of("trigger")),
    "strategy": Key(described_by("strategy", "a mapping")),
}
PROJECT_FLOW = Shape("a flow of a project", {"file": Key(NAME, required=True), **_WHEN_IT_RUNS})
FLOW_OVERRIDE = Shape("a flow of an environment", _WHEN_IT_RUNS)
ENVIRONMENT = Shape(
    "an environment",
    {
        "stack": Key(NAME, required=True),
        "protected": Key(BOOLEAN),
        "variables": Key(named("variable_value")),
        "flows": Key(named("flow_override")),
    },
)
TRIGGER = Shape(
    "a trigger",
    {"cron": Key(NAME, required=True), "timezone": Key(NAME), "input": Key(ANYTHING)},
    {
        key: Refusal(
            codes.NOT_BUILT_YET, "(as a trigger) is not built yet", "start the flow by `cron`"
        )
        for key in ("signal", "run", "event", "webhook")
    },
)
STRATEGY = Shape(
    "a strategy",
    {"rule": Key(one_of("first_only", "last_only", "sequential", "parallel"), required=True)},
)
BINDING = Shape("a binding", {**BINDING_KEYS, "environments": Key(TEXTS), "stack": Key(NAME)})
PORT = Shape("a binding of a port", {**PORT_KEYS, "environments": Key(TEXTS)})
