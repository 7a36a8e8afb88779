"""The meaning of the tree.

``&&`` and ``||`` take booleans only and, as in CEL, a side that decides wins over a failure of
the other: ``false && failure`` is false in either order; ``all`` and ``exists`` likewise. Bounds
that were exceeded, and exceptions of the names themselves, are never absorbed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from flowc_shim.contract.json_types import Json
from flowc_shim.language.expressions import functions, operators
from flowc_shim.language.expressions.errors import (
    ExpressionError,
    ExpressionLimitError,
    Fault,
    LimitFault,
)
from flowc_shim.language.expressions.limits import Meter, check_result
from flowc_shim.language.expressions.operators import shown
from flowc_shim.language.expressions.syntax import (
    STEPS,
    TYPE_NAMES,
    Binary,
    Call,
    Comprehension,
    Conditional,
    Constant,
    Expression,
    Has,
    Index,
    ListLiteral,
    Located,
    Logical,
    MapLiteral,
    Name,
    Node,
    Select,
    Unary,
)


class Names(Protocol):
    """Where an evaluation finds its values."""

    def name(self, root: str) -> Json:
        """Return the value of a root name other than ``steps``; raises KeyError for no name."""

    def step(self, id: str) -> Json:
        """Return a step's result; whatever it raises leaves the evaluation unchanged."""

    def has_step(self, id: str) -> bool:
        """Return whether the step has a result, without failing because it has none."""


def evaluate(expression: Expression, names: Names) -> Json:
    """Return the value of ``expression``, which may share parts with the values of ``names``."""
    evaluation = _Evaluation(names)
    root = expression.root
    value = evaluation.value(root, {})
    try:
        check_result(value)
    except Fault as fault:
        raise _located(fault, root) from None
    return value


def evaluate_condition(expression: Expression, names: Names) -> bool:
    """Return the value of ``expression``; raises ExpressionError if it is not a boolean."""
    return _Evaluation(names).boolean(expression.root, {}, "the condition")


_Local = Mapping[str, Json]

_MISSING = object()


def _located(fault: Fault, node: Located) -> ExpressionError:
    """Return the error that says what ``fault`` says, at ``node``."""
    kind = ExpressionLimitError if isinstance(fault, LimitFault) else ExpressionError
    return kind(str(fault), node.offset, node.length)


