"""The state that starts the container of a unit, a Batch job or an ECS task, and awaits its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc_targets.step_functions.compute import ECS
from flowc_targets.step_functions.states import batch_task, command, ecs_task

if TYPE_CHECKING:
    from flowc.ir.layout import Unit
    from flowc_targets.step_functions.compute import Compute

BOOT_SECONDS = 300
"""What a container may take before the shim counts: pulling the image, starting Python."""


def container_task(compute: Compute, unit: Unit, scope: str) -> dict[str, Any]:
    """Return the state for ``unit``."""
    seconds = None if unit.time_bound is None else unit.time_bound + BOOT_SECONDS
    ecs = compute.stack.ecs
    if ecs is not None and compute.kind(unit) == ECS:
        spot = unit.profile is not None and unit.profile.preemptible
        step = unit.id[len(scope) + 1 :] if scope else unit.id
        line = command(unit.id, scope)
        return ecs_task(compute.task(unit), ecs, step, line, seconds, spot=spot)
    name = _job_name(compute.base, unit.id)
    return batch_task(compute.job(unit), name, unit.id, scope, seconds)


def _job_name(base: str, unit: str) -> str:
    """Return a job name for people: letters, digits, hyphens, underscores; at most 128."""
    text = "".join(char if char.isascii() and char.isalnum() else "-" for char in unit)
    return f"{base}-{text}"[:128].rstrip("-")
