"""Warn about steps that can never run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import codes

if TYPE_CHECKING:
    from flowc.ir.model import Program
    from flowc.passes.context import Context


def check_unreachable(program: Program, ctx: Context) -> Program:
    """Warn about steps that nothing can ever need."""
    for step in program.steps.values():
        if step.guard == ():
            ctx.diagnostics.report(
                codes.UNREACHABLE_STEP,
                f"step `{step.id}` never runs: "
                "neither the output nor a `mustExecute` step needs it",
                step.span,
                hint="refer to it from `output`, set `mustExecute: true`, or remove it",
            )
    return program
