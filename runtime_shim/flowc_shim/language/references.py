"""What values refer to: steps, strictly or tolerantly, and under which conditions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc_shim.language import values as v
from flowc_shim.language.expressions import (
    ExpressionSyntaxError,
    Reference,
    parse,
    references,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_shim.language.paths import Path

MAX_CONJUNCTION = 8
"""Conditions kept per reference; dropping one only widens the demand."""


@dataclass(frozen=True, slots=True)
class StepUse:
    """One use of a step by a value, reached when every one of ``conditions`` holds.

    ``node``: the reference or expression it stands in; ``offset`` and ``length``: where in the
    text of an expression (0, 0 for a reference).
    """

    step: str
    path: Path
    tolerant: bool
    node: v.Value
    offset: int = 0
    length: int = 0
    conditions: tuple[v.Condition, ...] = ()


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
            yield StepUse(node.step, node.path, node.tolerant, node, conditions=conditions)
        elif isinstance(node, v.Expr):
            yield from _expression_uses(node, conditions)
        stack.extend(
            (child, (*conditions, *more)[:MAX_CONJUNCTION]) for child, more in _branches(node)
        )


def _branches(node: v.Value) -> list[tuple[v.Value, tuple[v.Condition, ...]]]:
    """Return the children of ``node`` in reverse, each with the conditions that reach it."""
    found: list[tuple[v.Value, tuple[v.Condition, ...]]]
    if isinstance(node, v.If):
        found = [(node.condition, ()), (node.then, (v.Condition(node.condition, "truthy"),))]
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
            yield StepUse(
                paths.get(ref.step, ref.step), ref.path, ref.tolerant, node,
                ref.offset, ref.length, conditions,
            )  # fmt: skip
