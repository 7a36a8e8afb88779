"""The ``flowc/v1`` dialect, as tables: modern Stepflow and what flowc adds."""

from __future__ import annotations

from flowc.diagnostics import codes
from flowc.source.dialect import FLOWC_V1, Dialect
from flowc.source.fields import (
    ANYTHING,
    BOOLEAN,
    MAPPING,
    NAME,
    POSITIVE,
    TEXT,
    TEXTS,
    Key,
    Kind,
    Refusal,
    Shape,
    described_by,
    is_number,
    one_of,
)
from flowc.source.model import Facts
from flowc.source.quantities import BYTES, CPU, DURATION, GPU
from flowc.source.stepflow_modern import (
    ACTION,
    ACTIONS,
    FLOW_KEYS,
    NEVER_FLOW_KEYS,
    NEVER_FORMS,
    NEVER_STEP_KEYS,
    ON_ERROR,
    STEP_KEYS,
    STEP_LIST,
    VALUE,
)
from flowc_shim.language.forms import Spelling

EXPRESSION = Kind(
    "an expression as text", lambda raw: isinstance(raw, str) and raw.strip() != "",
    {"type": "string", "minLength": 1},
)  # fmt: skip
CONDITION = Kind(
    "an expression as text, such as `input.n > 1`",
    lambda raw: isinstance(raw, bool) or EXPRESSION.accepts(raw),
    {"type": ["string", "boolean"], "minLength": 1},
)
_VARIABLE = {"$ref": "#/$defs/variable_reference"}


def or_variable(kind: Kind) -> Kind:
    """Return the kind of a setting that may also be ``{$variable: …}``."""
    return Kind(kind.words, lambda raw: True, {"anyOf": [dict(kind.schema), _VARIABLE]})


POSITIVE_OR_VARIABLE = or_variable(Kind("", lambda raw: True, {"type": "integer", "minimum": 1}))
COUNT_OR_VARIABLE = or_variable(Kind("", lambda raw: True, {"type": "integer", "minimum": 0}))

NEEDS_KEYS = {"cpu": Key(CPU), "memory": Key(BYTES), "disk": Key(BYTES), "gpu": Key(GPU)}
NEEDS = Shape(
    "`resources`",
    NEEDS_KEYS,
    {
        key: Refusal(
            codes.UNKNOWN_KEY,
            "is for stacks: a flow names no machines",
            "put it into a profile under `resources` of the stack, and name the profile here",
        )
        for key in (
            "gpu_type", "machine_type", "preemptible", "node_selector", "tolerations", "queue",
            "compute",
        )
    },
)  # fmt: skip
BUDGET = Shape(
    "a retry budget",
    {
        "max": Key(COUNT_OR_VARIABLE),
        "delay": Key(DURATION),
        "factor": Key(
            Kind("a number from 1", lambda raw: is_number(raw) and raw >= 1,
                 {"type": "number", "minimum": 1})
        ),
        "cap": Key(DURATION),
        "jitter": Key(BOOLEAN),
    },
)  # fmt: skip
_BUDGET = described_by("budget", "a mapping", MAPPING)
RETRY = Shape(
    "`retry`",
    {
        "user": Key(_BUDGET),
        "platform": Key(_BUDGET),
        "timeout": Key(_BUDGET),
        "if": Key(EXPRESSION),
    },
    {
        key: Refusal(
            codes.UNKNOWN_KEY,
            "belongs to the budget of an error class",
            f"write `retry: {{user: {{{key}: …}}}}`, or `platform` or `timeout`",
        )
        for key in ("max", "delay", "factor", "cap", "jitter", "maxRetries")
    },
)


def _not_built(what: str = "", hint: str | None = None) -> Refusal:
    return Refusal(codes.NOT_BUILT_YET, f"{what}is not built yet", hint)


FOREACH = Shape(
    "`foreach`",
    {
        "items": Key(VALUE),
        "product": Key(
            Kind("a mapping of lists", MAPPING.accepts,
                 {"type": "object", "additionalProperties": {"$ref": "#/$defs/value"},
                  "minProperties": 1})
        ),
        "concurrency": Key(POSITIVE_OR_VARIABLE),
        "maxFailures": Key(
            Kind("a whole number from 0 or a share such as `10%`", lambda raw: True,
                 {"anyOf": [{"type": "integer", "minimum": 0},
                            {"type": "string", "pattern": "^[0-9.]+%$"}]})
        ),
        "collect": Key(one_of("records")),
    },
)  # fmt: skip
WHILE = Shape(
    "`while`",
    {
        "state": Key(VALUE, required=True),
        "condition": Key(CONDITION, required=True),
        "maxIterations": Key(POSITIVE, required=True),
        "onLimit": Key(one_of("fail", "stop")),
    },
)

