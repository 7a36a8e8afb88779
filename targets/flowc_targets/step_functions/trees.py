"""Units as nested sequences and parallel parts, which is all that ASL can say of their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Edges = Mapping[str, Sequence[str]]
"""Unit → the units that it comes after."""


@dataclass(frozen=True, slots=True)
class One:
    """A unit."""

    id: str


@dataclass(frozen=True, slots=True)
class Seq:
    """Parts one after the other; never empty, never a ``Seq`` in a ``Seq``."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Par:
    """Parts at the same time; at least two, never a ``Par`` in a ``Par``."""

    parts: tuple[Tree, ...]


Tree = One | Seq | Par


def par_depth(tree: Tree) -> int:
    """Return how many ``Par`` are nested in ``tree``."""
    deepest = 0
    stack: list[tuple[Tree, int]] = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        if not isinstance(node, One):
            inside = depth + isinstance(node, Par)
            deepest = max(deepest, inside)
            stack.extend((part, inside) for part in node.parts)
    return deepest
