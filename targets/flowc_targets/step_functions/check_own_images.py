"""Steps whose component has an image of its own: what cannot run them, refused at its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, Span, codes
from flowc_shim.contract.scopes import in_finally
from flowc_targets.step_functions.compute import ECS

if TYPE_CHECKING:
    from flowc.ir.layout import Unit
    from flowc.target import Compilation
    from flowc_targets.step_functions.compute import Compute

_WHY_NOT = {
    "lambda": "a function is one container",
    "batch": "Step Functions cannot submit a Batch job of several containers",
}
"""It sets overrides that such a job may not have (https://repost.aws/questions/QUYUtrKcPGRf-Rj1m1dXJH1Q)."""


def check_own_images(compilation: Compilation, diagnostics: Diagnostics) -> None:
    """Report steps that nothing could start a task for, or not in time."""
    _check_candidates(compilation, diagnostics)
    for unit in compilation.layout.units.values():
        if unit.own_image is not None and in_finally(unit.scope):
            diagnostics.report(
                codes.UNSUPPORTED,
                f"step `{compilation.program.steps[unit.id].id}` of `finally` runs in an image of "
                "its own, and the sweeper, that runs it when an execution was stopped, starts no "
                "tasks",
                unit.span,
                secondary=[(unit.own_image.span, "has an image for each component")],
                hint="use a class of type `command` or `python`, or a component server",
            )


def _check_candidates(compilation: Compilation, diagnostics: Diagnostics) -> None:
    """Report steps for which an image is only one of several that may be called."""
    for path, call in compilation.placement.calls.items():
        own = [cls for cls in call.classes if cls.type == "container"]
        if own and len(call.candidates) > 1:
            diagnostics.report(
                codes.UNSUPPORTED,
                f"which component step `{path}` calls is known only when it runs, "
                "and the containers of a task are chosen before",
                compilation.program.steps[path].span,
                secondary=[(own[0].span, "has an image for each component")],
                hint="route it to one component, or write a step for each, with `when`",
            )


def check_compute(unit: Unit, compute: Compute, diagnostics: Diagnostics) -> None:
    """Report a unit with an image of its own that is to run where there is no place for it."""
    kind = compute.kind(unit)
    if unit.own_image is None or kind == ECS:
        return
    diagnostics.report(
        codes.UNSUPPORTED,
        f"unit `{unit.id}` runs in an image of its own beside the shim, "
        f"and {_WHY_NOT[kind]}: it needs ECS",
        chosen_at(unit, compute),
        secondary=[
            (unit.span, "this step"), (unit.own_image.span, "has an image for each component")
        ],
        hint="leave `compute` and `queue` out, or give it a profile with `compute: ecs`",
    )  # fmt: skip


def chosen_at(unit: Unit, compute: Compute) -> Span:
    """Return what says where ``unit`` runs: its profile, or the stack."""
    profile = unit.profile
    if profile is not None and (profile.compute or (profile.queue and not compute.stack.compute)):
        return profile.span
    return compute.stack.span
