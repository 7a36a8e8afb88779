"""Paths into data whose schema is declared lead somewhere."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from flowc.diagnostics import Severity, codes
from flowc.ir.model import Loop
from flowc.ir.references import span_of
from flowc.json_schema import Found, Lead, follow_schema, types_of
from flowc.passes.declared_schemas import DeclaredSchemas
from flowc.passes.run_schemas import TRIGGER_SCHEMA, run_schema
from flowc.passes.step_values import own_values
from flowc_shim.contract.scopes import ROOT
from flowc_shim.language import values as v
from flowc_shim.language.paths import Path, render_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.ir.model import Program
    from flowc.passes.context import Context
    from flowc_shim.contract.json_types import Json


def check_paths(program: Program, ctx: Context) -> Program:
    """Report paths that lead nowhere, and warn about those into what is not declared."""
    schemas = DeclaredSchemas(program)
    for scope, value, tolerant in _values(program):
        for node, is_tolerant in _nodes(value, tolerant):
            led = _lead(node, schemas, scope)
            if led is not None and led.found.lead is not Lead.SOMEWHERE:
                _report(node, led, is_tolerant or not program.enforce_schemas, ctx)
    return program


def _values(program: Program) -> Iterator[tuple[str, v.Value, bool]]:
    """Yield every value with its scope, and whether a failure of it as a whole is forgiven."""
    for step in program.steps.values():
        condition = step.when
        for value in own_values(step):
            yield (
                step.scope,
                value,
                condition is not None and value is condition.value and (condition.test != "true"),
            )
        for value in step.body.inner_values():
            yield step.path, value, False
    yield ROOT, program.output, False


def _nodes(value: v.Value, tolerant: bool) -> Iterator[tuple[v.Value, bool]]:
    """Yield every value inside; a condition of `$if` that fails is merely false."""
    stack = [(value, tolerant)]
    while stack:
        node, forgiven = stack.pop()
        yield node, forgiven
        for child in v.children(node):
            is_condition = isinstance(node, v.If) and child is node.condition
            stack.append((child, forgiven or is_condition))


@dataclass(frozen=True, slots=True)
class _Led:
    """A reference followed: what it refers to, and where its path leads.

    ``may_be_null``: the whole may be null, which gives null whatever the path.
    """

    what: str
    path: Path
    found: Found
    may_be_null: bool


def _lead(node: v.Value, schemas: DeclaredSchemas, scope: str) -> _Led | None:
    if isinstance(node, v.InputRef):
        return _follow("the input", schemas.input(), node.path)
    if isinstance(node, v.StepRef):
        step = schemas.program.steps.get(node.step)
        name = node.step if step is None else step.id
        return _follow(f"step `{name}`", schemas.step(node.step), node.path, of_step=True)
    if isinstance(node, v.VariableRef) and node.default is None:
        return _follow(f"variable `{node.name}`", schemas.variable(node.name), node.path)
    if isinstance(node, v.ItemRef) and _is_flow(schemas.program, node.loop):
        return _follow_into_flow(node, schemas)
    if isinstance(node, v.ItemRef):
        return _follow("the item", schemas.item(node.loop), node.path)
    if isinstance(node, v.RunRef):
        return _follow("the run", run_schema(scope), node.path)
    if isinstance(node, v.TriggerRef):
        return _follow("the trigger", TRIGGER_SCHEMA, node.path)
    return None


def _is_flow(program: Program, loop: str | None) -> bool:
    step = program.steps.get(loop or "")
    return step is not None and isinstance(step.body, Loop) and step.body.flow is not None


def _follow_into_flow(node: v.ItemRef, schemas: DeclaredSchemas) -> _Led | None:
    """Follow ``$input``, or a variable that the step gives, of a sub-flow."""
    which, path = node.path[0], node.path[1:]
    item = schemas.item(node.loop)
    assert isinstance(item, dict)
    schema = item["properties"][which]
    if which == "input":
        return _follow("the input", schema, path)
    return _follow(f"variable `{path[0]}`", schema["properties"][path[0]], path[1:])


def _follow(what: str, schema: Json, path: Path, *, of_step: bool = False) -> _Led | None:
    if not path:
        return None
    types = types_of(schema)
    may_be_null = of_step and (types is None or "null" in types)
    return _Led(what, path, follow_schema(schema, path, null_passes=of_step), may_be_null)


def _report(node: v.Value, led: _Led, forgiven: bool, ctx: Context) -> None:
    found = led.found
    part = str(led.path[found.part])
    before = f"`{render_path(led.path[: found.part])}` of {led.what}" if found.part else led.what
    certain = found.lead is Lead.NOWHERE and not forgiven and not led.may_be_null
    ctx.diagnostics.report(
        codes.PATH_NOT_IN_SCHEMA,
        f"{before} has no `{part}` by its schema: {found.reason}",
        span_of(node),
        hint=_hint(part, found.known),
        severity=None if certain else Severity.WARNING,
    )


def _hint(part: str, known: tuple[str, ...]) -> str | None:
    if not known:
        return None
    near = get_close_matches(part, known, n=1)
    listed = ", ".join(f"`{name}`" for name in known[:12])
    return f"did you mean `{near[0]}`?" if near else f"declared there: {listed}"
