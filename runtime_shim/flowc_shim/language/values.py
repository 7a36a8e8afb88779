"""Values of a flow: the tree that inputs, outputs, items and defaults are written as.

One node class per form; ``at`` is an opaque position that the compiler fills in and nobody
compares. Decoding is :mod:`flowc_shim.language.decode`, meaning is
:mod:`flowc_shim.language.evaluate`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json
    from flowc_shim.language.paths import Path


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that is itself; nothing inside is interpreted."""

    value: Json
    at: object = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ObjectValue:
    """A mapping whose members are values."""

    members: tuple[tuple[str, Value], ...]
    at: object = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ListValue:
    """A list whose items are values."""

    items: tuple[Value, ...]
    at: object = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class StepRef:
    """The output of a step, or what ``path`` leads to in it.

    ``step`` is the id as written in a Source and the step's path in a Program. ``tolerant``: a
    skipped step gives ``on_skip`` (null without one) instead of skipping the reader.
    """

    step: str
    path: Path = ()
    tolerant: bool = False
    on_skip: Value | None = None
    at: object = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class InputRef:
    """The run's input, or what ``path`` leads to in it."""

    path: Path = ()
    at: object = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class VariableRef:
    """A variable, or what ``path`` leads to in it; ``default`` where either is missing."""

    name: str
    path: Path = ()
    default: Value | None = None
    at: object = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class If:
    """``then`` if the condition is truthy, else ``otherwise`` (null without one)."""

    condition: Value
    then: Value
    otherwise: Value | None = None
    at: object = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Coalesce:
    """The first member that is not null; a member that fails fails the whole."""

    members: tuple[Value, ...]
    at: object = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Expr:
    """An expression of :mod:`flowc_shim.language.expressions`.

    ``steps`` maps the ids that the text uses to step paths (empty in a Source).
    """

    text: str
    steps: tuple[tuple[str, str], ...] = ()
    at: object = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ItemRef:
    """The current item of the nearest, or the named, ``foreach``."""

    loop: str | None = None
    path: Path = ()
    at: object = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class IndexRef:
    """The current index (from 0) of the nearest, or the named, ``foreach``."""

    loop: str | None = None
    at: object = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class StateRef:
    """The current state of the nearest ``while``, or what ``path`` leads to in it.

    ``loop`` is None in a Source and the step's path in a Program.
    """

    loop: str | None = None
    path: Path = ()
    at: object = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class IterationRef:
    """How many passes of the nearest ``while`` came before this one; ``loop`` as in StateRef."""

    loop: str | None = None
    at: object = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class RunRef:
    """What is known of the run: ``id``, ``name``, ``project``, ``branch``."""

    path: Path = ()
    at: object = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class TriggerRef:
    """What started the run; null, whatever the path, if somebody started it by hand."""

    path: Path = ()
    at: object = field(default=None, compare=False, repr=False)


Value: TypeAlias = (
    Literal
    | ObjectValue
    | ListValue
    | StepRef
    | InputRef
    | VariableRef
    | If
    | Coalesce
    | Expr
    | ItemRef
    | IndexRef
    | StateRef
    | IterationRef
    | RunRef
    | TriggerRef
)

NULL = Literal(None)


def children(value: Value) -> Iterator[Value]:
    """Yield the values directly inside ``value``, in the order they were written."""
    if isinstance(value, ObjectValue):
        for _, member in value.members:
            yield member
    elif isinstance(value, ListValue):
        yield from value.items
    elif isinstance(value, Coalesce):
        yield from value.members
    elif isinstance(value, If):
        yield value.condition
        yield value.then
        if value.otherwise is not None:
            yield value.otherwise
    elif isinstance(value, StepRef):
        if value.on_skip is not None:
            yield value.on_skip
    elif isinstance(value, VariableRef) and value.default is not None:
        yield value.default


def walk(value: Value) -> Iterator[Value]:
    """Yield ``value`` and everything inside it, parents first."""
    stack = [value]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(list(children(node))))


def is_constant(value: Value) -> bool:
    """Whether ``value`` is the same in every run."""
    return all(isinstance(node, (Literal, ObjectValue, ListValue)) for node in walk(value))


def constant(value: Value) -> Json:
    """Return the JSON of a value for which :func:`is_constant` holds."""
    if isinstance(value, Literal):
        return value.value
    if isinstance(value, ObjectValue):
        return {key: constant(member) for key, member in value.members}
    if isinstance(value, ListValue):
        return [constant(item) for item in value.items]
    raise ValueError(f"{type(value).__name__} is not constant")


@dataclass(frozen=True, slots=True)
class Condition:
    """A test of a value: of its truthiness, or that it is boolean true.

    ``test``: ``true`` (must be a boolean; anything else is an error of class ``user``),
    ``truthy`` and ``falsy`` (only null, false and a failed evaluation are falsy), ``null``.
    """

    value: Value
    test: str = "true"
    at: object = field(default=None, compare=False, repr=False)


Guard: TypeAlias = "tuple[tuple[Condition, ...], ...] | None"
"""When a step is needed: any of these conjunctions holds. None: always."""

Names: TypeAlias = Mapping[str, str]
