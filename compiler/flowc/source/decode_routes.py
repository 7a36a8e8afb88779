"""Routes of a stack, checked by the matcher that later resolves with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc.diagnostics import Span, codes
from flowc.source.fields import Decoding, Fields, nearest
from flowc.source.located import Seq
from flowc.source.model import At
from flowc.source.stack_model import Route, Rule
from flowc.source.stack_tables import CONDITION, RULE
from flowc_shim.language.decode import plain
from flowc_shim.language.paths import PathSyntaxError, parse_path
from flowc_shim.language.routes import RouteError, compile_routes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flowc_shim.contract.json_types import Json


def decode_routes(stack: Fields, classes: Iterable[str], decoding: Decoding) -> tuple[Route, ...]:
    """Return the routes; ``classes``: the names under ``plugins``, refused ones included."""
    raw = stack.get("routes")
    if raw is None:
        return ()
    known = tuple(classes)
    routes = []
    for pattern, rules, key_at, at in decoding.entries(raw, "`routes`", stack.value_at("routes")):
        decoded = [
            rule
            for item, item_at in decoding.items(rules, f"the route `{pattern}`", at)
            if (rule := _decode_rule(item, item_at, known, decoding)) is not None
        ]
        if decoded:
            routes.append(Route(At(pattern, key_at), tuple(decoded)))
        elif isinstance(rules, Seq) and not rules:
            decoding.report(codes.MISSING_KEY, f"the route `{pattern}` has no rule", at)
    return _checked(routes, decoding)


def _decode_rule(raw: Any, at: Span, classes: Sequence[str], decoding: Decoding) -> Rule | None:
    fields = decoding.open(raw, RULE, at)
    plugin = None if fields is None else fields.located("plugin")
    if fields is None or plugin is None:
        return None
    if plugin.value not in classes:
        meant = nearest(plugin.value, classes)
        decoding.report(
            codes.UNKNOWN_CLASS,
            f"`{plugin.value}` is not defined under `plugins`",
            plugin.span,
            hint=f"write `{meant}`" if meant else None,
        )
        return None
    return Rule(
        component_class=plugin,
        conditions=_decode_conditions(fields, decoding),
        component=fields.text("component"),
        allow=_names(fields, "componentAllow") if fields.has("componentAllow") else None,
        deny=_names(fields, "componentDeny"),
    )


def _names(fields: Fields, key: str) -> tuple[str, ...]:
    return tuple(name.value for name in fields.texts(key))


def _decode_conditions(rule: Fields, decoding: Decoding) -> tuple[tuple[str, Json], ...]:
    found = []
    if rule.has("conditions"):
        at = rule.value_at("conditions")
        for item, item_at in decoding.items(rule.raw["conditions"], "`conditions`", at):
            fields = decoding.open(item, CONDITION, item_at)
            path = None if fields is None else fields.text("path")
            if fields is None or path is None or not fields.has("value"):
                continue
            try:
                parse_path(path)
            except PathSyntaxError as error:
                decoding.report(codes.PATH_SYNTAX, str(error), fields.value_at("path"))
            found.append((path, plain(fields.raw["value"])))
    return tuple(found)


def _checked(routes: list[Route], decoding: Decoding) -> tuple[Route, ...]:
    """Return the routes that can stand together; reports the others."""
    while True:
        try:
            compile_routes([(route.pattern.value, _rules_to_json(route)) for route in routes])
        except RouteError as error:
            _report(error, routes, decoding)
            del routes[error.patterns[-1]]
        else:
            return tuple(routes)


def _report(error: RouteError, routes: Sequence[Route], decoding: Decoding) -> None:
    *others, index = error.patterns
    route = routes[index]
    at = route.pattern.span
    if error.kind == "component" and error.rule is not None:
        at = route.rules[error.rule].component_class.span
    decoding.report(
        codes.ROUTE_CONFLICT if error.kind == "conflict" else codes.ROUTE_PATTERN,
        str(error),
        at,
        hint=error.hint,
        secondary=[(routes[other].pattern.span, "taken here already") for other in others],
    )


def routes_to_json(routes: Sequence[Route]) -> list[Json]:
    """Return the table for a plan: what :func:`flowc_shim.language.routes.compile_routes` takes."""
    return [[route.pattern.value, list(_rules_to_json(route))] for route in routes]


def _rules_to_json(route: Route) -> list[dict[str, Json]]:
    return [_rule_to_json(rule) for rule in route.rules]


def _rule_to_json(rule: Rule) -> dict[str, Json]:
    out: dict[str, Json] = {"class": rule.component_class.value}
    if rule.component is not None:
        out["component"] = rule.component
    if rule.conditions:
        out["conditions"] = [[path, value] for path, value in rule.conditions]
    if rule.allow is not None:
        out["allow"] = list(rule.allow)
    if rule.deny:
        out["deny"] = list(rule.deny)
    return out
