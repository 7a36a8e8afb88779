"""Steps of a flow: component calls and loops."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flowc.diagnostics import Span, codes
from flowc.source.decode_loops import Body, decode_condition, decode_foreach, decode_while
from flowc.source.decode_policies import (
    decode_cache,
    decode_on_error,
    decode_resources,
    decode_retry,
    decode_timeout,
    report_without_loop,
)
from flowc.source.decode_sub_flow import decode_sub_flow
from flowc.source.flow_schemas import decode_schema
from flowc.source.flowc_dialect import STEP_KINDS_LATER
from flowc.source.model import At, SourceCall, SourceLoop, SourceStep, SourceWhile
from flowc_shim.contract.policies import FAIL
from flowc_shim.language import values as v

if TYPE_CHECKING:
    from flowc.source.fields import Fields
    from flowc.source.flow_values import FlowDecoding
    from flowc_shim.contract.json_types import Json

ITEM = "item"
"""The id of the one step that a loop over a component has inside."""
_PLAIN = frozenset({"id", "component", "input"})
_OF_THE_ITEM = ("timeout", "retry", "cache", "resources")


def decode_steps(
    raw: object, at: Span, ctx: FlowDecoding, key: str = "`steps`"
) -> tuple[SourceStep, ...]:
    """Return the steps of a list; those that are of no use are reported and left out."""
    if isinstance(raw, dict):
        ctx.decoding.report(
            codes.NEVER_IMPLEMENTED_KEY,
            f"{key} is a list, and no Stepflow release reads a mapping here",
            at,
            hint="write `- id: name` for each step",
        )
        return ()
    found = []
    for item, item_at in ctx.decoding.items(raw, key, at):
        fields = ctx.decoding.open(item, ctx.dialect.step, item_at)
        step = None if fields is None else _decode_step(fields, ctx)
        if step is not None:
            found.append(step)
    return tuple(found)


def _decode_step(step: Fields, ctx: FlowDecoding) -> SourceStep | None:
    id = _decode_id(step)
    kind = _loop_kind(step)
    is_flow = "flow" in step.shape.keys and "flow" in step.raw
    is_loop = kind is not None or is_flow
    body: SourceCall | SourceLoop | SourceWhile | None
    if is_flow:
        body = decode_sub_flow(step, ctx)
    else:
        body = _decode_call(step, ctx) if kind is None else _decode_loop(step, kind, ctx)
        _refuse_flow_keys(step)
    if not is_loop:
        _refuse_loop_keys(step)
    _schema(step, "inputSchema")
    output_schema = _schema(step, "outputSchema")
    if id is None or body is None:
        _decode_rest(step, ctx)
        return None
    decoded = SourceStep(
        id=id,
        body=body,
        on_error=decode_on_error(step, ctx),
        must_execute=step.flag("mustExecute"),
        output_schema=None if output_schema is None else output_schema.value,
        plain=step.raw.keys() <= _PLAIN,
    )
    return decoded if decoded.plain else _decode_keys(decoded, step, ctx, not is_loop)


def _decode_rest(step: Fields, ctx: FlowDecoding) -> None:
    """Report what is wrong in the rest of a step that cannot be used."""
    placeholder = SourceStep(At("", step.at), SourceCall(At("", step.at), v.NULL, step.at))
    decode_on_error(step, ctx)
    _decode_keys(placeholder, step, ctx, True)


def _decode_keys(decoded: SourceStep, step: Fields, ctx: FlowDecoding, is_call: bool) -> SourceStep:
    """Return ``decoded`` with everything that only some steps have."""
    step.get("metadata")
    if is_call:
        decoded = replace(
            decoded,
            timeout=decode_timeout(step, ctx),
            retry=decode_retry(step, ctx),
            cache=decode_cache(step, ctx),
            resources=decode_resources(step, ctx),
        )
    return replace(
        decoded,
        needs=step.texts("needs"),
        when=_decode_when(step, ctx),
        join_any=step.get("join") == "any",
        tags=tuple(tag.value for tag in step.texts("tags")),
    )


def _decode_id(step: Fields) -> At[str] | None:
    id = step.located("id")
    if id is not None and ("/" in id.value or not id.value.isprintable()):
        step.report(
            codes.INVALID_WORD,
            "an `id` has no `/` and no unprintable characters: step paths are made of ids",
            id.span,
        )
        return None
    return id


def _decode_call(step: Fields, ctx: FlowDecoding) -> SourceCall:
    """Return the call; its component is empty where none can be read, which has been reported."""
    has_input = step.has("input")
    value = ctx.field_value(step, "input")
    component = step.located("component")
    if component is None:
        _report_no_kind(step)
        component = At("", step.at)
    elif not component.value.startswith("/"):
        step.report(
            codes.INVALID_WORD,
            f"`component` is a path that begins with `/`, not `{component.value}`",
            component.span,
            f"write `/{component.value}`" if ":" not in component.value else None,
        )
        component = At("", component.span)
    return SourceCall(component, value, step.value_at("input") if has_input else component.span)


def _report_no_kind(step: Fields) -> None:
    """Report a step without a kind, unless a refused or a missing key already says so."""
    if "component" in step.raw or step.shape.keys["component"].required:
        return
    if not any(key in step.raw for key in (*STEP_KINDS_LATER, "steps")):
        step.report(
            codes.MISSING_KEY,
            "a step needs `component`, `flow`, or `foreach` or `while` with `steps`",
            step.at,
        )


def _loop_kind(step: Fields) -> str | None:
    kinds = [key for key in ("foreach", "while") if key in step.shape.keys and key in step.raw]
    if len(kinds) > 1:
        step.decoding.report(
            codes.CONTRADICTORY_KEYS,
            "a step is a `foreach` or a `while`, not both",
            step.key_at("while"),
            secondary=[(step.key_at("foreach"), "the other one")],
            hint="put one of the loops into the `steps` of the other",
        )
    return kinds[0] if kinds else None


def _refuse_loop_keys(step: Fields) -> None:
    for key in ("steps", "output"):
        if key in step.shape.keys and key in step.raw:
            step.report(
                codes.CONTRADICTORY_KEYS,
                f"`{key}` belongs to a loop, and this step has no `foreach` or `while`",
                step.key_at(key),
                "a step's output is what its component answers" if key == "output" else None,
            )


def _refuse_flow_keys(step: Fields) -> None:
    for key in ("variables", "detached"):
        if key in step.shape.keys and key in step.raw:
            message = f"`{key}` is for a step with `flow`"
            step.report(codes.CONTRADICTORY_KEYS, message, step.key_at(key))


def _decode_when(step: Fields, ctx: FlowDecoding) -> v.Condition | None:
    if step.has("skipIf"):
        at = step.value_at("skipIf")
        return v.Condition(ctx.field_value(step, "skipIf"), "falsy", at)
    if not step.has("when"):
        return None
    return decode_condition(step, "when", ctx)


def _schema(step: Fields, key: str) -> At[Json] | None:
    return decode_schema(step, key) if key in step.shape.keys else None


def _decode_loop(step: Fields, kind: str, ctx: FlowDecoding) -> SourceLoop | SourceWhile | None:
    body = _decode_body(step, kind, ctx)
    return (decode_while if kind == "while" else decode_foreach)(step, body, ctx)


def _decode_body(step: Fields, kind: str, ctx: FlowDecoding) -> Body | None:
    if "component" in step.raw:
        return _decode_item_body(step, kind, ctx)
    report_without_loop(ctx.decoding, step, _OF_THE_ITEM)
    if "input" in step.raw:
        step.report(
            codes.CONTRADICTORY_KEYS,
            "`input` belongs to the inner steps",
            step.key_at("input"),
            "write it on the steps under `steps`, or name a `component` in their place",
        )
    if "steps" not in step.raw:
        step.report(codes.MISSING_KEY, "a loop needs `steps` or a `component`")
        return None
    steps = decode_steps(step.raw["steps"], step.value_at("steps"), ctx)
    if step.raw["steps"] == []:
        step.report(codes.MISSING_KEY, "a loop needs at least one step", step.value_at("steps"))
    return steps, ctx.field_value(step, "output")


def _decode_item_body(step: Fields, kind: str, ctx: FlowDecoding) -> Body | None:
    """Return a body of one step; what concerns attempts at the component goes to that step."""
    for key in ("steps", "output"):
        if key in step.raw:
            step.decoding.report(
                codes.CONTRADICTORY_KEYS,
                f"a loop over a `component` has no `{key}`",
                step.key_at(key),
                secondary=[(step.key_at("component"), "the component is the body")],
                hint="keep `steps` with the component in it" if key == "steps" else
                "the output is the component's; to choose from it, write `steps` and `output`",
            )  # fmt: skip
    call = _decode_call(step, ctx)
    timeout = decode_timeout(step, ctx)
    retry = decode_retry(step, ctx)
    cache = decode_cache(step, ctx)
    resources = decode_resources(step, ctx)
    if call is None:
        return None
    inner = SourceStep(
        id=At(ITEM, call.component.span),
        body=call,
        timeout=timeout,
        retry=retry,
        cache=cache,
        resources=resources,
        on_error=FAIL,
        plain=timeout is None and retry is None and cache is None and resources is None,
    )
    at = call.component.span
    # an item that was skipped is null; a pass that was skipped leaves no state
    return (inner,), v.StepRef(ITEM, tolerant=kind == "foreach", at=at)
