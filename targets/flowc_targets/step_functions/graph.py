"""The shape of a scope: its units as a tree, with a loop as one node, and how long each takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc.ir.layout import LoopFacts, WhileFacts
from flowc_shim.contract.scopes import is_outermost
from flowc_targets.step_functions.series_parallel import MAX_DEPTH, series_parallel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.ir.layout import Layout
    from flowc_targets.step_functions.trees import Tree

_INNER_DEPTH = 4
"""Nested Parallels inside a loop: ten loops may be nested, and a definition is nested JSON."""

_SOME_ITEMS = 10
"""Items of a loop of unknown size, and passes, for comparing ways through a graph."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A scope as a graph and as a tree.

    ``after``: node → nodes before it; a node is a unit, or a loop by the unit that opens it.
    ``weights``: how long each takes, in steps.
    """

    after: Mapping[str, tuple[str, ...]]
    weights: Mapping[str, int]
    tree: Tree | None


def shape_of(layout: Layout, scope: str) -> Shape:
    """Return the shape of ``scope``."""
    every: list[LoopFacts | WhileFacts] = [*layout.loops.values(), *layout.whiles.values()]
    opens = {facts.open: facts for facts in every}
    node_of = {facts.close: facts.open for facts in every}
    after: dict[str, tuple[str, ...]] = {}
    weights: dict[str, int] = {}
    for unit_id in layout.scopes[scope]:
        unit = layout.units[unit_id]
        if unit.kind == "close":
            continue  # with its opening: nothing else can come between the two
        after[unit_id] = tuple(dict.fromkeys(node_of.get(before, before) for before in unit.after))
        weights[unit_id] = len(unit.steps)
        if unit_id in opens:
            facts = opens[unit_id]
            weights[unit_id] = 2 + _turns(facts) * max(1, len(layout.scopes.get(facts.path, ())))
    depth = MAX_DEPTH if is_outermost(scope) else _INNER_DEPTH
    return Shape(after, weights, series_parallel(after, weights, depth))


def _turns(facts: LoopFacts | WhileFacts) -> int:
    """Return how often about a loop goes through its body, one time after the other."""
    if isinstance(facts, WhileFacts):
        return min(facts.passes, _SOME_ITEMS)
    items = _SOME_ITEMS if facts.count is None else facts.count
    return -(-items // max(1, facts.concurrency))
