"""Sizes that Argo cannot hold, refused with the numbers and the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, Span, codes
from flowc.ir.build_plan import MAX_ITEMS
from flowc.ir.layout import STEP, Layout
from flowc_shim.contract.scopes import in_finally
from flowc_shim.language.canonical import canonical
from flowc_targets.argo import limits
from flowc_targets.argo.manifests import dags_of, packed_plan, workflow_template
from flowc_targets.argo.passes import nesting
from flowc_targets.argo.programs import pods_layout
from flowc_targets.argo.release import Release
from flowc_targets.argo.sizes import deepest, least_status_bytes, loop_nodes, template_bytes

if TYPE_CHECKING:
    from flowc.ir.layout import LoopFacts, WhileFacts
    from flowc.target import Compilation


def check_sizes(compilation: Compilation, diagnostics: Diagnostics) -> None:
    """Report what gets too large: loops first, since they explain the rest."""
    if _check_loops(compilation, diagnostics):
        return
    layout = pods_layout(compilation)
    at = compilation.program.span
    _check_status(compilation, diagnostics)
    depth = deepest(layout)
    if depth >= limits.DEPTH:
        _report_depth(layout, depth, at, diagnostics)
    release = Release(compilation)
    dags = dags_of(compilation, release)
    most = max(len(template["dag"]["tasks"]) for template in dags.templates)
    if most > limits.TASKS_PER_DAG:
        message = f"{most} segments in one DAG; {limits.TASKS_PER_DAG} is the most"
        _report(diagnostics, message, at, _fewer_units(layout))
    size = template_bytes(workflow_template(compilation, dags, release))
    if size > limits.TEMPLATE_BYTES:
        message = (
            f"the WorkflowTemplate of {len(layout.units)} units would take {_kib(size)}; "
            f"{_kib(limits.TEMPLATE_BYTES)} is the most, since every run stores a copy of it"
        )
        _report(diagnostics, message, at, _fewer_units(layout))
    _check_plan(compilation, diagnostics)


def _report_depth(layout: Layout, depth: int, at: Span, diagnostics: Diagnostics) -> None:
    most = max(layout.whiles.values(), key=nesting, default=None)
    hint = "nest fewer loops"
    if most is not None:
        at = most.span
        hint = (
            "lower `maxIterations`, or make each pass a chain of calls to served components: "
            "then one pod runs all passes"
        )
    message = f"templates would nest {depth} deep; Argo allows less than {limits.DEPTH}"
    _report(diagnostics, message, at, hint)


def _check_loops(compilation: Compilation, diagnostics: Diagnostics) -> bool:
    """Report loops that are known to have too many items; returns whether there is one."""
    large = [
        loop
        for loop in compilation.layout.loops.values()
        if loop.count is not None and loop.count > _most(loop)
    ]
    for loop in large:
        units = len(compilation.layout.scopes.get(loop.path, ()))
        body = "" if loop.one_unit else f" for a body of {units} units"
        hint = "split the list over several loops"
        if not loop.one_unit:
            hint = f"a body that is one unit may have {MAX_ITEMS:,}: make it one step"
            hint += _or_auto(compilation.layout)
        diagnostics.report(
            codes.SIZE_LIMIT,
            f"the loop has {loop.count:,} items; on Argo {_most(loop):,} is the most{body}",
            loop.span,
            hint=hint,
        )
    held = _check_finally(compilation, diagnostics)
    _note_concurrency(compilation, diagnostics)
    return bool(large) or held


def _check_finally(compilation: Compilation, diagnostics: Diagnostics) -> bool:
    """Refuse loops of ``finally`` steps of which items would have to wait for each other.

    Argo's controller ends itself when an item of an exit handler waits for ``parallelism``.
    """
    held = [
        loop
        for loop in compilation.layout.loops.values()
        if in_finally(loop.path) and not loop.one_unit and loop.concurrency < _items(loop)
    ]
    for loop in held:
        diagnostics.report(
            codes.UNSUPPORTED,
            f"{_items(loop):,} items of a loop in `finally`, {loop.concurrency:,} at a time, "
            "need a body of one unit on Argo, whose controller ends when items wait there",
            loop.span,
            hint=f"make it one step{_or_auto(compilation.layout)}, "
            f"or let them run at once: `concurrency: {_items(loop)}`",
        )
    return bool(held)


def _items(loop: LoopFacts) -> int:
    return limits.MAX_ITEMS if loop.count is None else loop.count


def _most(loop: LoopFacts) -> int:
    return MAX_ITEMS if loop.one_unit else limits.MAX_ITEMS


def _or_auto(layout: Layout) -> str:
    return ", or compile with `--granularity auto`" if layout.granularity == STEP else ""


def _note_concurrency(compilation: Compilation, diagnostics: Diagnostics) -> None:
    """Say where fewer items run at once than the loop allows: the bound is kept, not reached."""
    for loop in compilation.layout.loops.values():
        most = loop.concurrency if loop.count is None else min(loop.concurrency, loop.count)
        if most > limits.LANES:
            diagnostics.report(
                codes.PARALLELISM_LOST,
                f"loop `{loop.path}` allows {most:,} items at a time; {limits.LANES} run",
                loop.span,
            )


def _check_status(compilation: Compilation, diagnostics: Diagnostics) -> None:
    layout = pods_layout(compilation)
    size = least_status_bytes(layout)
    if size <= limits.NODE_STATUS_BYTES:
        return
    every: list[LoopFacts | WhileFacts] = [*layout.loops.values(), *layout.whiles.values()]
    loops = {loop.span: loop_nodes(layout, loop) for loop in every}
    at = max(loops, key=lambda span: loops[span], default=None)
    if at is None or not loops[at]:
        at = compilation.program.span
    _report(
        diagnostics,
        f"the status of a run would take {_kib(size)} "
        f"({size // limits.BYTES_PER_NODE:,} nodes); {_kib(limits.NODE_STATUS_BYTES)} is the most",
        at,
        _fewer_units(layout),
    )


def _check_plan(compilation: Compilation, diagnostics: Diagnostics) -> None:
    body = len(canonical(compilation.plan.to_json()))
    if body <= limits.PLAN_READABLE_BYTES:
        return
    packed = len(packed_plan(compilation.plan))
    if packed > limits.PLAN_PACKED_BYTES:
        _report(
            diagnostics,
            f"the plan takes {_kib(packed)} gzipped ({_kib(body)} of JSON); "
            f"{_kib(limits.PLAN_PACKED_BYTES)} fit into a ConfigMap",
            compilation.program.span,
            "move large literal values into files or into the run's input",
        )


def _fewer_units(layout: Layout) -> str:
    if layout.granularity == STEP:
        return "compile with `--granularity auto`, which runs plain chains in one pod"
    return "split the flow, or let one step do the work of several"


def _report(diagnostics: Diagnostics, message: str, at: Span, hint: str) -> None:
    diagnostics.report(codes.SIZE_LIMIT, message, at, hint=hint)


def _kib(size: int) -> str:
    return f"{-(-size // 1024):,} KiB"