class _Evaluation:
    """One walk over a tree; ``local`` are the variables of the macros around a node."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._meter = Meter()

    def value(self, node: Node, local: _Local) -> Json:
        try:
            return self._value(node, local)
        except Fault as fault:
            raise _located(fault, node) from None

    def boolean(self, node: Node, local: _Local, role: str) -> bool:
        value = self.value(node, local)
        if not isinstance(value, bool):
            fault = Fault(f"{role} must be a bool, not {shown(value)}")
            raise _located(fault, node)
        return value

    def _value(self, node: Node, local: _Local) -> Json:
        self._meter.spend()
        match node:
            case Constant():
                return node.value
            case Name():
                return self._name(node.name, local)
            case Select():
                return self._select(node, local)
            case Index():
                return self._index(node, local)
            case Has():
                return self._tolerant(node.operand, local) is not _MISSING
            case Unary():
                if node.operator == "!":
                    return not self.boolean(node.operand, local, "what `!` negates")
                return operators.negate(self.value(node.operand, local))
            case Binary():
                left, right = self.value(node.left, local), self.value(node.right, local)
                return operators.binary(node.operator, left, right, self._meter)
            case Logical():
                sides = (
                    lambda: self.boolean(node.left, local, f"the left of `{node.operator}`"),
                    lambda: self.boolean(node.right, local, f"the right of `{node.operator}`"),
                )
                return _decide(sides, node.operator == "||")
            case Conditional():
                chosen = self.boolean(node.condition, local, "what stands before `?`")
                return self.value(node.then if chosen else node.otherwise, local)
            case ListLiteral():
                return [self.value(item, local) for item in node.items]
            case MapLiteral():
                return self._map_literal(node, local)
            case Call():
                return self._call(node, local)
            case Comprehension():
                return self._comprehension(node, local)

    # -- names and members ---------------------------------------------------------------------

    def _name(self, name: str, local: _Local) -> Json:
        if name in local:
            return local[name]
        if name == STEPS:
            raise Fault('`steps` is used only as `steps.<id>` or `steps["<id>"]`')
        if name in TYPE_NAMES:
            return name
        try:
            return self._names.name(name)
        except KeyError:
            raise Fault(f"there is no name `{name}` here") from None

    def _select(self, node: Select, local: _Local) -> Json:
        if _is_steps(node.operand, local):
            return self._names.step(node.field)
        return _element(self.value(node.operand, local), node.field, f" `{node.field}`")

    def _index(self, node: Index, local: _Local) -> Json:
        if _is_steps(node.operand, local):
            return self._names.step(_step_id(node))
        container = self.value(node.operand, local)
        known = f" `{node.index.value}`" if isinstance(node.index, Constant) else ""
        return _element(container, self.value(node.index, local), known)

    def _tolerant(self, node: Node, local: _Local) -> Json:
        """Return the value of the chain of members that ``has`` asks for, or ``_MISSING``."""
        if not isinstance(node, (Select, Index)):
            return self.value(node, local)
        self._meter.spend()
        if _is_steps(node.operand, local):
            step = node.field if isinstance(node, Select) else _step_id(node)
            return self._names.step(step) if self._names.has_step(step) else _MISSING
        container = self._tolerant(node.operand, local)
        key = node.field if isinstance(node, Select) else self.value(node.index, local)
        if container is _MISSING:
            return _MISSING
        try:
            return _element(container, key)
        except Fault:
            return _MISSING

    # -- values made of others -----------------------------------------------------------------

    def _map_literal(self, node: MapLiteral, local: _Local) -> Json:
        made: dict[str, Json] = {}
        for key_node, value_node in node.entries:
            key = self.value(key_node, local)
            if not isinstance(key, str):
                fault = Fault(f"a key of a map must be a string, not {shown(key)}")
                raise _located(fault, key_node)
            if key in made:
                raise _located(Fault("the map has this key already"), key_node)
            made[key] = self.value(value_node, local)
        return made

    def _call(self, node: Call, local: _Local) -> Json:
        given = node.arguments if node.receiver is None else (node.receiver, *node.arguments)
        is_member = node.receiver is not None
        message = functions.misuse(node.function, is_member, len(given))
        if message is not None:
            raise Fault(message)
        arguments = [self.value(argument, local) for argument in given]
        return functions.call(node.function, arguments, self._meter)

    def _comprehension(self, node: Comprehension, local: _Local) -> Json:
        target = self.value(node.target, local)
        if not isinstance(target, (list, dict)):
            raise Fault(f"`.{node.macro}` needs a list or a map, not {shown(target)}")
        scopes: Iterable[_Local] = ({**local, node.variable: item} for item in target)
        role = f"the condition of `.{node.macro}`"
        if node.macro in ("all", "exists"):
            outcomes = (
                lambda scope=scope: self.boolean(node.body, scope, role) for scope in scopes
            )
            return _decide(outcomes, node.macro == "exists")
        if node.macro == "filter":
            return [
                scope[node.variable] for scope in scopes if self.boolean(node.body, scope, role)
            ]
        condition = node.condition
        return [
            self.value(node.body, scope)
            for scope in scopes
            if condition is None or self.boolean(condition, scope, role)
        ]


def _decide(outcomes: Iterable[Callable[[], bool]], decisive: bool) -> bool:
    """Return ``decisive`` if any outcome is, else raise the first failure, else the opposite."""
    failure: ExpressionError | None = None
    for outcome in outcomes:
        try:
            if outcome() is decisive:
                return decisive
        except ExpressionLimitError:
            raise
        except ExpressionError as error:
            failure = failure or error
    if failure is not None:
        raise failure
    return not decisive


def _is_steps(node: Node, local: _Local) -> bool:
    return isinstance(node, Name) and node.name == STEPS and STEPS not in local


def _step_id(node: Index) -> str:
    if isinstance(node.index, Constant) and isinstance(node.index.value, str):
        return node.index.value
    raise Fault("`steps[…]` needs the step's id as a string, not something computed")


def _element(container: Json, key: Json, shown_key: str = "") -> Json:
    """Return a member of a list or a map; ``shown_key``: the key, if the text itself has it."""
    if isinstance(container, dict) and isinstance(key, str):
        if key not in container:
            raise Fault(f"the map has no key{shown_key or ' of this name'}")
        return container[key]
    if isinstance(key, str):
        raise Fault(f"there is no field{shown_key} in {shown(container)}")
    whole = isinstance(key, int) or (isinstance(key, float) and key.is_integer())
    if not isinstance(container, list) or isinstance(key, bool) or not whole:
        raise Fault(f"{shown(container)} cannot be indexed by {shown(key)}")
    if not 0 <= key < len(container):
        raise Fault(f"the index is outside of the list, which has {len(container)} elements")
    return container[int(key)]
