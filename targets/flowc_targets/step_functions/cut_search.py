"""The tree of a piece of few units, by search: where to cut it, looking ahead.

A cut puts a *head*, which holds all that is before any of its units, before the rest. Up to
``ALL_CUTS`` units every cut is tried, and the tree is the best there is: the shortest longest way,
and among those few ordered pairs. Larger pieces are cut where the longest way grows least as far as
can be seen at once; of the ``WIDTH`` cuts that look best, each is followed to its end in this way,
and the one that ends best is taken. Then both sides are searched in turn.

Sets of units are bits; a unit's bit is its place in an order that respects the graph. What recurses
does so over the units of one piece.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc_targets.step_functions.trees import One, Par, Seq

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc_targets.step_functions.trees import Edges, Tree

MOST_UNITS = 128
"""Units of a piece that is searched; the work grows with their cube."""

ALL_CUTS = 7
"""Units of a piece of which every cut is tried."""

WIDTH = 12
"""Cuts that are followed to their end; a wider search finds next to nothing."""

MOST_PIECES = 10_000
"""Pieces that are looked at for one graph; the rest of a larger one is cut without search."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A tree of a piece; ``pairs``: how many of its pairs of units have an order."""

    way: int
    pairs: int
    tree: Tree

    @property
    def cost(self) -> tuple[int, int]:
        return self.way, self.pairs


class Search:
    """Searches pieces of one graph, which is acyclic and whose keys are in an order of it."""

    def __init__(self, after: Edges, weight: Mapping[str, int]) -> None:
        self._after = after
        self._weight = weight
        self._pieces = 0

    @property
    def goes_on(self) -> bool:
        """Whether there is work left for more pieces."""
        return self._pieces < MOST_PIECES

    def tree(self, units: list[str]) -> Tree:
        """Return the tree of ``units``, which are in order."""
        piece = _Piece(units, self._after, self._weight)
        found = piece.solve((1 << len(units)) - 1, WIDTH)
        self._pieces += len(piece.solved)
        return found.tree


