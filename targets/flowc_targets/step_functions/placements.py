"""Where each unit runs and why, in words, for ``flowc build --explain-placement``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_targets.step_functions.compute import BATCH, CALLING, ECS, LAMBDA, Compute, beyond_lambda

if TYPE_CHECKING:
    from flowc.ir.layout import Unit
    from flowc.target import Compilation


def placements(compilation: Compilation) -> dict[str, str]:
    """Return unit → place and reason."""
    compute = Compute.of(compilation)
    return {
        unit.id: f"{_place(unit, compute)}; {_reason(unit, compute)}"
        for unit in compilation.layout.units.values()
    }


def _place(unit: Unit, compute: Compute) -> str:
    if compute.kind(unit) == ECS:
        size = compute.task(unit).size
        spot = " (Spot)" if unit.profile is not None and unit.profile.preemptible else ""
        own = "" if unit.own_image is None else f", beside {unit.own_image.image}"
        return f"ECS on Fargate{spot}, {size.cpu / 1024:g} vCPU, {size.memory} MiB{own}"
    if compute.kind(unit) != BATCH:
        function = compute.function(unit)
        return f"Lambda function {function.name}, {function.memory} MB"
    job = compute.job(unit)
    gpus = f", {job.gpu} GPU" if job.gpu else ""
    spot = " (Spot)" if job.preemptible else ""
    return f"Batch, queue {job.queue}{spot}, {job.cpu} vCPU, {job.memory} MiB{gpus}"


def _reason(unit: Unit, compute: Compute) -> str:
    if unit.kind not in CALLING:
        return "it runs no component"
    if unit.profile is not None and unit.profile.compute is not None:
        return f"profile `{unit.profile.name}` says `compute: {unit.profile.compute}`"
    if compute.stack.compute is not None:
        return f"the stack says `compute: {compute.stack.compute}`"
    if unit.own_image is not None:
        return "its component has an image of its own"
    beyond = beyond_lambda(unit)
    if compute.kind(unit) == LAMBDA:
        return "it asks for nothing that a function does not have"
    return "it asks for " + "; ".join(beyond.values())
