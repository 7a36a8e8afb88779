"""What values refer to: steps (strict or tolerant, and under which conditions), items, variables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flowc.diagnostics import Span
from flowc_shim.language import values as v
from flowc_shim.language.expressions import (
    ExpressionSyntaxError,
    Reference,
    parse,
    references,
)
from flowc_shim.language.paths import Path

MAX_CONJUNCTION = 8
"""Conditions kept per reference; dropping one only widens the demand."""


@dataclass(frozen=True, slots=True)
class StepUse:
    """One use of a step by a value, reached when every one of ``conditions`` holds."""

    step: str
    path: Path
    tolerant: bool
    span: Span | None
    conditions: tuple[v.Condition, ...] = ()
    has_default: bool = False


def span_of(value: v.Value) -> Span | None:
    """Return where ``value`` was written, None for values that the compiler made."""
    return value.at if isinstance(value.at, Span) else None


def expression_references(value: v.Expr) -> tuple[Reference, ...]:
    """Return the references of an expression; none if it does not parse (reported elsewhere)."""
    try:
        return references(parse(value.text))
    except ExpressionSyntaxError:
        return ()


def step_uses(value: v.Value) -> Iterator[StepUse]:
    """Yield every use of a step in ``value``, with the conditions under which it is reached."""
    stack: list[tuple[v.Value, tuple[v.Condition, ...]]] = [(value, ())]
    while stack:
        node, conditions = stack.pop()
        if isinstance(node, v.StepRef):
            yield StepUse(
                node.step, node.path, node.tolerant, span_of(node), conditions,
                node.on_skip is not None,
            )  # fmt: skip
        elif isinstance(node, v.Expr):
            yield from _expression_uses(node, conditions)
        stack.extend(
            (child, (*conditions, *more)[:MAX_CONJUNCTION]) for child, more in _branches(node)
        )


def _branches(node: v.Value) -> list[tuple[v.Value, tuple[v.Condition, ...]]]:
    """Return the children of ``node`` in reverse, each with the conditions that reach it."""
    if isinstance(node, v.If):
        found = [
            (node.condition, ()),
            (node.then, (v.Condition(node.condition, "truthy"),)),
        ]
        if node.otherwise is not None:
            found.append((node.otherwise, (v.Condition(node.condition, "falsy"),)))
        return found[::-1]
    if isinstance(node, v.Coalesce):
        earlier: tuple[v.Condition, ...] = ()
        found = []
        for member in node.members:
            found.append((member, earlier))
            earlier = (*earlier, v.Condition(member, "null"))
        return found[::-1]
    return [(child, ()) for child in reversed(list(v.children(node)))]


def _expression_uses(node: v.Expr, conditions: tuple[v.Condition, ...]) -> Iterator[StepUse]:
    paths = dict(node.steps)
    for ref in expression_references(node):
        if ref.root == "steps" and ref.step is not None:
            span = span_of(node)
            yield StepUse(
                paths.get(ref.step, ref.step),
                ref.path,
                ref.tolerant,
                span.inside(ref.offset, ref.length) if span else None,
                conditions,
            )


def rewrite(value: v.Value, leaf: Callable[[v.Value], v.Value]) -> v.Value:
    """Return ``value`` with ``leaf`` applied to each reference and expression, inside out."""
    if isinstance(value, v.ObjectValue):
        return v.ObjectValue(tuple((k, rewrite(m, leaf)) for k, m in value.members), value.at)
    if isinstance(value, v.ListValue):
        return v.ListValue(tuple(rewrite(m, leaf) for m in value.items), value.at)
    if isinstance(value, v.Coalesce):
        return v.Coalesce(tuple(rewrite(m, leaf) for m in value.members), value.at)
    if isinstance(value, v.If):
        otherwise = None if value.otherwise is None else rewrite(value.otherwise, leaf)
        return v.If(rewrite(value.condition, leaf), rewrite(value.then, leaf), otherwise, value.at)
    if isinstance(value, v.StepRef) and value.on_skip is not None:
        value = v.StepRef(
            value.step, value.path, value.tolerant, rewrite(value.on_skip, leaf), value.at
        )
    elif isinstance(value, v.VariableRef) and value.default is not None:
        value = v.VariableRef(value.name, value.path, rewrite(value.default, leaf), value.at)
    return value if isinstance(value, v.Literal) else leaf(value)
