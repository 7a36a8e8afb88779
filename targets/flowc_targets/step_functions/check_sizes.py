"""Sizes: what the service would refuse, or would run into in the middle of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, Span, codes
from flowc.ir.layout import AUTO, Layout
from flowc_targets.step_functions.definition import Definition, define
from flowc_targets.step_functions.limits import (
    DEFINITION_BYTES,
    HISTORY_EVENTS,
    INLINE_CONCURRENCY,
    MAX_ITEMS,
    RANGE_ITEMS,
)
from flowc_targets.step_functions.loops import is_distributed
from flowc_targets.step_functions.parts import possible_parts

if TYPE_CHECKING:
    from flowc.target import Compilation


def check_sizes(compilation: Compilation, diagnostics: Diagnostics) -> None:
    """Report what is too large, each with its numbers."""
    before = len(diagnostics.found)
    _check_items(compilation, diagnostics)
    if len(diagnostics.found) > before:
        return
    definition = define(compilation)
    _check_definition(compilation, definition, diagnostics)
    _note_concurrency(compilation, diagnostics)


def _check_items(compilation: Compilation, diagnostics: Diagnostics) -> None:
    layout, store = compilation.layout, compilation.placement.stack.state_store
    for facts in layout.loops.values():
        units = len(layout.scopes.get(facts.path, ()))
        if facts.count is None or not units:
            continue
        distributed = is_distributed(facts, units, store)
        most = MAX_ITEMS if distributed else RANGE_ITEMS
        if facts.count > most:
            inside = "inside of another loop " if facts.nested else ""
            hint = "split the list over several loops"
            if not distributed and not inside:
                hint = "more take a state store in S3: `state_store: s3://bucket/prefix`"
            diagnostics.report(
                codes.SIZE_LIMIT,
                f"loop `{facts.path}` {inside}has {facts.count} items; {most} is the most",
                facts.span,
                hint=hint,
            )


def _check_definition(
    compilation: Compilation, definition: Definition, diagnostics: Diagnostics
) -> None:
    layout = compilation.layout
    at = compilation.program.span
    hint = _smaller(layout)
    if definition.size > DEFINITION_BYTES:
        diagnostics.report(
            codes.SIZE_LIMIT,
            f"the state machine of {len(layout.units)} units has {definition.size} bytes; "
            f"{DEFINITION_BYTES} is the most",
            at,
            hint=hint,
        )
    for history in definition.histories:
        if history.events <= HISTORY_EVENTS:
            continue
        what, span = _execution(compilation, history.loop, at)
        diagnostics.report(
            codes.SIZE_LIMIT,
            f"{what} writes {history.events} history events when nothing is retried; "
            f"{HISTORY_EVENTS} of the 25000 that an execution has are for that",
            span,
            hint=hint,
        )


def _execution(compilation: Compilation, loop: str, at: Span) -> tuple[str, Span]:
    layout = compilation.layout
    if loop in possible_parts(compilation):
        return f"sub-flow `{loop}`", layout.loops[loop].span
    if loop in layout.loops:
        return f"an item of loop `{loop}`", layout.loops[loop].span
    if loop in layout.whiles:
        return f"a pass of loop `{loop}`", layout.whiles[loop].span
    return "a run", at


def _smaller(layout: Layout) -> str:
    if layout.granularity == AUTO:
        return "split the flow"
    return "compile with granularity `auto`, which runs plain chains as one unit, or split the flow"


def _note_concurrency(compilation: Compilation, diagnostics: Diagnostics) -> None:
    """Say where fewer items run at once than the loop allows: the bound is kept, not reached."""
    layout, store = compilation.layout, compilation.placement.stack.state_store
    for facts in layout.loops.values():
        units = len(layout.scopes.get(facts.path, ()))
        at_once = facts.concurrency if facts.count is None else min(facts.concurrency, facts.count)
        if units and at_once > INLINE_CONCURRENCY and not is_distributed(facts, units, store):
            why = "it is inside of another loop" if facts.nested else "its store is not in S3"
            diagnostics.report(
                codes.PARALLELISM_LOST,
                f"loop `{facts.path}` allows {at_once} items at a time; "
                f"{INLINE_CONCURRENCY} run, because {why}",
                facts.span,
            )
