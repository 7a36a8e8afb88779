"""A step that is another flow: a loop of one item, which is that flow's input and variables.

A detached one is a call instead, whose input is the same, and which starts a run of that flow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import codes
from flowc.source.model import At, SourceCall, SourceLoop, SourceSubFlow
from flowc_shim.language import values as v

if TYPE_CHECKING:
    from flowc.source.fields import Fields
    from flowc.source.flow_values import FlowDecoding

INPUT, VARIABLES = "input", "variables"
"""The members of the one item."""

_OTHER_KINDS = ("component", "foreach", "while", "steps", "output")
_OF_ITS_STEPS = ("timeout", "retry", "cache", "resources")


def decode_sub_flow(step: Fields, ctx: FlowDecoding) -> SourceLoop | SourceCall | None:
    """Return a step with `flow`; its steps come from that file (:mod:`flowc.source.link_flows`)."""
    file = step.located("flow")
    _refuse_keys(step)
    given = ctx.field_value(step, INPUT, v.ObjectValue(()))
    variables = _variables(step, ctx)
    detached = step.flag("detached")
    if file is None:
        return None
    at = step.value_at(INPUT) if step.has(INPUT) else file.span
    members = v.ObjectValue(tuple((name.value, value) for name, value in variables))
    item = v.ObjectValue(((INPUT, given), (VARIABLES, members)), at)
    if detached:
        return SourceCall(file, item, at, SourceSubFlow(file, variables))
    return SourceLoop(
        steps=(),
        output=v.NULL,
        span=step.key_at("flow"),
        items=v.ListValue((item,), at),
        concurrency=1,
        flow=SourceSubFlow(file, variables),
    )


def _variables(step: Fields, ctx: FlowDecoding) -> tuple[tuple[At[str], v.Value], ...]:
    if not step.has(VARIABLES):
        return ()
    raw, at = step.raw[VARIABLES], step.value_at(VARIABLES)
    return tuple(
        (At(name, key_at), ctx.value(value, value_at))
        for name, value, key_at, value_at in ctx.decoding.entries(raw, "`variables`", at)
    )


def _refuse_keys(step: Fields) -> None:
    for key in (*_OTHER_KINDS, *_OF_ITS_STEPS):
        if key not in step.raw:
            continue
        if key in _OTHER_KINDS:
            message = f"a step with `flow` has no `{key}`: it is what that flow is"
            is_loop = key in ("foreach", "while")
            hint = "put the step with `flow` into the `steps` of the loop" if is_loop else None
        else:
            message = f"`{key}` belongs to the steps of the flow"
            hint = "write it in that file"
        step.decoding.report(
            codes.CONTRADICTORY_KEYS,
            message,
            step.key_at(key),
            secondary=[(step.key_at("flow"), "the flow")],
            hint=hint,
        )
