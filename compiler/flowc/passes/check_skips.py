"""Refuse strict references to steps that may be skipped where nothing could skip in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import codes
from flowc.ir.model import Call, Program, Step, may_lack
from flowc.ir.references import step_uses
from flowc.passes.compute_skips import own_uses

if TYPE_CHECKING:
    from flowc.passes.context import Context
    from flowc_shim.language import values as v


def check_skips(program: Program, ctx: Context) -> Program:
    """Report strict references to steps that may be skipped under `join: any` and in outputs."""
    for step in program.steps.values():
        if step.join_any:
            _check_join_any(program, step, ctx)
        for value in _values(step):
            _check_idle_defaults(program, value, ctx, step)
        if not isinstance(step.body, Call):
            _check_output(program, step.body.output, f"`{step.id}`", ctx)
    _check_idle_defaults(program, program.output, ctx)
    if not program.output_may_skip:
        _check_output(program, program.output, "the flow", ctx)
    return program


def _values(step: Step) -> list[v.Value]:
    return [*step.body.values(), *step.body.inner_values()]


def _check_join_any(program: Program, step: Step, ctx: Context) -> None:
    for use in own_uses(step):
        if may_lack(step, program.steps[use.step]) and not use.tolerant:
            ctx.diagnostics.report(
                codes.STRICT_JOIN_ANY,
                f"`{step.id}` joins any, but reads `{program.steps[use.step].id}`, "
                "which may be skipped",
                use.span or step.span,
                label="no value when it is skipped",
                secondary=[(program.steps[use.step].span, "may be skipped")],
                hint="add `onSkip: null` to the reference",
            )


def _check_output(program: Program, output: v.Value, of: str, ctx: Context) -> None:
    for use in step_uses(output):
        target = program.steps[use.step]
        if target.may_skip and not use.tolerant:
            ctx.diagnostics.report(
                codes.MAY_BE_SKIPPED,
                f"the output of {of} reads step `{target.id}`, which may be skipped",
                use.span,
                label="no value when it is skipped",
                secondary=[(target.span, "may be skipped")],
                hint="add `onSkip: null` to the reference",
            )


def _check_idle_defaults(
    program: Program, value: v.Value, ctx: Context, reader: Step | None = None
) -> None:
    for use in step_uses(value):
        target = program.steps[use.step]
        may_skip = target.may_skip if reader is None else may_lack(reader, target)
        if use.has_default and not may_skip:
            ctx.diagnostics.report(
                codes.NEVER_SKIPPED,
                f"`onSkip` has no effect: step `{target.id}` cannot be skipped",
                use.span,
                hint="remove `onSkip`",
            )
