"""Declared JSON Schemas are valid, and the defaults in them match them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import Severity, codes
from flowc.ir.model import Call
from flowc.json_schema import mismatches, schema_problem
from flowc_shim.language.paths import render_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.diagnostics import Span
    from flowc.ir.model import Program
    from flowc.passes.context import Context
    from flowc_shim.contract.json_types import Json


def check_schemas(program: Program, ctx: Context) -> Program:
    """Report invalid schemas, schemas of unknown steps, and defaults that do not match."""
    for what, schema, span in _declared(program):
        problem = schema_problem(schema)
        if problem is not None:
            place = f" at `{render_path(problem.path)}`" if problem.path else ""
            ctx.diagnostics.report(
                codes.INVALID_SCHEMA,
                f"the schema of {what} is not valid JSON Schema{place}: {problem.message}",
                span,
            )
    _check_defaults(program, ctx)
    _check_step_names(program, ctx)
    return program


def _declared(program: Program) -> Iterator[tuple[str, Json, Span]]:
    if program.input_schema is not None:
        yield "the input", program.input_schema.value, program.input_schema.span
    if program.output_schema is not None:
        yield "the output", program.output_schema.value, program.output_schema.span
    for name, schema in program.step_schemas.items():
        yield f"step `{name}`", schema.value, schema.span
    for variable in program.variables:
        yield f"variable `{variable.name}`", variable.schema, variable.span
    for step in program.steps.values():
        if step.output_schema is not None:
            yield f"step `{step.id}`", step.output_schema, step.span


def _check_defaults(program: Program, ctx: Context) -> None:
    for variable in program.variables:
        if not variable.has_default:
            continue
        problems = mismatches(variable.schema, variable.default)
        if problems:
            detail = "" if variable.is_secret else f": {problems[0].message}"
            ctx.diagnostics.report(
                codes.DEFAULT_MISMATCH,
                f"the default of variable `{variable.name}` does not match its schema{detail}",
                variable.span,
                # Stepflow never compared the two, and flows rely on it.
                severity=None if program.enforce_schemas else Severity.WARNING,
            )


def _check_step_names(program: Program, ctx: Context) -> None:
    calls = {path for path, step in program.steps.items() if isinstance(step.body, Call)}
    for name, schema in program.step_schemas.items():
        if name not in calls:
            what = "a loop" if name in program.steps else "not a step of this flow"
            ctx.diagnostics.report(
                codes.UNKNOWN_STEP,
                f"`{name}` in the schemas of steps is {what}",
                schema.span,
                hint="schemas describe the outputs of steps that call a component",
                severity=None if program.enforce_schemas else Severity.WARNING,
            )
