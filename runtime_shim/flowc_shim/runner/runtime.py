"""What running a unit needs: plan, journal, clients, variables; and values at one place."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from flowc_shim.artifacts.reference import KEY, references_in
from flowc_shim.artifacts.staging import Artifacts
from flowc_shim.components.log_mask import hide_in_logs
from flowc_shim.contract.errors import final_error
from flowc_shim.contract.outcomes import EDGE_TRUE, Outcome
from flowc_shim.contract.scopes import in_finally, is_outermost
from flowc_shim.contract.steps import PlanLoop, PlanStep, PlanWhile
from flowc_shim.language.evaluate import SkippedReference
from flowc_shim.runner.finally_steps import end_facts, seen_outcome
from flowc_shim.runner.sub_flows import flow_around

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc_shim.components.pool import ClientPool
    from flowc_shim.contract.json_types import Json
    from flowc_shim.contract.plan import Plan
    from flowc_shim.runner.gang import Gang
    from flowc_shim.runner.journal import Journal
    from flowc_shim.runner.keys import Indices
    from flowc_shim.runner.places import Places
    from flowc_shim.runner.records import LoopRecord, PassState
    from flowc_shim.runner.variables import Variables

LONGEST_HELD_WAIT = 30.0
"""Seconds that a shim waits itself before a re-try; longer waits are the engine's."""


@dataclass
class Runtime:
    """One run as one process sees it.

    ``hold_waits``: the longest wait before a re-try that this process sleeps through.
    ``cancelled``: set when what runs must stop (``failFast``, a stopped run); use :meth:`cancel`.
    ``turn_seconds``: after this a unit that runs many passes hands back between two of them.
    ``deployment``: ``<target>/<name>`` of what the run is of, empty if it is of none.
    ``artifact_store``: URL and options of where files are kept; without a URL there is none.
    ``gang``: the processes in other places that were started together with this one. ``places``:
    how this one has such processes started.
    ``shares_blobs``: components put their blobs through one service for all runs. ``starts``: how
    runs of detached flows are started, as JSON (:mod:`flowc_shim.runner.starts`).
    """

    plan: Plan
    journal: Journal
    clients: ClientPool
    variables: Variables
    run_name: str = ""
    deployment: str = ""
    hold_waits: float = LONGEST_HELD_WAIT
    cancelled: threading.Event = field(default_factory=threading.Event)
    shares_blobs: bool = False
    turn_seconds: float | None = None
    starts: str = ""
    gang: Gang | None = None
    places: Places | None = None
    artifact_store: tuple[str | None, Mapping[str, str]] = (None, {})
    _loops: dict[tuple[str, Indices], LoopRecord] = field(default_factory=dict)
    _states: dict[tuple[str, Indices], PassState] = field(default_factory=dict)
    _parts: set[threading.Event] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Keep the run's secrets out of what user code prints."""
        hide_in_logs(self.variables.secrets())

    def cancel(self) -> None:
        """Stop what runs here, and what runs in a :meth:`part` of it."""
        with self._lock:
            self.cancelled.set()
            for part in self._parts:
                part.set()

    @contextmanager
    def part(self) -> Iterator[Runtime]:
        """Yield the same run with a stop signal of its own, that :meth:`cancel` sets too.

        A process may run several units: one whose item fails must not stop those of others.
        """
        own = threading.Event()
        with self._lock:
            self._parts.add(own)
            if self.cancelled.is_set():
                own.set()
        try:
            yield replace(self, cancelled=own, _parts=set(), _lock=threading.Lock())
        finally:
            with self._lock:
                self._parts.discard(own)

    @cached_property
    def artifacts(self) -> Artifacts:
        """Return the files of this run."""
        url, options = self.artifact_store
        return Artifacts(url, options, self.journal.prefix, self._written_uris)

    def _written_uris(self) -> frozenset[str]:
        """Return the files that the flow itself names."""
        return frozenset(str(one[KEY]) for one in references_in(self.plan.to_json()))

    @property
    def run_uuid(self) -> str:
        """Return the run's id as the UUID that component protocols want."""
        return str(uuid5(NAMESPACE_URL, self.journal.run))

    def depth(self, scope: str) -> int:
        """Return how many loops are around the steps of ``scope``."""
        depth = 0
        while not is_outermost(scope):
            scope = self.plan.steps[scope].scope
            depth += 1
        return depth

    def indices_at(self, scope: str, indices: Indices) -> Indices:
        """Return the part of ``indices`` that is of ``scope``, which is around or at the place."""
        return indices[: self.depth(scope)]

    def place(self, step: str, indices: Indices) -> tuple[Indices, str]:
        """Return where the result of ``step`` is, seen from ``indices``."""
        return self.indices_at(self.plan.steps[step].scope, indices), step

    def loop_record(self, loop: str, indices: Indices) -> LoopRecord:
        """Return the decided items of the loop instance at ``indices``; raises KeyError."""
        known = self._loops.get((loop, indices))
        if known is None:
            known = self.journal.loop(indices, loop)
            if known is None:
                raise KeyError(f"loop `{loop}` has no items yet")
            self._loops[(loop, indices)] = known
        return known

    def state(self, loop: str, indices: Indices) -> Json:
        """Return the state that pass ``indices[-1]`` of a ``while`` begins with; raises KeyError.

        Kept for the pass that was asked about last: passes follow each other.
        """
        outer, number = indices[:-1], indices[-1]
        known = self._states.get((loop, outer))
        if known is None or known.number != number:
            known = self.journal.state(outer, loop, number)
            if known is None:
                raise KeyError(f"loop `{loop}` has no state {number} yet")
            self._states[(loop, outer)] = known
        return self.journal.value(known)

    def scope(self, step: PlanStep, indices: Indices) -> RunScope:
        """Return what the values of ``step`` may name."""
        return RunScope(self, step.scope, indices)


