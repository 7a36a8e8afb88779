"""Names and types in expressions, with the declared schemas; only what is certain."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flowc.diagnostics import codes
from flowc.ir.model import While
from flowc.ir.references import span_of
from flowc.passes.declared_schemas import DeclaredSchemas
from flowc.passes.run_schemas import ERROR_SCHEMA, TRIGGER_SCHEMA, run_schema
from flowc.passes.step_values import own_values
from flowc_shim.contract.scopes import ROOT
from flowc_shim.language import values as v
from flowc_shim.language.expressions import (
    Expression,
    ExpressionSyntaxError,
    JsonSchema,
    Problem,
    Scope,
    check,
    parse,
    references,
    result_type,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc.diagnostics import Span
    from flowc.ir.model import Program, Step
    from flowc.passes.context import Context
    from flowc_shim.contract.json_types import Json

_CODES = {
    "name": codes.EXPRESSION_NAME,
    "step": codes.EXPRESSION_NAME,
    "type": codes.EXPRESSION_TYPE,
    "syntax": codes.EXPRESSION_SYNTAX,
}


def check_expressions(program: Program, ctx: Context) -> Program:
    """Report names that do not exist, types that do not go together, conditions that are none."""
    scopes = _Scopes(program)
    for step in program.steps.values():
        for value in own_values(step):
            _check_value(value, step.scope, scopes, ctx, in_retry=_is_retry(step, value))
        for value in step.body.inner_values():
            _check_value(value, step.path, scopes, ctx)
        for condition, what in _conditions(step):
            _check_condition(condition, what, step.scope, scopes, ctx)
        if isinstance(step.body, While):
            _check_condition(step.body.condition.value, "condition", step.path, scopes, ctx)
    _check_value(program.output, ROOT, scopes, ctx)
    return program


def _is_retry(step: Step, value: v.Value) -> bool:
    return step.retry is not None and value is step.retry.condition


def _conditions(step: Step) -> Iterator[tuple[v.Value, str]]:
    """Yield what has to be a boolean."""
    if step.when is not None and step.when.test == "true":
        yield step.when.value, "when"
    if step.retry is not None and step.retry.condition is not None:
        yield step.retry.condition, "retry.if"


class _Scopes:
    """What expressions may name, by the scope that they stand in."""

    def __init__(self, program: Program) -> None:
        self._schemas = DeclaredSchemas(program)
        self._program = program
        self._roots: dict[str, dict[str, JsonSchema | None]] = {}

    def at(
        self, scope: str, expression: Expression, ids: Mapping[str, str], *, in_retry: bool
    ) -> Scope:
        """Return the names at one place.

        Names and steps that do not exist are reported where names are resolved; here they count
        as known, so that nothing is said twice.
        """
        roots = dict(self._of(scope))
        steps: dict[str, JsonSchema | None] = {}
        if in_retry:
            roots["error"] = _schema(ERROR_SCHEMA)
        for ref in references(expression):
            if ref.root != "steps":
                roots.setdefault(ref.root, None)
            elif ref.step is not None:
                steps[ref.step] = _schema(self._schemas.step(ids.get(ref.step, "")))
        return Scope(roots, steps)

    def _of(self, scope: str) -> dict[str, JsonSchema | None]:
        if scope not in self._roots:
            roots: dict[str, JsonSchema | None] = {
                "input": _schema(self._schemas.input()),
                "vars": _schema(self._variables()),
                "run": _schema(run_schema(scope)),
                "trigger": _schema(TRIGGER_SCHEMA),
            }
            flow = self._program.flow_around(scope)
            loops = self._program.loops_around(scope)
            for loop in reversed(loops if flow is None else loops[: loops.index(flow)]):
                roots |= self._of_loop(loop)
            if flow is not None:
                roots |= self._of_flow(flow)
            self._roots[scope] = roots
        return self._roots[scope]

    def _of_flow(self, flow: str) -> dict[str, JsonSchema | None]:
        """Return what ``input`` and ``vars`` are in a sub-flow."""
        gets = self._schemas.item(flow)
        assert isinstance(gets, dict)
        given = gets["properties"]["variables"]["properties"]
        known = {**self._variables()["properties"], **given}
        variables: Json = {"type": "object", "properties": known}
        return {"input": _schema(gets["properties"]["input"]), "vars": _schema(variables)}

    def _of_loop(self, loop: str) -> dict[str, JsonSchema | None]:
        if isinstance(self._program.steps[loop].body, While):
            return {"state": None, "iteration": {"type": "integer"}}
        return {"item": _schema(self._schemas.item(loop)), "index": {"type": "integer"}}

    def _variables(self) -> Json:
        names = [variable.name for variable in self._program.variables]
        return {
            "type": "object",
            "properties": {name: self._schemas.variable(name) for name in names},
        }


def _schema(schema: Json) -> JsonSchema | None:
    return cast("JsonSchema", schema) if isinstance(schema, (dict, bool)) else None


def _check_value(
    value: v.Value, scope: str, scopes: _Scopes, ctx: Context, *, in_retry: bool = False
) -> None:
    for node in v.walk(value):
        expression = _parsed(node)
        if expression is None or not isinstance(node, v.Expr):
            continue
        names = scopes.at(scope, expression, dict(node.steps), in_retry=in_retry)
        for problem in check(expression, names):
            _report(problem, span_of(node), ctx)


def _parsed(node: v.Value) -> Expression | None:
    if not isinstance(node, v.Expr):
        return None
    try:
        return parse(node.text)
    except ExpressionSyntaxError:
        return None  # reported where names are resolved


def _report(problem: Problem, span: Span | None, ctx: Context) -> None:
    ctx.diagnostics.report(
        _CODES[problem.kind],
        problem.message,
        span.inside(problem.offset, problem.length) if span else None,
    )


def _check_condition(value: v.Value, what: str, scope: str, scopes: _Scopes, ctx: Context) -> None:
    kinds = _kinds(value, what, scope, scopes)
    if kinds is not None and "bool" not in kinds:
        ctx.diagnostics.report(
            codes.EXPRESSION_TYPE,
            f"`{what}` is a condition, and this is never true or false "
            f"but {' or '.join(sorted(kinds))}",
            span_of(value),
            hint="compare it with something, as in `input.n > 1`",
        )


def _kinds(value: v.Value, what: str, scope: str, scopes: _Scopes) -> frozenset[str] | None:
    expression = _parsed(value)
    if expression is not None and isinstance(value, v.Expr):
        in_retry = what == "retry.if"
        names = scopes.at(scope, expression, dict(value.steps), in_retry=in_retry)
        return result_type(expression, names)
    if isinstance(value, v.Literal):
        return frozenset({"bool" if isinstance(value.value, bool) else "a literal"})
    return None
