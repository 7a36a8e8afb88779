"""The flow's output against its declared schema, as far as it is known before any run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import Severity, codes
from flowc.json_schema import schema_problem
from flowc.mismatches import certain_mismatches
from flowc.passes.declared_schemas import DeclaredSchemas

if TYPE_CHECKING:
    from flowc.ir.model import Program
    from flowc.passes.context import Context

_SHOWN = 5


def check_outputs(program: Program, ctx: Context) -> Program:
    """Report what of the output certainly violates the output's schema."""
    declared = program.output_schema
    if declared is None or schema_problem(declared.value) is not None:
        return program
    schemas = DeclaredSchemas(program)
    for mismatch in certain_mismatches(program.output, declared.value, schemas.of)[:_SHOWN]:
        ctx.diagnostics.report(
            codes.OUTPUT_MISMATCH,
            f"the output does not match its schema: {mismatch.message}",
            mismatch.span or program.span,
            secondary=[(declared.span, "the schema")],
            severity=None if program.enforce_schemas else Severity.WARNING,
        )
    return program
