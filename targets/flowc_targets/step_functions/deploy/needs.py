"""What a compilation needs of AWS beside its machine: functions, jobs, queues, lists of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc_targets.step_functions.compute import (
    BATCH,
    ECS,
    Compute,
    Function,
    Job,
    Task,
    secret_names,
)
from flowc_targets.step_functions.definition import define
from flowc_targets.step_functions.loops import Bucket, indices_of, is_distributed
from flowc_targets.step_functions.release import Release

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowc.ir.layout import Unit
    from flowc.target import Compilation
    from flowc_targets.step_functions.definition import Definition

SWEEP_MEMORY_MB = 512


@dataclass(frozen=True, slots=True)
class Needs:
    """Everything that a release needs, computed once. ``compilation``: the flow that is deployed.

    ``indices``: how long the lists for distributed loops are. ``children``: a machine starts
    executions of itself. ``definitions``: of all flows of the release, by the digests of their
    plans.

    ``queues``: name → what its machines must offer; queues are not flowc's to make.
    """

    compilation: Compilation
    release: Release
    definitions: Mapping[str, Definition]
    functions: tuple[Function, ...]
    jobs: tuple[Job, ...]
    tasks: tuple[Task, ...]
    queues: Mapping[str, Mapping[str, object]]
    indices: tuple[int, ...]
    children: bool
    bucket: Bucket | None
    secrets: tuple[str, ...]

    @staticmethod
    def of(compilation: Compilation) -> Needs:
        """Return the needs of a compilation."""
        release = Release.of(compilation)
        compute, family = release.compute, compilation.family
        definitions = {one.plan.digest: define(one, release) for one in family}
        units = [unit for one in family for unit in one.layout.units.values()]
        functions = {
            f.name: f for f in (compute.function(u) for u in units if not compute.is_job(u))
        }
        functions[compute.decide.name] = compute.decide
        jobs = {job.name: job for job in (compute.job(u) for u in units if _batch(compute, u))}
        tasks = {t.name: t for t in (compute.task(u) for u in units if compute.kind(u) == ECS)}
        return Needs(
            compilation,
            release,
            definitions,
            tuple(functions[name] for name in sorted(functions)),
            tuple(jobs[name] for name in sorted(jobs)),
            tuple(tasks[name] for name in sorted(tasks)),
            _queues(units, compute),
            tuple(sorted({count for one in family for count in _indices(one)})),
            any(_children(one, definitions[one.plan.digest]) for one in family),
            Bucket.of(compilation.placement.stack.state_store),
            tuple(sorted(set(secret_names(compilation).values()))),
        )

    @property
    def has_parts(self) -> bool:
        """Whether there are machines of sub-flows."""
        return any(definition.parts for definition in self.definitions.values())

    @property
    def compute(self) -> Compute:
        """Return what units run on."""
        return self.release.compute

    @property
    def family(self) -> tuple[Compilation, ...]:
        """Return the flow and the detached flows below it."""
        return self.compilation.family

    @property
    def has_detached(self) -> bool:
        """Whether steps start runs of other flows."""
        return len(self.family) > 1

    @property
    def base(self) -> str:
        """Return the base of all names."""
        return self.compute.base

    @property
    def sweep(self) -> Function:
        """Return the function that looks after runs that ended without a word."""
        return Function(f"{self.base}-sweep", SWEEP_MEMORY_MB)

    @property
    def has_containers(self) -> bool:
        """Whether something runs as a job or task, which needs roles and a log of its own."""
        return bool(self.jobs or self.tasks)

    @property
    def job_log_group(self) -> str:
        """Return where jobs and tasks write their output."""
        return f"/flowc/{self.base}/jobs"


def _batch(compute: Compute, unit: Unit) -> bool:
    return compute.kind(unit) == BATCH


def _queues(units: Iterable[Unit], compute: Compute) -> dict[str, dict[str, object]]:
    queues: dict[str, dict[str, object]] = {}
    for unit in units:
        if not _batch(compute, unit):
            continue
        job = compute.job(unit)
        queue = queues.setdefault(job.queue, {})
        if unit.profile is not None:
            for key in ("machine_type", "gpu_type"):
                if getattr(unit.profile, key):
                    queue[key] = getattr(unit.profile, key)
        if job.preemptible:
            queue["spot"] = True
    return {name: queues[name] for name in sorted(queues)}


def _children(compilation: Compilation, found: Definition) -> bool:
    if not compilation.layout.whiles:
        return bool(_indices(compilation))
    return any(history.loop and history.loop not in found.parts for history in found.histories)


def _indices(compilation: Compilation) -> tuple[int, ...]:
    layout, store = compilation.layout, compilation.placement.stack.state_store
    distributed = [
        facts
        for facts in layout.loops.values()
        if (units := layout.scopes.get(facts.path)) and is_distributed(facts, len(units), store)
    ]
    return tuple(sorted({indices_of(facts) for facts in distributed}))