class RunScope:
    """Values at one place of one run: implements :class:`flowc_shim.language.evaluate.Scope`.

    ``states``: by loop, states that are not decided yet.
    """

    def __init__(
        self,
        runtime: Runtime,
        scope: str,
        indices: Indices,
        states: Mapping[str, Json] | None = None,
    ) -> None:
        self._runtime = runtime
        self._scope = scope
        self._indices = indices
        self._states = states or {}

    def input(self) -> Json:
        """Return the run's input, or that of the sub-flow around this place."""
        flow = flow_around(self._runtime.plan, self._scope)
        if flow is not None:
            return self.item(flow[0])["input"]
        try:
            return self._runtime.journal.input()
        except KeyError as error:
            raise final_error("NO_INPUT", "the run never got its input") from error

    def variable(self, name: str) -> Json:
        """Return a variable's value, as given to the sub-flow around; raises KeyError."""
        flow = flow_around(self._runtime.plan, self._scope)
        if flow is not None and name in flow[1].variables:
            return self.item(flow[0])["variables"][name]
        if self._runtime.variables.is_given(name):
            return self._runtime.journal.variables()[name]
        return self._runtime.variables.value(name)

    def step(self, path: str) -> Json:
        """Return a step's output; raises SkippedReference, FlowError if it has none."""
        place = self._runtime.place(path, self._indices)
        record = self._runtime.journal.record(*place)
        if record is None:
            raise final_error("EXPRESSION_FAILURE", f"step `{path}` has no result yet")
        if record.outcome in EDGE_TRUE:
            return self._runtime.journal.value(record)
        outcome = seen_outcome(self._runtime, self._scope, path, record.outcome)
        if outcome in (Outcome.SKIPPED, Outcome.NOT_NEEDED):
            raise SkippedReference(path)
        raise final_error("EXPRESSION_FAILURE", f"step `{path}` ended {record.outcome.value}")

    def _place(self, loop: str | None, kind: type[PlanLoop | PlanWhile]) -> tuple[str, Indices]:
        """Return path and indices of ``loop``, or of the nearest one of its kind."""
        steps = self._runtime.plan.steps
        path = self._scope if loop is None else loop
        while not isinstance(steps[path].body, kind):
            path = steps[path].scope
        return path, self._runtime.indices_at(path, self._indices)

    def item(self, loop: str | None) -> Json:
        """Return the current item of a loop around this place."""
        path, indices = self._place(loop, PlanLoop)
        record = self._runtime.loop_record(path, indices[:-1])
        return record.item(indices[-1])

    def index(self, loop: str | None) -> int:
        """Return the current index of a loop around this place."""
        return self._place(loop, PlanLoop)[1][-1]

    def state(self, loop: str | None) -> Json:
        """Return the state that the current pass of a ``while`` around this place began with."""
        path, indices = self._place(loop, PlanWhile)
        if path in self._states:
            return self._states[path]
        try:
            return self._runtime.state(path, indices)
        except KeyError as error:
            raise final_error("EXPRESSION_FAILURE", str(error.args[0])) from error

    def iteration(self, loop: str | None) -> int:
        """Return how many passes came before the current one."""
        return self._place(loop, PlanWhile)[1][-1]

    def run(self) -> Json:
        """Return id, name, project and branch of the run; in ``finally:`` also how it ended."""
        plan = self._runtime.plan
        more = end_facts(self._runtime) if in_finally(self._scope) else {}
        return {
            "id": self._runtime.run_uuid,
            "name": self._runtime.run_name,
            "project": plan.project,
            "branch": plan.branch,
            **more,
        }

    def trigger(self) -> Json:
        """Return what started the run, null for somebody's hand."""
        return self._runtime.journal.trigger()
