"""Routes: which component classes of a stack may serve each call of a program."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import SequenceMatcher, get_close_matches
from typing import TYPE_CHECKING, Any

from flowc.diagnostics import Diagnostics, Span, codes
from flowc_shim.contract.steps import Candidate
from flowc_shim.language.routes import Resolution, RouteError, Router, Rules, compile_routes

if TYPE_CHECKING:
    from flowc.ir.model import Program
    from flowc.ir.placement import Placement
    from flowc.source.model import At
    from flowc.source.stack_model import ComponentClass, Route, Rule, Stack
    from flowc_shim.contract.json_types import Json

DYNAMIC_BUILTINS = frozenset({"/eval", "/map", "/iterate"})
"""Built-ins whose input is a flow: what it calls is routed at run time."""

_NO_STACK_FILE = "there is no stack file, only the built-ins; write `stack.yaml`, or `--stack-file`"


@dataclass(slots=True)
class Routing:
    """A stack's routes, compiled. Components that many steps call are resolved once."""

    stack: Stack
    router: Router
    is_whole: bool
    diagnostics: Diagnostics
    resolved: dict[str, Resolution] = field(default_factory=dict)

    def route(self, component: At[str], plugin: At[str] | None) -> tuple[Candidate, ...]:
        """Return who may serve a step's call; () if nobody (reported).

        ``plugin``: the class that a binding chooses whatever the routes say.
        """
        if plugin is not None:
            return self._bound(component, plugin)
        resolution = self._resolve(component.value)
        if not resolution.candidates:
            self._report_none(component, resolution)
            return ()
        candidates = _until_unconditional(resolution.candidates)
        if any(c.component_class not in self.stack.classes for c in candidates):
            return ()  # a plugin that was refused, and reported, where it stands
        for candidate in candidates:
            self._check_available(candidate, component)
            self._check_component(candidate, component.span)
        return candidates

    def leads_to_builtins(self, component: str) -> bool:
        """Whether the routes send ``component`` to built-ins and nothing else."""
        candidates = self._resolve(component).candidates
        names = {candidate.component_class for candidate in candidates}
        classes = [self.stack.classes.get(name) for name in names]
        return bool(classes) and all(cls is not None and cls.type == "builtin" for cls in classes)

    def _bound(self, component: At[str], plugin: At[str]) -> tuple[Candidate, ...]:
        """Return the bound class alone, with the name that the component has there."""
        resolution = self._resolve(component.value)
        same = [c for c in resolution.candidates if c.component_class == plugin.value]
        if any(c.component_class == plugin.value for c in resolution.denied) and not same:
            self._report_none(component, resolution)
            return ()
        names = same or resolution.candidates
        name = names[0].component if names else component.value
        chosen = Candidate(plugin.value, name)
        self._check_component(chosen, component.span)
        return (chosen,)

    def _resolve(self, component: str) -> Resolution:
        found = self.resolved.get(component)
        if found is None:
            found = self.resolved[component] = self.router.resolve(component)
        return found

    def _report_none(self, component: At[str], resolution: Resolution) -> None:
        name = component.value
        patterns = {route.pattern.value: route.pattern.span for route in self.stack.routes}
        if resolution.denied:
            rule = resolution.denied[0]
            self.diagnostics.report(
                codes.COMPONENT_DENIED,
                f"component `{name}` is denied: its route does not let `{rule.component}` through",
                component.span,
                secondary=[(patterns.get(resolution.pattern or ""), "this route takes it")],
                hint="change `componentAllow` or `componentDeny` of that route, "
                "or call another component",
            )
            return
        if not self.is_whole:
            return
        # The stack that is used where there is no file has no place to point at.
        is_default = self.stack.file.startswith("<")
        near = None if is_default else _nearest_pattern(name, list(patterns))
        shown = ", ".join(f"`{pattern}`" for pattern in sorted(patterns)[:8]) or "none"
        self.diagnostics.report(
            codes.NO_ROUTE,
            f"no route of stack `{self.stack.name}` takes component `{name}`",
            component.span,
            secondary=[(patterns[near], "the nearest route")] if near else [],
            hint=_NO_STACK_FILE if is_default else f"add a route; routes of the stack: {shown}",
        )

    def _check_available(self, candidate: Candidate, component: At[str]) -> None:
        cls = self.stack.classes[candidate.component_class]
        if cls.unavailable is not None:
            self.diagnostics.report(
                codes.PLUGIN_TYPE,
                cls.unavailable.value,
                cls.unavailable.span,
                secondary=[(component.span, f"class `{cls.name}` serves this")],
                hint="start the server over HTTP, as SDK 0.9 to 0.11 do, and remove `transport`",
            )

    def _check_component(self, candidate: Candidate, span: Span) -> None:
        cls = self.stack.classes[candidate.component_class]
        if cls.components is None or candidate.component in cls.components:
            return
        near = get_close_matches(candidate.component, cls.components, n=1)
        listed = ", ".join(f"`{name}`" for name in sorted(cls.components)[:12]) or "none"
        self.diagnostics.report(
            codes.UNKNOWN_COMPONENT,
            f"class `{cls.name}` has no component `{candidate.component}`",
            span,
            secondary=[(cls.span, "this class serves it")],
            hint=f"did you mean `{near[0]}`?" if near else f"its components: {listed}",
        )


def compile_stack_routes(stack: Stack, is_whole: bool, diagnostics: Diagnostics) -> Routing:
    """Return the routes of ``stack``, without those that its decoder has reported as unusable.

    ``is_whole``: there were none of those, so that a component without a route is a finding.
    """
    routes = list(stack.routes)
    while True:
        table = [(route.pattern.value, _rules(route)) for route in routes]
        try:
            return Routing(stack, compile_routes(table), is_whole, diagnostics)
        except RouteError as error:
            del routes[error.patterns[-1]]


def _rules(route: Route) -> Rules:
    return [_rule(rule) for rule in route.rules]


def _rule(rule: Rule) -> dict[str, Any]:
    found: dict[str, Any] = {"class": rule.component_class.value}
    if rule.component is not None:
        found["component"] = rule.component
    if rule.conditions:
        found["conditions"] = [list(pair) for pair in rule.conditions]
    if rule.allow is not None:
        found["allow"] = list(rule.allow)
    if rule.deny:
        found["deny"] = list(rule.deny)
    return found


def _until_unconditional(candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    """Drop what stands behind a rule without conditions: it is never reached."""
    for index, candidate in enumerate(candidates):
        if not candidate.conditions:
            return candidates[: index + 1]
    return candidates


def _nearest_pattern(name: str, patterns: list[str]) -> str | None:
    def likeness(pattern: str) -> float:
        return SequenceMatcher(None, name, pattern.partition("{")[0]).ratio()

    best = max(patterns, key=likeness, default=None)
    return best if best is not None and likeness(best) > 0.3 else None


def plan_routes(program: Program, placement: Placement) -> Json:
    """Return the routes for the plan, None unless calls may arrive as data at run time.

    They may if a built-in takes a flow, or if a component server can submit runs.
    """
    dynamic = any(
        _may_submit(cls, candidate)
        for call in placement.calls.values()
        for candidate in call.candidates
        for cls in call.classes
        if cls.name == candidate.component_class
    )
    if not dynamic:
        return None
    return [[route.pattern.value, list(_rules(route))] for route in placement.stack.routes]


def _may_submit(cls: ComponentClass, candidate: Candidate) -> bool:
    if cls.type == "builtin":
        return candidate.component in DYNAMIC_BUILTINS
    return cls.type == "stepflow"
