"""Stepflow's classic dialect (0.3 to 0.8), as tables."""

from __future__ import annotations

from flowc.diagnostics import codes
from flowc.source.dialect import Dialect
from flowc.source.fields import MAPPING, TEXT, Key, Refusal, Shape, described_by, one_of
from flowc.source.model import Facts
from flowc.source.stepflow_modern import (
    FAIL_SHAPE,
    FLOW_KEYS,
    FLOWC_FLOW_KEYS,
    FLOWC_FORMS,
    FLOWC_STEP_KEYS,
    NEVER_FLOW_KEYS,
    NEVER_FORMS,
    NEVER_STEP_KEYS,
    SCHEMA,
    STEP_KEYS,
    USE_DEFAULT_SHAPE,
    VALUE,
    flowc_keys,
)
from flowc_shim.language.forms import Spelling

_SCHEMA_KEYS = {
    "inputSchema": Key(SCHEMA, nullable=True),
    "outputSchema": Key(SCHEMA, nullable=True),
}
_IGNORED = {
    snake: Refusal(
        codes.IGNORED_KEY, "is not read by classic Stepflow and ignored", f"write `{camel}`"
    )
    for snake, camel in (("input_schema", "inputSchema"), ("output_schema", "outputSchema"))
}
_ACTION = one_of("fail", "useDefault", "retry", "skip")

CLASSIC = Dialect(
    name="classic Stepflow",
    spelling=Spelling.CLASSIC,
    facts=Facts(
        unconsumed_steps_run=False,
        enforce_schemas=False,
        implicit_defaults=True,
        output_may_skip=True,
    ),
    flow=Shape(
        "a flow",
        {
            **{key: spec for key, spec in FLOW_KEYS.items() if key != "schemas"},
            **_SCHEMA_KEYS,
            "variables": Key(described_by("variables", "a mapping", MAPPING), nullable=True),
        },
        {
            **flowc_keys(FLOWC_FLOW_KEYS),
            **NEVER_FLOW_KEYS,
            **_IGNORED,
            "schemas": Refusal(
                codes.UNKNOWN_KEY,
                "is read by modern Stepflow only, and this file is classic",
                "write `inputSchema`, `outputSchema` and `variables`",
            ),
        },
    ),
    step=Shape(
        "a step",
        {**STEP_KEYS, **_SCHEMA_KEYS, "skipIf": Key(VALUE, nullable=True)},
        {
            **flowc_keys(FLOWC_STEP_KEYS),
            **NEVER_STEP_KEYS,
            **_IGNORED,
            "skip": Refusal(
                codes.NEVER_IMPLEMENTED_KEY,
                "is a key that no Stepflow release reads",
                "write `skipIf`",
            ),
            "skip_if": Refusal(
                codes.NEVER_IMPLEMENTED_KEY,
                "is a key that no Stepflow release reads",
                "write `skipIf`",
            ),
        },
    ),
    on_error=Shape("`onError`", {"action": Key(_ACTION, required=True)}),
    action_kind=_ACTION,
    actions={
        "fail": FAIL_SHAPE,
        "useDefault": USE_DEFAULT_SHAPE,
        "skip": Shape("`onError` with `action: skip`", {"action": Key(TEXT)}),
        "retry": Shape("`onError` with `action: retry`", {"action": Key(TEXT)}),
    },
    template_defaults=True,
    forms={**flowc_keys(FLOWC_FORMS, "form"), **NEVER_FORMS},
)
