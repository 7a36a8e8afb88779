"""The two kinds of loops: over items, and while a condition holds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from flowc.diagnostics import codes
from flowc.source.decode_policies import decode_tolerance, parse_positive
from flowc.source.flowc_dialect import FOREACH, WHILE
from flowc.source.model import SourceLoop, SourceStep, SourceWhile
from flowc_shim.language import values as v

if TYPE_CHECKING:
    from flowc.source.fields import Fields
    from flowc.source.flow_values import FlowDecoding

Body: TypeAlias = tuple[tuple[SourceStep, ...], v.Value]
"""The steps of one item, or of one pass, and their output."""


def decode_foreach(step: Fields, body: Body | None, ctx: FlowDecoding) -> SourceLoop | None:
    """Return a ``foreach`` around ``body``, None if it is of no use (reported)."""
    at = step.value_at("foreach")
    foreach = ctx.decoding.open(step.raw["foreach"], FOREACH, at)
    if foreach is None or body is None:
        return None
    steps, output = body
    items, product = _decode_items(foreach, ctx)
    concurrency = ctx.setting(foreach, "concurrency", parse_positive)
    loop = SourceLoop(
        steps=steps,
        output=output,
        span=step.key_at("foreach"),
        items=items,
        product=product,
        tolerance=decode_tolerance(foreach),
        records=foreach.get("collect") == "records",
    )
    return loop if concurrency is None else replace(loop, concurrency=concurrency)


def _decode_items(
    foreach: Fields, ctx: FlowDecoding
) -> tuple[v.Value | None, tuple[tuple[str, v.Value], ...]]:
    has_items, has_product = "items" in foreach.raw, "product" in foreach.raw
    if has_items and has_product:
        foreach.report(
            codes.CONTRADICTORY_KEYS,
            "`foreach` takes `items` or `product`, not both",
            foreach.key_at("product"),
        )
    elif not has_items and not has_product:
        foreach.report(codes.MISSING_KEY, "`foreach` needs `items` or `product`")
    product: list[tuple[str, v.Value]] = []
    if has_product:
        raw, at = foreach.raw["product"], foreach.value_at("product")
        for name, value, key_at, value_at in ctx.decoding.entries(raw, "`product`", at):
            if name.startswith("$"):
                ctx.decoding.report(
                    codes.UNKNOWN_VALUE_FORM,
                    f"`{name}` cannot stand for all of `product`",
                    key_at,
                    hint="name each list: `product: {alpha: …, beta: …}`",
                )
            product.append((name, ctx.value(value, value_at)))
        if raw == {}:
            foreach.report(codes.MISSING_KEY, "`product` needs at least one list", at)
    items = ctx.field_value(foreach, "items", v.Literal([])) if not product else None
    return items, tuple(product)


def decode_while(step: Fields, body: Body | None, ctx: FlowDecoding) -> SourceWhile | None:
    """Return a ``while`` around ``body``, None if it is of no use (reported)."""
    at = step.value_at("while")
    loop = ctx.decoding.open(step.raw["while"], WHILE, at)
    if body is not None and "component" not in step.raw and "output" not in step.raw:
        step.report(
            codes.MISSING_KEY,
            "a `while` needs `output`: it is the state that a pass leaves to the next",
            step.key_at("while"),
        )
    if loop is None:
        return None
    state = ctx.field_value(loop, "state")
    condition = decode_condition(loop, "condition", ctx)
    most = loop.get("maxIterations")
    if body is None:
        return None
    steps, output = body
    return SourceWhile(
        steps=steps,
        output=output,
        span=step.key_at("while"),
        state=state,
        condition=condition or v.Condition(v.Literal(False)),
        max_iterations=most or 1,
        stop_at_limit=loop.get("onLimit") == "stop",
    )


def decode_condition(fields: Fields, key: str, ctx: FlowDecoding) -> v.Condition | None:
    """Return the boolean expression at ``key``, None where there is none."""
    if not fields.has(key):
        return None
    raw, at = fields.raw[key], fields.value_at(key)
    if isinstance(raw, bool):
        return v.Condition(v.Literal(raw, at), "true", at)
    text = fields.text(key)
    if text is None:
        return None
    expression = ctx.expression(text, at)
    return v.Condition(expression, "true", expression.at)
