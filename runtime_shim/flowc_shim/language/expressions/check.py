"""What can be said against an expression before it runs; only what is certain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, TypeAlias

from flowc_shim.language.expressions import functions
from flowc_shim.language.expressions.errors import Fault
from flowc_shim.language.expressions.functions import FUNCTIONS, Kinds
from flowc_shim.language.expressions.operators import NUMBERS, kind_of, with_article
from flowc_shim.language.expressions.regex import compile_pattern
from flowc_shim.language.expressions.static_types import (
    ANYTHING,
    JsonSchema,
    StaticType,
    element_of,
    field_of,
    joined,
    known_fields,
    of_kinds,
    of_schema,
    variable_of,
)
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

ProblemKind: TypeAlias = Literal["name", "type", "syntax", "step"]


@dataclass(frozen=True, slots=True)
class Problem:
    """A finding, with the characters of the text that it is about."""

    message: str
    offset: int
    length: int
    kind: ProblemKind


@dataclass(frozen=True, slots=True)
class Scope:
    """The root names and the steps that an expression may use; ``None`` is an unknown schema."""

    roots: Mapping[str, JsonSchema | None]
    steps: Mapping[str, JsonSchema | None]


def check(expression: Expression, scope: Scope) -> list[Problem]:
    """Return what is certainly wrong, in the order of the text."""
    checker = _Checker(scope)
    checker.type_of(expression.root, {})
    return sorted(checker.problems, key=lambda problem: (problem.offset, problem.length))


def result_type(expression: Expression, scope: Scope) -> frozenset[str]:
    """Return the kinds, as ``type(x)`` names them, that the result may have."""
    return _Checker(scope).type_of(expression.root, {}).kinds


_Local = Mapping[str, StaticType]

_BOOL = of_kinds("bool")
_STRING = of_kinds("string")
_ORDERED_GROUPS = (NUMBERS, _STRING.kinds, _BOOL.kinds)
_ADDED_GROUPS = (NUMBERS, _STRING.kinds, frozenset({"list"}))


class _Checker:
    """One walk over a tree; ``local`` are the types of the variables of the macros around."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.problems: list[Problem] = []

    def _report(self, kind: ProblemKind, message: str, node: Located) -> StaticType:
        self.problems.append(Problem(message, node.offset, node.length, kind))
        return ANYTHING

    def type_of(self, node: Node, local: _Local) -> StaticType:
        match node:
            case Constant():
                return of_kinds(kind_of(node.value))
            case Name():
                return self._name(node, local)
            case Select():
                return self._select(node, local)
            case Index():
                return self._index(node, local)
            case Has():
                self._tolerant(node.operand, local)
                return _BOOL
            case Unary():
                return self._unary(node, local)
            case Binary():
                return self._binary(node, local)
            case Logical():
                self._boolean(node.left, local, f"the left of `{node.operator}`")
                self._boolean(node.right, local, f"the right of `{node.operator}`")
                return _BOOL
            case Conditional():
                self._boolean(node.condition, local, "what stands before `?`")
                branches = (node.then, node.otherwise)
                return joined([self.type_of(branch, local) for branch in branches])
            case ListLiteral():
                items = joined([self.type_of(item, local) for item in node.items])
                return StaticType(frozenset({"list"}), element=items)
            case MapLiteral():
                return self._map_literal(node, local)
            case Call():
                return self._call(node, local)
            case Comprehension():
                return self._comprehension(node, local)

    def _boolean(self, node: Node, local: _Local, role: str) -> None:
        given = self.type_of(node, local)
        if "bool" not in given.kinds:
            self._report("type", f"{role} must be a bool, not {_either(given.kinds)}", node)

    # -- names and members ---------------------------------------------------------------------

    def _name(self, node: Name, local: _Local) -> StaticType:
        name = node.name
        if name in local:
            return local[name]
        if name == STEPS:
            message = '`steps` is used only as `steps.<id>` or `steps["<id>"]`'
            return self._report("step", message, node)
        if name in TYPE_NAMES:
            return _STRING
        if name in self._scope.roots:
            return of_schema(self._scope.roots[name])
        hint = suggestion(name, [*local, *self._scope.roots])
        if name in self._scope.steps:
            hint = f"; a step's result is `steps.{name}`"
        return self._report("name", f"there is no name `{name}` here{hint}", node)

    def _step(self, step: str, node: Node) -> StaticType:
        steps = self._scope.steps
        if step in steps:
            return of_schema(steps[step])
        if not steps:
            return self._report("step", "no step can be read here", node)
        longer = [known for known in steps if known.startswith(f"{step}-")]
        hint = suggestion(step, steps)
        if longer:
            hint = f'; an id with a dash is written `steps["{longer[0]}"]`'
        return self._report("step", f"there is no step `{step}` here{hint}", node)

    def _select(self, node: Select, local: _Local) -> StaticType:
        if _is_steps(node.operand, local):
            return self._step(node.field, node)
        return self._field(self.type_of(node.operand, local), node.field, node)

    def _field(self, owner: StaticType, name: str, node: Node) -> StaticType:
        if "map" not in owner.kinds:
            message = f"there is no field `{name}` in {_either(owner.kinds)}"
            return self._report("type", message, node)
        found = field_of(owner, name)
        if found is None:
            hint = suggestion(name, known_fields(owner))
            return self._report("name", f"there is no field `{name}`{hint}", node)
        return found

    def _index(self, node: Index, local: _Local) -> StaticType:
        if _is_steps(node.operand, local):
            return self._indexed_step(node, local)
        owner, key = self.type_of(node.operand, local), self.type_of(node.index, local)
        by_name = "map" in owner.kinds and "string" in key.kinds
        by_position = "list" in owner.kinds and bool(NUMBERS & key.kinds)
        if not by_name and not by_position:
            message = f"{_either(owner.kinds)} cannot be indexed by {_either(key.kinds)}"
            return self._report("type", message, node)
        if isinstance(node.index, Constant) and by_name:
            return self._field(owner, node.index.value, node)
        return element_of(owner) if not by_name else ANYTHING

    def _indexed_step(self, node: Index, local: _Local) -> StaticType:
        if isinstance(node.index, Constant) and isinstance(node.index.value, str):
            return self._step(node.index.value, node)
        self.type_of(node.index, local)
        message = "`steps[…]` needs the step's id as a string, not something computed"
        return self._report("step", message, node.index)

    def _tolerant(self, node: Node, local: _Local) -> None:
        """Check what ``has`` asks for: the root and the step must exist, the members need not."""
        if not isinstance(node, (Select, Index)) or _is_steps(node.operand, local):
            self.type_of(node, local)
        else:
            self._tolerant(node.operand, local)
            if isinstance(node, Index):
                self.type_of(node.index, local)

    # -- operators, functions, macros ----------------------------------------------------------

    def _unary(self, node: Unary, local: _Local) -> StaticType:
        if node.operator == "!":
            self._boolean(node.operand, local, "what `!` negates")
            return _BOOL
        given = self.type_of(node.operand, local)
        if not given.kinds & NUMBERS:
            message = f"`-` needs a number, not {_either(given.kinds)}"
            return self._report("type", message, node)
        return StaticType(given.kinds & NUMBERS)

    def _binary(self, node: Binary, local: _Local) -> StaticType:
        left, right = self.type_of(node.left, local), self.type_of(node.right, local)
        operator = node.operator
        if operator in ("==", "!="):
            return _BOOL
        if operator == "in":
            if not right.kinds & {"list", "map"}:
                found = _either(right.kinds)
                message = f"`in` needs a list or a map on its right, not {found}"
                self._report("type", message, node)
            return _BOOL
        compares = operator in ("<", "<=", ">", ">=")
        groups = _ORDERED_GROUPS if compares else (NUMBERS,)
        shared = _shared_groups(left, right, _ADDED_GROUPS if operator == "+" else groups)
        if not shared:
            verb = "compare" if compares else "take"
            kinds = f"{_either(left.kinds)} and {_either(right.kinds)}"
            self._report("type", f"`{operator}` cannot {verb} {kinds}", node)
        return _BOOL if compares else _sum_type(left, right, shared)

    def _map_literal(self, node: MapLiteral, local: _Local) -> StaticType:
        seen: set[str] = set()
        for key, value in node.entries:
            given = self.type_of(key, local)
            if "string" not in given.kinds:
                message = f"a key of a map must be a string, not {_either(given.kinds)}"
                self._report("type", message, key)
            elif isinstance(key, Constant):
                if key.value in seen:
                    self._report("syntax", "the map has this key already", key)
                seen.add(key.value)
            self.type_of(value, local)
        return of_kinds("map")

    def _call(self, node: Call, local: _Local) -> StaticType:
        given = node.arguments if node.receiver is None else (node.receiver, *node.arguments)
        types = [self.type_of(argument, local) for argument in given]
        name = node.function
        message = functions.misuse(name, node.receiver is not None, len(given))
        if message is not None:
            if name not in FUNCTIONS:
                hint = suggestion(name, [*FUNCTIONS, "all", "exists", "filter", "map", "has"])
                return self._report("name", message + hint, node)
            return self._report("type", message, node)
        for position, argument in enumerate(given):
            wrong = functions.wrong_kind(name, position, types[position].kinds)
            if wrong is not None:
                self._report("type", wrong, argument)
        if name in ("min", "max"):
            return self._extreme(node, types)
        if name == "matches":
            self._pattern(given[1])
        return StaticType(FUNCTIONS[name].result)

    def _extreme(self, node: Call, types: list[StaticType]) -> StaticType:
        if len(types) > 1:
            return joined(types)
        if "list" not in types[0].kinds:
            found = _either(types[0].kinds)
            message = f"`{node.function}` of one argument needs a list, not {found}"
            return self._report("type", message, node)
        return element_of(types[0])

    def _pattern(self, node: Node) -> None:
        if isinstance(node, Constant) and isinstance(node.value, str):
            try:
                compile_pattern(node.value)
            except Fault as fault:
                self._report("syntax", str(fault), node)

    def _comprehension(self, node: Comprehension, local: _Local) -> StaticType:
        target = self.type_of(node.target, local)
        if not target.kinds & {"list", "map"}:
            message = f"`.{node.macro}` needs a list or a map, not {_either(target.kinds)}"
            self._report("type", message, node.target)
            target = ANYTHING
        variable = variable_of(
            StaticType(target.kinds & {"list", "map"}, target.schema, target.element)
        )
        inner = {**local, node.variable: variable}
        role = f"the condition of `.{node.macro}`"
        if node.macro == "map":
            if node.condition is not None:
                self._boolean(node.condition, inner, role)
            body = self.type_of(node.body, inner)
            return StaticType(frozenset({"list"}), element=body)
        self._boolean(node.body, inner, role)
        if node.macro == "filter":
            return StaticType(frozenset({"list"}), element=variable)
        return _BOOL


