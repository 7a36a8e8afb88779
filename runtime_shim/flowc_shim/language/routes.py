"""Routes: from a component path to the component classes that may serve it.

Two kinds of tables are read, and a table is wholly one or the other:

* *patterns* (Stepflow to 0.11, and flowc): ``/ml/{name}`` takes one segment, ``/ml/{*rest}`` one or
  more at the end, and a parameter may have literal text before it (``/ml/gpu-{name}``). The most
  specific pattern wins whatever the order: literal text before a parameter, a parameter before
  ``{*rest}``, segment by segment from the left, taking back a choice that leads nowhere.
* *prefixes* (Stepflow 0.13): if every pattern is ``/`` or one literal segment, and no rule has a
  ``component``, then a pattern stands for everything below it. ``/python`` takes ``/python/udf``
  and names it ``/udf``; ``/`` comes last and takes every path under its full name.

Rules are JSON, as plans hold them: ``{"class": name}`` with ``component`` (a template, by default
``/{component}``), ``conditions`` (pairs of a path into the step's input and a value), ``allow`` and
``deny`` (lists of names). Allow and deny look at the *rewritten* name, and always count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from flowc_shim.contract.steps import Candidate

DEFAULT_COMPONENT = "/{component}"

_CATCH_ALL = re.compile(r"\{\*([A-Za-z_][A-Za-z0-9_]*)\}\Z")
_PARAMETER = re.compile(r"([^{}]*)\{([A-Za-z_][A-Za-z0-9_]*)\}\Z")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")

Rules = Sequence[Mapping[str, Any]]


class RouteError(ValueError):
    """A table of routes that cannot be used.

    ``kind``: what is wrong is a ``pattern``, a ``component`` template, or a ``conflict`` of two
    patterns. ``patterns``: which ones, by index. ``rule``: index of the rule with the template.
    """

    def __init__(
        self,
        kind: Literal["pattern", "component", "conflict"],
        message: str,
        patterns: tuple[int, ...],
        *,
        rule: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.patterns = patterns
        self.rule = rule
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Resolution:
    """Who may take a call: ``candidates`` in order, and those that allow or deny shut out.

    ``pattern``: the pattern that took the path, None if there is none.
    """

    candidates: tuple[Candidate, ...] = ()
    denied: tuple[Candidate, ...] = ()
    pattern: str | None = None


@dataclass(slots=True)
class _Node:
    """What may follow at one place in a path."""

    literals: dict[str, _Node] = field(default_factory=dict)
    parameters: dict[str, _Node] = field(default_factory=dict)
    """By the literal text before the parameter, the longest first."""
    route: _Route | None = None
    rest: _Route | None = None


@dataclass(frozen=True, slots=True)
class _Route:
    index: int
    pattern: str
    rules: Rules
    names: tuple[str, ...]


@dataclass(slots=True)
class Router:
    """A compiled table of routes; see :func:`compile_routes`."""

    routes: list[tuple[str, Rules]]
    root: _Node | None
    """None for a table of prefixes."""

    def resolve(self, component: str) -> Resolution:
        """Return who may take a call of ``component``, in the order to try them."""
        if not component.startswith("/"):
            return Resolution()
        if self.root is None:
            return self._resolve_prefix(component)
        found = _find(self.root, component[1:].split("/"), 0, ())
        if found is None:
            return Resolution()
        route, values = found
        captures = dict(zip(route.names, values, strict=True))
        return _resolution(route.pattern, [(route.rules, captures)])

    def _resolve_prefix(self, component: str) -> Resolution:
        first, _, rest = component[1:].partition("/")
        table = dict(self.routes)
        matched: list[tuple[Rules, dict[str, str]]] = []
        pattern = None
        if rest and "/" + first in table:
            pattern = "/" + first
            matched.append((table[pattern], {"component": rest}))
        if "/" in table and len(component) > 1:
            pattern = pattern or "/"
            matched.append((table["/"], {"component": component[1:]}))
        return _resolution(pattern, matched)


def _resolution(
    pattern: str | None, matched: Sequence[tuple[Rules, Mapping[str, str]]]
) -> Resolution:
    candidates: list[Candidate] = []
    denied: list[Candidate] = []
    for rules, captures in matched:
        for rule in rules:
            name = _rewrite(rule.get("component") or DEFAULT_COMPONENT, captures)
            conditions = tuple((path, value) for path, value in rule.get("conditions", ()))
            allowed = name in rule["allow"] if rule.get("allow") is not None else True
            allowed = allowed and name not in rule.get("deny", ())
            (candidates if allowed else denied).append(Candidate(rule["class"], name, conditions))
    return Resolution(tuple(candidates), tuple(denied), pattern)


def _rewrite(template: str, captures: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: captures[match[1]], template)


def _find(
    node: _Node, segments: Sequence[str], at: int, values: tuple[str, ...]
) -> tuple[_Route, tuple[str, ...]] | None:
    """Return the route that takes the path, and the values of its parameters.

    A node is entered from one parent at one depth only, so this is linear in the size of the table.
    """
    if at == len(segments):
        return None if node.route is None else (node.route, values)
    segment = segments[at]
    child = node.literals.get(segment)
    found = None if child is None else _find(child, segments, at + 1, values)
    if found is not None:
        return found
    for prefix, child in node.parameters.items():
        if segment.startswith(prefix) and len(segment) > len(prefix):
            found = _find(child, segments, at + 1, (*values, segment[len(prefix) :]))
            if found is not None:
                return found
    rest = "/".join(segments[at:])
    return (node.rest, (*values, rest)) if node.rest is not None and rest else None


def is_prefix_table(routes: Sequence[tuple[str, Rules]]) -> bool:
    """Whether ``routes`` are Stepflow 0.13's prefixes; the rule is in the module's text."""
    return bool(routes) and all(
        re.fullmatch(r"/[^/{}]*", pattern) is not None
        and not any(rule.get("component") for rule in rules)
        for pattern, rules in routes
    )


def compile_routes(routes: Sequence[tuple[str, Rules]]) -> Router:
    """Return the router of ``(pattern, rules)`` pairs; raises RouteError."""
    table = [(pattern, rules) for pattern, rules in routes]
    if is_prefix_table(table):
        return Router(table, None)
    root = _Node()
    for index, (pattern, rules) in enumerate(table):
        _insert(root, index, pattern, rules)
    return Router(table, root)


def _insert(root: _Node, index: int, pattern: str, rules: Rules) -> None:
    if not pattern.startswith("/"):
        raise RouteError("pattern", "a route pattern begins with `/`", (index,))
    node, names, is_rest = root, [], False
    segments = pattern[1:].split("/")
    for number, segment in enumerate(segments):
        catch_all = _CATCH_ALL.match(segment)
        if catch_all is not None:
            if number != len(segments) - 1:
                message = f"`{segment}` takes all the rest and has to come last"
                raise RouteError("pattern", message, (index,))
            names.append(catch_all[1])
            is_rest = True
        else:
            node, name = _child(node, segment, index)
            names += [name] if name else []
    if len(set(names)) != len(names):
        raise RouteError("pattern", "two parameters of a pattern have the same name", (index,))
    _check_templates(index, pattern, rules, names)
    route = _Route(index, pattern, rules, tuple(names))
    other = node.rest if is_rest else node.route
    if other is not None:
        message = f"`{pattern}` and `{other.pattern}` take the same paths"
        raise RouteError("conflict", message, (other.index, index))
    if is_rest:
        node.rest = route
    else:
        node.route = route


def _child(node: _Node, segment: str, index: int) -> tuple[_Node, str | None]:
    """Return the node behind ``segment``, and the name of the parameter in it."""
    if "{" not in segment and "}" not in segment:
        return node.literals.setdefault(segment, _Node()), None
    match = _PARAMETER.match(segment)
    if match is None:
        raise RouteError(
            "pattern",
            f"`{segment}` is neither literal text nor a parameter",
            (index,),
            hint="write `{name}` for one segment, or `{*name}` at the end for all the rest",
        )
    prefix, name = match.groups()
    if prefix not in node.parameters:
        node.parameters[prefix] = _Node()
        longest_first = sorted(node.parameters.items(), key=lambda item: -len(item[0]))
        node.parameters = dict(longest_first)
    return node.parameters[prefix], name


def _check_templates(index: int, pattern: str, rules: Rules, names: Sequence[str]) -> None:
    for number, rule in enumerate(rules):
        template = rule.get("component")
        used = _PLACEHOLDER.findall(template or DEFAULT_COMPONENT)
        missing = [name for name in used if name not in names]
        if template is None and missing:
            raise RouteError(
                "pattern",
                f"`{pattern}` has no `{{component}}` and its rule no `component`",
                (index,),
                rule=number,
                hint=f"write `{pattern.rstrip('/')}/{{*component}}`, or give the rule `component`",
            )
        if missing:
            message = f"`{{{missing[0]}}}` is not a parameter of `{pattern}`"
            raise RouteError("component", message, (index,), rule=number)
        if template is not None and not template.startswith("/"):
            raise RouteError("component", "a name begins with `/`", (index,), rule=number)
