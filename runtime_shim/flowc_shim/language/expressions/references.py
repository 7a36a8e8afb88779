"""Which values an expression reads: what the compiler makes edges of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from flowc_shim.language.expressions.syntax import (
    STEPS,
    TYPE_NAMES,
    Comprehension,
    Constant,
    Expression,
    Has,
    Index,
    Name,
    Node,
    Select,
    children,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

Path: TypeAlias = tuple["str | int", ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """One use of a root name with as much of its path as the text fixes.

    ``step`` is the step's id below the root ``steps``; ``None`` there means a misuse that
    ``check`` reports. ``tolerant``: read by ``has``, which a missing value does not disturb.
    """

    root: str
    step: str | None
    path: Path
    tolerant: bool
    offset: int
    length: int


def references(expression: Expression) -> tuple[Reference, ...]:
    """Return every use of a root name, in the order of the text."""
    return tuple(_uses(expression.root, frozenset(), tolerant=False))


def _uses(node: Node, shadowed: frozenset[str], tolerant: bool) -> Iterator[Reference]:
    chain = static_chain(node)
    if chain is not None:
        root, path = chain
        if root.name not in shadowed and root.name not in TYPE_NAMES:
            yield _reference(node, root.name, path, tolerant)
        return
    match node:
        case Has():
            yield from _uses(node.operand, shadowed, tolerant=True)
        case Select():
            yield from _uses(node.operand, shadowed, tolerant)
        case Index():
            yield from _uses(node.operand, shadowed, tolerant)
            yield from _uses(node.index, shadowed, tolerant=False)
        case Comprehension():
            yield from _uses(node.target, shadowed, tolerant=False)
            inner = shadowed | {node.variable}
            for part in children(node)[1:]:
                yield from _uses(part, inner, tolerant=False)
        case _:
            for child in children(node):
                yield from _uses(child, shadowed, tolerant=False)


def _reference(node: Node, root: str, path: Path, tolerant: bool) -> Reference:
    step: str | None = None
    if root == STEPS and path and isinstance(path[0], str):
        step, path = path[0], path[1:]
    return Reference(root, step, path, tolerant, node.offset, node.length)


def static_chain(node: Node) -> tuple[Name, Path] | None:
    """Return root and path if ``node`` is a name followed by fixed members only."""
    path: list[str | int] = []
    while not isinstance(node, Name):
        if isinstance(node, Select):
            path.append(node.field)
        elif isinstance(node, Index) and isinstance(node.index, Constant):
            key = node.index.value
            if not isinstance(key, (str, int)) or isinstance(key, bool):
                return None
            path.append(key)
        else:
            return None
        node = node.operand
    return node, tuple(reversed(path))
