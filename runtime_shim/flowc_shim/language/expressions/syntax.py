"""The syntax tree: frozen nodes that know their place in the text.

Places do not take part in comparison: two nodes are equal if they mean the same. The height of a
tree is at most ``MAX_DEPTH``, so walking it by recursion is safe.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json

STEPS = "steps"
"""The root whose members are steps: only ``steps.<id>`` and ``steps["<id>"]`` are expressions."""

TYPE_NAMES = frozenset({"null_type", "bool", "int", "double", "string", "list", "map"})
"""What ``type(x)`` answers; written bare they stand for their own text: ``type(x) == int``."""

LIST_MACROS = frozenset({"all", "exists", "filter", "map"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """A place: ``length`` characters from ``offset``."""

    offset: int = field(compare=False, repr=False)
    length: int = field(compare=False, repr=False)

    @property
    def end(self) -> int:
        """The offset just behind the node."""
        return self.offset + self.length


@dataclass(frozen=True, slots=True)
class Constant(Located):
    """A literal: null, a boolean, a number or a string."""

    value: Json


@dataclass(frozen=True, slots=True)
class Name(Located):
    """A root name, a variable of a macro, or a type's name."""

    name: str


@dataclass(frozen=True, slots=True)
class Select(Located):
    """``operand.field``."""

    operand: Node
    field: str


@dataclass(frozen=True, slots=True)
class Index(Located):
    """``operand[index]``."""

    operand: Node
    index: Node


@dataclass(frozen=True, slots=True)
class Has(Located):
    """``has(operand)``; the operand is a Select or an Index."""

    operand: Select | Index


@dataclass(frozen=True, slots=True)
class Unary(Located):
    """``!operand`` or ``-operand``."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary(Located):
    """Arithmetic, a comparison, or ``in``."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Logical(Located):
    """``&&`` or ``||``; long chains are balanced trees, which changes no meaning."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Conditional(Located):
    """``condition ? then : otherwise``."""

    condition: Node
    then: Node
    otherwise: Node


@dataclass(frozen=True, slots=True)
class ListLiteral(Located):
    """``[a, b]``."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MapLiteral(Located):
    """``{"a": 1}``; pairs in the order of the text."""

    entries: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Call(Located):
    """``function(arguments)``, or ``receiver.function(arguments)``."""

    function: str
    receiver: Node | None
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Comprehension(Located):
    """``target.macro(variable, body)``, or ``target.map(variable, condition, body)``."""

    macro: str
    target: Node
    variable: str
    condition: Node | None
    body: Node


Node: TypeAlias = (
    Constant
    | Name
    | Select
    | Index
    | Has
    | Unary
    | Binary
    | Logical
    | Conditional
    | ListLiteral
    | MapLiteral
    | Call
    | Comprehension
)


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression."""

    text: str = field(compare=False)
    root: Node


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly below ``node``, in the order of the text."""
    match node:
        case Constant() | Name():
            return ()
        case Select() | Has() | Unary():
            return (node.operand,)
        case Index():
            return (node.operand, node.index)
        case Binary() | Logical():
            return (node.left, node.right)
        case Conditional():
            return (node.condition, node.then, node.otherwise)
        case ListLiteral():
            return node.items
        case MapLiteral():
            return tuple(part for entry in node.entries for part in entry)
        case Call():
            return node.arguments if node.receiver is None else (node.receiver, *node.arguments)
        case Comprehension():
            inner = (node.body,) if node.condition is None else (node.condition, node.body)
            return (node.target, *inner)


def height_over(root: Node, limit: int) -> Node | None:
    """Return a node that lies deeper than ``limit`` levels, ``None`` if there is none."""
    level: list[Node] = [root]
    for _ in range(limit):
        level = [child for node in level for child in children(node)]
    return level[0] if level else None
