"""Looking into finished and running runs, out of the state store alone."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flowc_shim.components.log_mask import MASK
from flowc_shim.components.pool import ClientPool
from flowc_shim.contract.errors import FlowError
from flowc_shim.contract.scopes import FINALLY, ROOT
from flowc_shim.contract.steps import PlanCall, PlanWhile
from flowc_shim.language.evaluate import SkippedReference, evaluate
from flowc_shim.runner.journal import Journal
from flowc_shim.runner.plans import load_plan
from flowc_shim.runner.runtime import Runtime
from flowc_shim.runner.variables import Variables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_shim.contract.json_types import Json
    from flowc_shim.contract.plan import Plan
    from flowc_shim.contract.steps import PlanVariable
    from flowc_shim.runner.keys import Indices
    from flowc_shim.stores.api import StateStore


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One line about a run: ``outcome`` is ``running`` while it has no end."""

    run: str
    flow: str
    started: float
    outcome: str


@dataclass(frozen=True, slots=True)
class StepView:
    """One step at one place: ``path`` with its loop indices behind it, as ``train/fit[3]``."""

    path: str
    outcome: str
    attempt: int
    seconds: float
    error: dict[str, Any] | None
    output: Json


def list_runs(store: StateStore) -> list[RunSummary]:
    """Return the runs in ``store``, newest first."""
    found = []
    for key in store.list("names"):
        body = store.read(key)
        if body is not None:
            found.append(_summary(store, json.loads(body)["run"]))
    return sorted(found, key=lambda summary: (-summary.started, summary.run))


def _summary(store: StateStore, run: str) -> RunSummary:
    journal = Journal(store, run)
    header = journal.header()
    end = journal.end()
    outcome = end.outcome.value if end is not None else "running"
    return RunSummary(run, header.get("flow", ""), header.get("started", 0.0), outcome)


class RunView:
    """One run: its plan, its steps, and what went in and out of each."""

    def __init__(self, store: StateStore, run: str) -> None:
        """Open the run; raises KeyError if the store has no such run, PlanProblem without plan."""
        self.journal = Journal(store, run)
        self.header = self.journal.header()
        if not self.header:
            raise KeyError(run)
        self.plan: Plan = load_plan(None, self.header["plan"], store)
        self.end = self.journal.end()
        # Inputs are not stored; they are evaluated again, with secrets as a mask.
        variables = Variables(_masked(self.plan), environ={})
        self._runtime = Runtime(self.plan, self.journal, ClientPool({}), variables, run)

    def steps(self) -> list[StepView]:
        """Return every decided step, loops opened, in written order."""
        return [*self._walk(ROOT, ()), *self._walk(FINALLY, ())]

    def _walk(self, scope: str, indices: Indices) -> Iterator[StepView]:
        for path in self.plan.scope_steps.get(scope, ()):
            record = self.journal.record(indices, path)
            if record is not None:
                yield StepView(
                    place(path, indices),
                    record.outcome.value,
                    record.attempt,
                    max(0.0, record.ended - record.started),
                    record.error.to_json() if record.error else None,
                    self.journal.value(record),
                )
            for index in range(self._times(path, indices)):
                yield from self._walk(path, (*indices, index))

    def _times(self, path: str, indices: Indices) -> int:
        """Return how many items or passes a step has so far; none if it is no loop."""
        body = self.plan.steps[path].body
        if isinstance(body, PlanWhile):
            latest = self.journal.latest_state(indices, path, body.max_iterations)
            return 0 if latest is None else latest.number + 1
        loop = self.journal.loop(indices, path) if path in self.plan.scope_steps else None
        return loop.count if loop is not None else 0

    def step(self, name: str) -> StepView:
        """Return the step called ``name`` (``train/fit[3]``); raises KeyError."""
        for view in self.steps():
            if view.path == name:
                return view
        raise KeyError(name)

    def input_of(self, name: str) -> Json:
        """Return what the step was called with, secrets masked.

        Raises KeyError for a step that is not there, ValueError for one without an input.
        """
        path, indices = parse_place(name)
        step = self.plan.steps[path]
        if not isinstance(step.body, PlanCall):
            raise ValueError(f"`{name}` is a loop; look at an item or a pass, as `{path}/…[0]`")
        try:
            return evaluate(step.body.input, self._runtime.scope(step, indices))
        except SkippedReference as skipped:
            raise ValueError(f"`{name}` had no input: `{skipped.step}` was skipped") from skipped
        except FlowError as failure:
            raise ValueError(f"`{name}` had no input: {failure.info.message}") from failure


def _masked(plan: Plan) -> tuple[PlanVariable, ...]:
    return tuple(
        replace(variable, value=MASK, has_value=True)
        if variable.is_secret or variable.secret is not None
        else variable
        for variable in plan.variables
    )


def place(path: str, indices: Indices) -> str:
    """Return ``train/fit[3.0]`` for a step at loop indices."""
    return f"{path}[{'.'.join(map(str, indices))}]" if indices else path


def parse_place(name: str) -> tuple[str, Indices]:
    """Read back what :func:`place` wrote; raises KeyError for indices that are no numbers."""
    path, bracket, rest = name.partition("[")
    if not bracket:
        return name, ()
    try:
        return path, tuple(int(part) for part in rest.rstrip("]").replace("/", ".").split("."))
    except ValueError as error:
        raise KeyError(name) from error
