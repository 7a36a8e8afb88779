"""The best tree of a small graph, by trying every cut: shortest longest way, then fewest pairs."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from flowc_targets.step_functions.trees import One, Par, Seq, Tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.graph_families import Graph

Found = tuple[int, int, Tree]
"""Longest way, pairs that have an order, and the tree."""


def best_tree(graph: Graph, weights: dict[str, int]) -> Tree | None:
    """Return it: what extends a connected order is connected, so its outermost part is a cut."""
    units = list(graph)
    position = {unit: i for i, unit in enumerate(units)}
    before = [0] * len(units)
    for unit, befores in graph.items():
        for b in befores:
            before[position[unit]] |= before[position[b]] | (1 << position[b])

    @lru_cache(None)
    def best(piece: int) -> Found:
        members = list(_members(piece))
        if len(members) == 1:
            return weights[units[members[0]]], 0, One(units[members[0]])
        groups = _groups(piece, before)
        if len(groups) > 1:
            found = [best(group) for group in groups]
            tree = Par(tuple(tree for _, _, tree in found))
            return max(way for way, *_ in found), sum(pairs for _, pairs, _ in found), tree
        return min((_cut(first, piece) for first in _closed(piece, before)), key=lambda f: f[:2])

    def _cut(first: int, piece: int) -> Found:
        one, other = best(first), best(piece & ~first)
        pairs = one[1] + other[1] + first.bit_count() * (piece & ~first).bit_count()
        return one[0] + other[0], pairs, _seq(one[2], other[2])

    return best((1 << len(units)) - 1)[2]


def _members(piece: int) -> Iterator[int]:
    while piece:
        low = piece & -piece
        yield low.bit_length() - 1
        piece ^= low


def _closed(piece: int, before: list[int]) -> Iterator[int]:
    """Yield the parts of ``piece`` that hold all that is before any of them."""
    part = (piece - 1) & piece
    while part:
        if all(before[i] & piece & ~part == 0 for i in _members(part)):
            yield part
        part = (part - 1) & piece


def _groups(piece: int, before: list[int]) -> list[int]:
    groups: list[int] = []
    for i in _members(piece):
        mine = (before[i] & piece) | (1 << i)
        joined = [group for group in groups if group & mine]
        groups = [group for group in groups if not group & mine]
        for group in joined:
            mine |= group
        groups.append(mine)
    return groups


def _seq(one: Tree, other: Tree) -> Tree:
    parts = [tree.parts if isinstance(tree, Seq) else (tree,) for tree in (one, other)]
    return Seq((*parts[0], *parts[1]))
