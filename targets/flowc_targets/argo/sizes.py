"""How large what is emitted gets: the template, the node status of a run, the nesting."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flowc.ir.layout import WhileFacts
from flowc_shim.contract.scopes import ROOT, is_outermost
from flowc_targets.argo.cells import cells_of, guarded, segments_of
from flowc_targets.argo.lanes import tasks_of
from flowc_targets.argo.limits import BYTES_PER_NODE
from flowc_targets.argo.passes import chunks_of, nesting

if TYPE_CHECKING:
    from flowc.ir.layout import Layout, LoopFacts

_UNIT_NODES = 2
"""A Retry node and a Pod node; each further attempt is one more."""

Document = dict[str, Any]


def template_bytes(document: Document) -> int:
    """Return the size of a manifest as Argo stores it."""
    return len(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode())


def least_status_bytes(layout: Layout) -> int:
    """Return what the node status of a run without re-tries takes at least, packed.

    A loop whose count is known counts with all its items, any other one with none.
    """
    outermost = [scope for scope in layout.scopes if is_outermost(scope)]
    return sum(scope_nodes(layout, scope) for scope in outermost) * BYTES_PER_NODE


def scope_nodes(layout: Layout, scope: str) -> int:
    """Return the nodes of one instance of ``scope``, its own included."""
    cells = cells_of(layout, scope)
    segments = len(segments_of(cells))
    nodes = 1 + (segments if segments > 1 else 0)
    for cell in cells:
        nodes += sum(_UNIT_NODES * (2 if guarded(unit) else 1) for unit in cell.units)
        if len(cell.units) == 2:
            loop = layout.loops.get(cell.id) or layout.whiles[cell.id]
            nodes += 2 + loop_nodes(layout, loop)
    return nodes


def loop_nodes(layout: Layout, loop: LoopFacts | WhileFacts) -> int:
    """Return the nodes of all items, or passes, of one instance of ``loop``."""
    if isinstance(loop, WhileFacts):
        asking = (1 + _UNIT_NODES) * chunks_of(loop) if chunks_of(loop) > 1 else 0
        return loop.passes * scope_nodes(layout, loop.path) + asking
    tasks = tasks_of(loop)
    return tasks * scope_nodes(layout, loop.path) if tasks else 0


def deepest(layout: Layout, scope: str = ROOT) -> int:
    """Return how deep templates nest from ``scope``'s on, leaf included."""
    cells = cells_of(layout, scope)
    inner = [_around(layout, cell.id) for cell in cells if len(cell.units) == 2]
    return 1 + (len(segments_of(cells)) > 1) + max([1, *inner])


def _around(layout: Layout, loop: str) -> int:
    """Return how deep templates nest from the task that goes through a loop's items or passes."""
    facts = layout.whiles.get(loop)
    return (1 if facts is None else nesting(facts)) + deepest(layout, loop)