def _is_steps(node: Node, local: _Local) -> bool:
    return isinstance(node, Name) and node.name == STEPS and STEPS not in local


def _shared_groups(left: StaticType, right: StaticType, groups: Iterable[Kinds]) -> list[Kinds]:
    return [group for group in groups if group & left.kinds and group & right.kinds]


def _sum_type(left: StaticType, right: StaticType, groups: list[Kinds]) -> StaticType:
    """Return the type of an arithmetic result whose operands both belong to one of ``groups``."""
    kinds: set[str] = set()
    for group in groups:
        pairs = (group & left.kinds, group & right.kinds)
        if group != NUMBERS:
            kinds |= group
            continue
        if all("int" in side for side in pairs):
            kinds.add("int")
        if any("double" in side for side in pairs):
            kinds.add("double")
    element = left.element if left.element == right.element else None
    return StaticType(frozenset(kinds), element=element) if kinds else ANYTHING


def _either(kinds: Kinds) -> str:
    return " or ".join(with_article(kind) for kind in sorted(kinds))


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean `…`?`` with the name that is nearest, or nothing."""
    short = [one for one in known if len(one) <= 64]
    found = get_close_matches(name, short, 1) if len(name) <= 64 else []
    return f"; did you mean `{found[0]}`?" if found else ""