CACHE = Shape("`cache`", {"ttl": Key(DURATION, required=True), "key": Key(VALUE)})

_STEP = {
    **STEP_KEYS,
    "component": Key(STEP_KEYS["component"].kind),
    "steps": Key(STEP_LIST),
    "foreach": Key(described_by("foreach", "a mapping", MAPPING)),
    "while": Key(described_by("while", "a mapping", MAPPING)),
    "output": Key(VALUE),
    "needs": Key(TEXTS),
    "when": Key(CONDITION),
    "join": Key(one_of("all", "any")),
    "timeout": Key(or_variable(DURATION)),
    "retry": Key(described_by("retry", "a mapping", MAPPING)),
    "cache": Key(described_by("cache", "a mapping with `ttl`", MAPPING)),
    "resources": Key(
        Kind("the name of a profile, or a mapping of needs", ANYTHING.accepts,
             {"anyOf": [{"type": "string", "minLength": 1}, {"$ref": "#/$defs/needs"}, _VARIABLE]})
    ),
    "flow": Key(Kind("the path of a flow file", NAME.accepts, dict(NAME.schema))),
    "variables": Key(
        Kind("a mapping of values", MAPPING.accepts,
             {"type": "object", "additionalProperties": {"$ref": "#/$defs/value"}})
    ),
    "detached": Key(BOOLEAN),
    "tags": Key(TEXTS),
}  # fmt: skip
STEP_KINDS_LATER = {
    "await": _not_built("(waiting for a signal or an approval) "),
}
_STEP_LATER = {
    **STEP_KINDS_LATER,
    "emit": _not_built("(publishing a signal) "),
}
_TO_SCHEMAS = "write `schemas: {type: object, properties: {input: …, output: …, steps: …}}`"
_SCHEMA_KEYS = {
    key: Refusal(codes.UNKNOWN_KEY, "is not read by `flowc/v1`", _TO_SCHEMAS)
    for key in ("inputSchema", "outputSchema", "input_schema", "output_schema")
}
_SKIP_IF = Refusal(
    codes.MIXED_DIALECTS,
    "is classic Stepflow, and this file says `schema: flowc/v1`",
    "write `when` with the opposite condition",
)
_FLOWC_NEVER = {
    "depends_on": Refusal(codes.NEVER_IMPLEMENTED_KEY, "is not read", "write `needs`"),
    "dependsOn": Refusal(codes.NEVER_IMPLEMENTED_KEY, "is not read", "write `needs`"),
    "skip": Refusal(
        codes.NEVER_IMPLEMENTED_KEY, "is not read", "write `when` with the opposite condition"
    ),
    "skip_if": _SKIP_IF,
    "skipIf": _SKIP_IF,
    "on_skip": Refusal(
        codes.NEVER_IMPLEMENTED_KEY, "is not read", "write `onSkip: <value>` beside `$step`"
    ),
    "onSkip": Refusal(
        codes.NEVER_IMPLEMENTED_KEY, "is not read here", "write `onSkip: <value>` beside `$step`"
    ),
}
FLOWC = Dialect(
    name="flowc/v1",
    spelling=Spelling.FLOWC,
    facts=Facts(
        unconsumed_steps_run=True,
        enforce_schemas=True,
        implicit_defaults=False,
        output_may_skip=False,
    ),
    flow=Shape(
        "a flow",
        {
            **FLOW_KEYS,
            "schema": Key(one_of(FLOWC_V1)),
            "failure": Key(one_of("failAfterRunning", "failFast")),
            "timeout": Key(or_variable(DURATION)),
            "finally": Key(STEP_LIST),
            "tags": Key(TEXTS),
            "owner": Key(TEXT),
        },
        {
            "variables": Refusal(
                codes.UNKNOWN_KEY,
                "at the top of a flow is classic Stepflow",
                "write `schemas: {type: object, properties: {variables: …}}`",
            ),
            **NEVER_FLOW_KEYS,
            **_SCHEMA_KEYS,
        },
    ),
    step=Shape(
        "a step",
        _STEP,
        {**_STEP_LATER, **NEVER_STEP_KEYS, **_FLOWC_NEVER, **_SCHEMA_KEYS},
    ),
    on_error=ON_ERROR,
    action_kind=ACTION,
    actions=ACTIONS,
    template_defaults=True,
    refused_actions={
        "skip": Refusal(
            codes.NEVER_IMPLEMENTED_KEY,
            "is not an action",
            "write `action: useDefault`; the step's value is then `defaultValue`, or null",
        )
    },
    forms={
        **NEVER_FORMS,
        "$from": Refusal(
            codes.MIXED_DIALECTS,
            "is classic Stepflow, and this file says `schema: flowc/v1`",
            "write `$step`, `$input` or `$variable`",
        ),
    },
)
