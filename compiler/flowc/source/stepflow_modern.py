"""Stepflow's modern dialect (0.9 to 0.13), as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import codes
from flowc.source.dialect import Dialect
from flowc.source.fields import (
    ANYTHING,
    BOOLEAN,
    COUNT,
    LIST,
    MAPPING,
    NAME,
    TEXT,
    Key,
    Kind,
    Refusal,
    Shape,
    described_by,
    one_of,
)
from flowc.source.model import Facts
from flowc_shim.language.forms import Spelling

if TYPE_CHECKING:
    from collections.abc import Iterable

VALUE = described_by("value", "a value")
STEP_LIST = Kind(
    "a list of steps",
    lambda raw: isinstance(raw, list),
    {"type": "array", "items": {"$ref": "#/$defs/step"}},
)
SCHEMA = described_by("json_schema", "a JSON Schema")

FLOW_KEYS = {
    "schema": Key(TEXT, nullable=True),
    "name": Key(TEXT, nullable=True),
    "description": Key(TEXT, nullable=True),
    "version": Key(TEXT, nullable=True),
    "schemas": Key(described_by("schemas", "a mapping", MAPPING), nullable=True),
    "steps": Key(STEP_LIST, nullable=True),
    "output": Key(VALUE),
    "test": Key(MAPPING, nullable=True),
    "examples": Key(LIST, nullable=True),
    "metadata": Key(MAPPING, nullable=True),
}
STEP_KEYS = {
    "id": Key(NAME, required=True),
    "component": Key(NAME, required=True),
    "input": Key(VALUE),
    "onError": Key(described_by("onError", "a mapping", MAPPING), nullable=True),
    "mustExecute": Key(BOOLEAN, nullable=True),
    "metadata": Key(MAPPING, nullable=True),
}
SCHEMAS = Shape(
    "`schemas`",
    {
        "type": Key(one_of("object"), nullable=True),
        "properties": Key(described_by("schemas_properties", "a mapping", MAPPING), nullable=True),
        "required": Key(LIST, nullable=True),
        "$defs": Key(MAPPING, nullable=True),
        "description": Key(TEXT, nullable=True),
        "title": Key(TEXT, nullable=True),
    },
    {
        name: Refusal(
            codes.UNKNOWN_KEY,
            "stands directly in `schemas`, which is a JSON Schema of an object",
            f"write `schemas: {{type: object, properties: {{{name}: …}}}}`",
        )
        for name in ("input", "output", "variables", "steps")
    },
)
SCHEMAS_PROPERTIES = Shape(
    "`properties` of `schemas`",
    {
        "input": Key(SCHEMA, nullable=True),
        "output": Key(SCHEMA, nullable=True),
        "variables": Key(described_by("variables", "a mapping", MAPPING), nullable=True),
        "steps": Key(described_by("step_schemas", "a mapping", MAPPING), nullable=True),
    },
)

FAIL_SHAPE = Shape("`onError` with `action: fail`", {"action": Key(TEXT)})
USE_DEFAULT_SHAPE = Shape(
    "`onError` with `action: useDefault`", {"action": Key(TEXT), "defaultValue": Key(ANYTHING)}
)
RETRY_SHAPE = Shape(
    "`onError` with `action: retry`",
    {"action": Key(TEXT), "maxRetries": Key(COUNT, nullable=True)},
)
ACTIONS = {"fail": FAIL_SHAPE, "useDefault": USE_DEFAULT_SHAPE, "retry": RETRY_SHAPE}
ACTION = one_of("fail", "useDefault", "retry")
ON_ERROR = Shape(
    "`onError`",
    {"action": Key(ACTION, required=True), "defaultValue": Key(VALUE), "maxRetries": Key(COUNT)},
)


def _never(hint: str) -> Refusal:
    return Refusal(codes.NEVER_IMPLEMENTED_KEY, "is a key that no Stepflow release reads", hint)


_ORDER = "steps wait for the data they read; with `schema: flowc/v1` write `needs: [id]`"
_CONDITION = "with `schema: flowc/v1` write `when: <expression>`"
_ON_SKIP = "with `schema: flowc/v1` write `onSkip: <value>` beside `$step`"
NEVER_STEP_KEYS = {
    "depends_on": _never(_ORDER),
    "dependsOn": _never(_ORDER),
    "on_error": _never("write `onError`"),
    "skip": _never(_CONDITION),
    "skip_if": _never(_CONDITION),
    "on_skip": _never(_ON_SKIP),
    "onSkip": _never(_ON_SKIP),
    "must_execute": _never("write `mustExecute`"),
    "transform": _never("write the value as the `input` of the step that needs it"),
}
NEVER_FLOW_KEYS = {
    "variables_schema": _never("write `schemas: {type: object, properties: {variables: …}}`"),
}
NEVER_FORMS = {
    "$template": Refusal(
        codes.NEVER_IMPLEMENTED_KEY,
        "is a form that no Stepflow release reads",
        "let a component make the text, or wrap data in `$literal`",
    ),
}
_TO_SCHEMAS = "write `schemas: {type: object, properties: {input: …, output: …}}`"
IGNORED_SCHEMA_KEYS = {
    key: Refusal(codes.IGNORED_KEY, "is not read by modern Stepflow and ignored", _TO_SCHEMAS)
    for key in ("inputSchema", "outputSchema", "input_schema", "output_schema")
}
FLOWC_FLOW_KEYS = ("failure", "finally", "owner", "tags", "timeout")
FLOWC_STEP_KEYS = (
    "await", "cache", "emit", "flow", "foreach", "join", "needs", "output", "resources", "retry",
    "steps", "tags", "timeout", "variables", "when", "while",
)  # fmt: skip
FLOWC_FORMS = ("$artifact", "$expr", "$index", "$item", "$iteration", "$run", "$state", "$trigger")


def flowc_keys(keys: Iterable[str], what: str = "key") -> dict[str, Refusal]:
    """Return the refusals of what only ``flowc/v1`` reads."""
    message = f"is a `flowc/v1` {what}, and this is a Stepflow file"
    hint = "write `schema: flowc/v1`"
    return {key: Refusal(codes.FLOWC_KEY_IN_STEPFLOW, message, hint) for key in keys}


MODERN = Dialect(
    name="modern Stepflow",
    spelling=Spelling.MODERN,
    facts=Facts(
        unconsumed_steps_run=False,
        enforce_schemas=False,
        implicit_defaults=True,
        output_may_skip=False,
    ),
    flow=Shape(
        "a flow",
        FLOW_KEYS,
        {
            **flowc_keys(FLOWC_FLOW_KEYS),
            **NEVER_FLOW_KEYS,
            **IGNORED_SCHEMA_KEYS,
            "variables": Refusal(
                codes.UNKNOWN_KEY,
                "at the top of a flow is read by classic Stepflow only",
                "write `schemas: {type: object, properties: {variables: …}}`",
            ),
        },
    ),
    step=Shape(
        "a step",
        STEP_KEYS,
        {**flowc_keys(FLOWC_STEP_KEYS), **NEVER_STEP_KEYS, **IGNORED_SCHEMA_KEYS},
    ),
    on_error=ON_ERROR,
    action_kind=ACTION,
    actions=ACTIONS,
    template_defaults=False,
    refused_actions={
        "skip": Refusal(
            codes.NEVER_IMPLEMENTED_KEY,
            "is an action that no modern Stepflow release reads",
            "write `action: useDefault`; the step's value is then `defaultValue`, or null",
        )
    },
    forms={**flowc_keys(FLOWC_FORMS, "form"), **flowc_keys(["onSkip"]), **NEVER_FORMS},
)