class _Piece:
    """The units of a piece and what was found out about parts of it."""

    def __init__(self, units: list[str], after: Edges, weight: Mapping[str, int]) -> None:
        self.units = units
        self.weight = [weight[unit] for unit in units]
        self.before = _ancestors(units, after)
        self.behind = _descendants(self.before)
        self.solved: dict[tuple[int, int], _Found] = {}

    def solve(self, part: int, width: int) -> _Found:
        """Return the best tree that is found; ``width`` 1: without looking ahead."""
        known = self.solved.get((part, width))
        if known is None:
            known = self.solved[part, width] = self._solve(part, width)
        return known

    def _solve(self, part: int, width: int) -> _Found:
        if part.bit_count() == 1:
            unit = part.bit_length() - 1
            return _Found(self.weight[unit], 0, One(self.units[unit]))
        groups = self._groups(part)
        if len(groups) > 1:
            found = [self.solve(group, width) for group in groups]
            tree = Par(tuple(one.tree for one in found))
            return _Found(max(one.way for one in found), sum(one.pairs for one in found), tree)
        cut = self._exact(part) or self._best_cut(part, width)
        return self._joined(cut, part, width)

    def _joined(self, head: int, part: int, width: int) -> _Found:
        rest = part & ~head
        one, other = self.solve(head, width), self.solve(rest, width)
        pairs = one.pairs + other.pairs + head.bit_count() * rest.bit_count()
        return _Found(one.way + other.way, pairs, _in_a_row(one.tree, other.tree))

    def _best_cut(self, part: int, width: int) -> int:
        if width > 1 and part.bit_count() <= ALL_CUTS:
            return min(self._all_cuts(part), key=lambda cut: self._joined(cut, part, width).cost)
        likely = self._likely_cuts(part, width)
        if width == 1:
            return likely[0]
        return min(likely, key=lambda cut: self._joined(cut, part, 1).cost)

    def _groups(self, part: int) -> list[int]:
        """Return the weakly connected groups of ``part``, each by its first unit."""
        groups: list[int] = []
        for unit in _members(part):
            mine = (self.before[unit] & part) | (1 << unit)
            apart = []
            for group in groups:
                if group & mine:
                    mine |= group
                else:
                    apart.append(group)
            groups = [*apart, mine]
        return sorted(groups, key=lambda group: group & -group)

    def _exact(self, part: int) -> int:
        """Return the first head that comes before all the rest already; 0 if there is none."""
        head = 0
        for unit in itertools.islice(_members(part), part.bit_count() - 1):
            head |= 1 << unit
            if all(head & ~self.before[other] == 0 for other in _members(part & ~head)):
                return head
        return 0

    def _all_cuts(self, part: int) -> Iterator[int]:
        head = (part - 1) & part
        while head:
            if all(self.before[unit] & part & ~head == 0 for unit in _members(head)):
                yield head
            head = (head - 1) & part

    def _likely_cuts(self, part: int, width: int) -> list[int]:
        """Return cuts, those first that lengthen the longest way least and order few pairs."""
        depth, height = self._ways(part)
        deepest = sorted(((way, 1 << unit) for unit, way in depth.items()), reverse=True)
        highest = sorted(((way, 1 << unit) for unit, way in height.items()), reverse=True)
        ways = sorted(
            (_longest(deepest, head) + _longest(highest, part & ~head), head)
            for head in self._heads(part, depth, height)
        )
        most = ways[min(width, len(ways)) - 1][0]
        gains = {
            unit: (self.behind[unit] & part).bit_count() - (self.before[unit] & part).bit_count()
            for unit in depth
        }
        size = part.bit_count()
        costs = []
        for way, head in ways:
            if way > most:
                break
            before = head.bit_count()
            ordered = sum(map(gains.__getitem__, _members(head)))
            # the share of pairs that get an order, not their number: that would cut off the ends
            share = 1 - ordered / (before * (size - before))
            costs.append((way, share, abs(size - 2 * before), head))
        return [cost[-1] for cost in sorted(costs)[:width]]

    def _heads(self, part: int, depth: dict[int, int], height: dict[int, int]) -> set[int]:
        """Return heads: around each unit, and by the times when units may start and must end."""
        longest = max(depth.values())
        starts = {unit: depth[unit] - self.weight[unit] for unit in depth}
        latest = {unit: longest - height[unit] for unit in depth}
        ends = {unit: latest[unit] + self.weight[unit] for unit in depth}
        heads = self._around_units(part)
        for time in ({}, starts, latest, depth, ends):
            heads.update(_prefixes(part, time))
        return heads - {0, part}

    def _around_units(self, part: int) -> set[int]:
        """Return, per unit, what is before it, and all but what is behind it; with it, and not."""
        heads: set[int] = set()
        for unit in _members(part):
            above, below = self.before[unit] & part, part & ~self.behind[unit]
            heads.update((above, above | 1 << unit, below, below & ~(1 << unit)))
        return heads

    def _ways(self, part: int) -> tuple[dict[int, int], dict[int, int]]:
        """Return the longest way within ``part`` to the end, and from the start, of each unit."""
        depth: dict[int, int] = {}
        height: dict[int, int] = {}
        units = list(_members(part))
        for unit in units:
            before = _members(self.before[unit] & part)
            depth[unit] = self.weight[unit] + max(map(depth.__getitem__, before), default=0)
        for unit in reversed(units):
            behind = _members(self.behind[unit] & part)
            height[unit] = self.weight[unit] + max(map(height.__getitem__, behind), default=0)
        return depth, height


def _ancestors(units: list[str], after: Edges) -> list[int]:
    position = {unit: index for index, unit in enumerate(units)}
    found: list[int] = []
    for unit in units:
        bits = 0
        for before in after[unit]:
            if before in position:
                bits |= found[position[before]] | (1 << position[before])
        found.append(bits)
    return found


def _descendants(before: list[int]) -> list[int]:
    behind = [0] * len(before)
    for unit, above in enumerate(before):
        for other in _members(above):
            behind[other] |= 1 << unit
    return behind


def _members(part: int) -> Iterator[int]:
    while part:
        low = part & -part
        yield low.bit_length() - 1
        part ^= low


def _prefixes(part: int, time: Mapping[int, int]) -> Iterator[int]:
    """Yield the heads of ``part`` in the order of ``time``; its own order breaks ties."""
    head = 0
    for unit in sorted(_members(part), key=lambda unit: (time.get(unit, 0), unit)):
        head |= 1 << unit
        yield head


def _longest(ways: list[tuple[int, int]], part: int) -> int:
    """Return the longest of ``ways``, which are in falling order, of a unit in ``part``."""
    return next(way for way, unit in ways if unit & part)


def _in_a_row(one: Tree, other: Tree) -> Tree:
    parts = [tree.parts if isinstance(tree, Seq) else (tree,) for tree in (one, other)]
    return Seq((*parts[0], *parts[1]))
