"""Uses of steps with their places in the source, and rewriting of values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc.diagnostics import Span
from flowc.source.text_spans import part_span
from flowc_shim.language import references as shim
from flowc_shim.language import values as v
from flowc_shim.language.references import expression_references

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowc_shim.language.paths import Path

__all__ = ["StepUse", "expression_references", "rewrite", "span_of", "step_uses"]


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


def step_uses(value: v.Value) -> Iterator[StepUse]:
    """Yield every use of a step in ``value``, located."""
    for use in shim.step_uses(value):
        span = span_of(use.node)
        if span is not None and isinstance(use.node, v.Expr):
            span = part_span(span, use.node.text, use.offset, use.length)
        yield StepUse(
            use.step, use.path, use.tolerant, span, use.conditions,
            isinstance(use.node, v.StepRef) and use.node.on_skip is not None,
        )  # fmt: skip


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
