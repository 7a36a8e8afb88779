"""What a series-parallel tree makes wait that the graph does not: added waits, and longer ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc_targets.step_functions.trees import Edges, One, Par, Seq, Tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class AddedWait:
    """``unit`` now waits for ``others`` too, none of which is behind another of them."""

    unit: str
    others: tuple[str, ...]


def units_of(tree: Tree) -> Iterator[str]:
    """Yield the units of ``tree`` in an order that respects it."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, One):
            yield node.id
        else:
            stack.extend(reversed(node.parts))


def added_waits(after: Edges, tree: Tree) -> list[AddedWait]:
    """Return what waits for what it need not, without what follows from another added wait."""
    order = list(units_of(tree))
    position = {unit: index for index, unit in enumerate(order)}
    graph = _graph_ancestors(after, order, position)
    tree_bits = _tree_ancestors(tree, position)
    found = []
    for index, unit in enumerate(order):
        new = tree_bits[index] & ~graph[index]
        for before in after[unit]:
            if before in position:
                new &= ~tree_bits[position[before]]
        if new:
            found.append(AddedWait(unit, tuple(order[i] for i in _last(new, tree_bits))))
    return found


def _graph_ancestors(after: Edges, order: list[str], position: Mapping[str, int]) -> list[int]:
    ancestors: list[int] = []
    for unit in order:
        bits = 0
        for before in after[unit]:
            if before in position:
                bits |= ancestors[position[before]] | (1 << position[before])
        ancestors.append(bits)
    return ancestors


def _tree_ancestors(tree: Tree, position: Mapping[str, int]) -> list[int]:
    """Return, per unit, all that the tree puts before it.

    The units of a subtree are neighbours in the order, so what a part adds is a range of bits.
    """
    sizes = _sizes(tree)
    bits = [0] * len(position)
    stack: list[tuple[Tree, int, int]] = [(tree, 0, 0)]
    while stack:
        node, start, before = stack.pop()
        if isinstance(node, One):
            bits[start] = before
            continue
        for part in node.parts:
            stack.append((part, start, before))
            size = sizes[id(part)]
            if isinstance(node, Seq):
                before |= ((1 << size) - 1) << start
            start += size
    return bits


def _sizes(tree: Tree) -> dict[int, int]:
    sizes: dict[int, int] = {}
    stack: list[tuple[Tree, bool]] = [(tree, False)]
    while stack:
        node, ready = stack.pop()
        if isinstance(node, One):
            sizes[id(node)] = 1
        elif ready:
            sizes[id(node)] = sum(sizes[id(part)] for part in node.parts)
        else:
            stack.append((node, True))
            stack.extend((part, False) for part in node.parts)
    return sizes


def _last(bits: int, ancestors: list[int]) -> list[int]:
    """Return the members of ``bits`` that are before no other member."""
    found: list[int] = []
    while bits:
        index = bits.bit_length() - 1
        found.append(index)
        bits &= ~((1 << index) | ancestors[index])
    return found[::-1]


def longest_in_graph(after: Edges, weights: Mapping[str, int], order: list[str]) -> int:
    """Return the weight of the longest way through the graph."""
    ends: dict[str, int] = {}
    for unit in order:
        before = max((ends[b] for b in after[unit] if b in ends), default=0)
        ends[unit] = before + weights.get(unit, 1)
    return max(ends.values(), default=0)


def longest_in_tree(tree: Tree, weights: Mapping[str, int]) -> int:
    """Return the weight of the longest way through the tree."""
    lengths: dict[int, int] = {}
    stack: list[tuple[Tree, bool]] = [(tree, False)]
    while stack:
        node, ready = stack.pop()
        if isinstance(node, One):
            lengths[id(node)] = weights.get(node.id, 1)
        elif not ready:
            stack.append((node, True))
            stack.extend((part, False) for part in node.parts)
        else:
            parts = [lengths[id(part)] for part in node.parts]
            lengths[id(node)] = max(parts) if isinstance(node, Par) else sum(parts)
    return lengths[id(tree)]
