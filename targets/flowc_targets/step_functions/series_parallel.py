"""A general graph of units as nested sequences and parallel parts, which is all that ASL can say.

A *tree* orders units: everything in one part of a ``Seq`` ends before the next part begins, parts
of a ``Par`` know nothing of each other. A graph whose order is *series-parallel* has exactly one
such tree, and it is found: unconnected pieces become a ``Par``, and where everything before a
point precedes everything behind it, a ``Seq``. What has neither (the smallest such graph is the
"N": a → c, b → c, b → d) gets a barrier. A barrier is a cut of the piece into two. In a piece of
few units it is searched for (``cut_search``); in a larger one, among the cuts at hand, the one is
taken that lengthens the longest way least, and then the one that orders the smallest share of the
pairs across it that need no order.

How near this comes to the best: docs/decisions/0020-series-parallel-by-search.md. Nothing here
recurses over the graph, no unit is duplicated, and equal input gives equal output.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowc.ir.graph import in_order
from flowc_targets.step_functions.cut_search import MOST_UNITS, Search
from flowc_targets.step_functions.trees import Edges, One, Par, Seq, Tree, par_depth

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_DEPTH = 24
"""Nested ``Par`` of a tree; deeper ones are flattened into layers. Real flows have three or four;
state machines are nested JSON, whose readers recurse (Python's own at about 1,000 levels)."""

_EXHAUSTIVE = 256
"""Units of a piece up to which any place may be cut. Larger ones are cut near the middle, so that
a long ladder takes n·log n steps and not n²."""


@dataclass(slots=True)
class _Open:
    """A piece that is being built: its kind, and the parts found so far."""

    is_par: bool
    parts: list[Tree] = field(default_factory=list)


def series_parallel(
    after: Edges, weights: Mapping[str, int] | None = None, max_depth: int = MAX_DEPTH
) -> Tree | None:
    """Return the tree of the acyclic graph ``after``; None for an empty one.

    ``weights``: how long a unit takes, 1 if absent; only ratios matter.
    """
    order = in_order(after)
    known = set(order)
    edges = {unit: [b for b in dict.fromkeys(after[unit]) if b in known] for unit in order}
    weight = {unit: (weights or {}).get(unit, 1) for unit in order}
    if not order:
        return None
    search = Search(edges, weight)
    done: list[_Open] = [_Open(False)]
    # Work is a stack: a piece to take apart, or None to close the innermost open part.
    work: list[tuple[list[str], int, bool] | None] = [(order, 0, False)]
    while work:
        item = work.pop()
        if item is None:
            closed = done.pop()
            _add(done[-1], _closed(closed))
            continue
        piece, depth, connected = item
        if len(piece) == 1:
            _add(done[-1], One(piece[0]))
            continue
        groups = [piece] if connected else _unconnected(piece, edges)
        if len(groups) > 1:
            if depth < max_depth:
                done.append(_Open(True))
                work.append(None)
                work.extend((group, depth + 1, True) for group in reversed(groups))
                continue
            parts = _layers(piece, edges)
            for layer in parts:
                _add(done[-1], _closed(_Open(True, [One(unit) for unit in layer])))
            continue
        if len(piece) <= MOST_UNITS and search.goes_on:
            tree = search.tree(piece)
            if depth + par_depth(tree) <= max_depth:
                _add(done[-1], tree)
                continue
        cuts = _Piece(piece, edges, weight).cuts()
        done.append(_Open(False))
        work.append(None)
        bounds = [0, *cuts[1], len(piece)]
        ordered = cuts[0]
        pieces = [ordered[a:b] for a, b in itertools.pairwise(bounds)]
        work.extend((part, depth, False) for part in reversed(pieces))
    return _closed(done[0])


def _add(into: _Open, tree: Tree) -> None:
    """Append ``tree``, flattening what is of the same kind."""
    if (into.is_par and isinstance(tree, Par)) or (not into.is_par and isinstance(tree, Seq)):
        into.parts.extend(tree.parts)
    else:
        into.parts.append(tree)


def _closed(part: _Open) -> Tree:
    if len(part.parts) == 1:
        return part.parts[0]
    return Par(tuple(part.parts)) if part.is_par else Seq(tuple(part.parts))


def _unconnected(piece: list[str], edges: Edges) -> list[list[str]]:
    """Return the weakly connected groups of ``piece``, each in its order."""
    inside = set(piece)
    root = {unit: unit for unit in piece}

    def find(unit: str) -> str:
        while root[unit] != unit:
            root[unit] = root[root[unit]]
            unit = root[unit]
        return unit

    for unit in piece:
        for before in edges[unit]:
            if before in inside:
                root[find(unit)] = find(before)
    groups: dict[str, list[str]] = {}
    for unit in piece:
        groups.setdefault(find(unit), []).append(unit)
    return list(groups.values())


def _layers(piece: list[str], edges: Edges) -> list[list[str]]:
    """Return ``piece`` in layers: a unit is in the first one behind all that it comes after."""
    layer: dict[str, int] = {}
    for unit in piece:
        layer[unit] = 1 + max((layer[b] for b in edges[unit] if b in layer), default=-1)
    layers: list[list[str]] = [[] for _ in range(max(layer.values()) + 1)]
    for unit in piece:
        layers[layer[unit]].append(unit)
    return layers


class _Piece:
    """A weakly connected piece with its ancestors as bits, for finding where to cut it."""

    def __init__(self, units: list[str], edges: Edges, weight: Mapping[str, int]) -> None:
        self.units = units
        self.position = {unit: index for index, unit in enumerate(units)}
        self.before = [[self.position[b] for b in edges[u] if b in self.position] for u in units]
        self.weight = [weight[unit] for unit in units]
        self.ancestors: list[int] = []
        for befores in self.before:
            bits = 0
            for b in befores:
                bits |= self.ancestors[b] | (1 << b)
            self.ancestors.append(bits)

    def cuts(self) -> tuple[list[str], list[int]]:
        """Return an order of the units and the places where it is cut: all exact ones, or one."""
        exact = self._exact()
        if exact:
            return self.units, exact
        order, place = self._barrier()
        return [self.units[index] for index in order], [place]

    def _exact(self) -> list[int]:
        """Return the places where all that is before precedes all that is behind.

        Behind place k, every unit must have the first k units among its ancestors.
        """
        count = len(self.units)
        found = []
        least = count
        for k in range(count - 1, 0, -1):
            bits = self.ancestors[k]
            least = min(least, (~bits & (bits + 1)).bit_length() - 1)  # the lowest zero bit
            if least >= k:
                found.append(k)
        return found[::-1]

    def _barrier(self) -> tuple[list[int], int]:
        count = len(self.units)
        depth = [0] * count
        for index in range(count):
            depth[index] = self.weight[index] + max(
                (depth[b] for b in self.before[index]), default=0
            )
        height = list(self.weight)
        for index in range(count - 1, -1, -1):
            for b in self.before[index]:
                height[b] = max(height[b], self.weight[b] + height[index])
        ups = [bits.bit_count() for bits in self.ancestors]
        downs = self._descendants()
        longest = max(depth)
        candidates = [
            list(range(count)),
            sorted(range(count), key=lambda i: (depth[i] - self.weight[i], i)),  # earliest start
            sorted(range(count), key=lambda i: (longest - height[i], i)),  # latest start
        ]
        margin = 0 if count <= _EXHAUSTIVE else count // 4
        best: tuple[int, float, int] | None = None
        found: tuple[list[int], int] = (candidates[0], count // 2)
        for order in candidates:
            tail = [0] * (count + 1)
            for k in range(count - 1, -1, -1):
                tail[k] = max(tail[k + 1], height[order[k]])
            head = 0
            ordered = 0  # pairs across the place that have an order already
            for k in range(1, count):
                index = order[k - 1]
                head = max(head, depth[index])
                ordered += downs[index] - ups[index]
                if not margin < k < count - margin:
                    continue
                # The share of pairs that get an order, not their number: that would favour cutting
                # off the ends, one unit at a time, and making layers of it all.
                added = 1 - ordered / (k * (count - k))
                cost = (head + tail[k] - longest, added, abs(count - 2 * k))
                if best is None or cost < best:
                    best, found = cost, (order, k)
        return found

    def _descendants(self) -> list[int]:
        """Return how many descendants each unit has."""
        below = [0] * len(self.units)
        counts = [0] * len(self.units)
        for index in range(len(self.units) - 1, -1, -1):
            counts[index] = below[index].bit_count()
            mine = below[index] | (1 << index)
            for b in self.before[index]:
                below[b] |= mine
        return counts
