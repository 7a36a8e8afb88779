"""The things that engines ask of a shim, whatever way they ask."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowc_shim.contract.trigger import parse_time
from flowc_shim.contract.verdict import Status, Verdict
from flowc_shim.runner.finish import begin_run_from, conclude, finish_run
from flowc_shim.runner.following import follow
from flowc_shim.runner.keys import parse_scope
from flowc_shim.runner.units import decide, run_unit

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json
    from flowc_shim.runner.keys import Indices
    from flowc_shim.runner.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Request:
    """One request: ``command`` is ``run-unit``, ``decide``, ``conclude`` or ``finish``.

    ``unit``: the unit to run, or the one that ``decide`` is asked about. ``settled``: unit id →
    engine status and cause. ``input_text``: the run's input as JSON, on root units;
    ``trigger_text``: what started it, the same (:mod:`flowc_shim.contract.trigger`). ``started``:
    when the engine says that the run began, in RFC 3339. ``input_key``: where in the store the
    input is instead, if the engine cannot carry it.
    """

    command: str
    unit: str | None = None
    scope: str = ""
    settled: dict[str, tuple[str, str]] = field(default_factory=dict)
    status: str = ""
    input_text: str | None = None
    trigger_text: str | None = None
    started: str | None = None
    input_key: str = ""
    tags: tuple[str, ...] = ()


def perform(runtime: Runtime, request: Request) -> Verdict:
    """Do what ``request`` asks; raises ValueError for what cannot be asked.

    Of processes that were started together one does it, and the others follow.
    """
    gang = runtime.gang
    if gang is None:
        return _perform(runtime, request)
    if gang.follows:
        return follow(runtime, gang)
    try:
        return _perform(runtime, request)
    finally:
        gang.say("end", {})


def _perform(runtime: Runtime, request: Request) -> Verdict:
    indices, lanes = parse_scope(request.scope)
    units = [*request.settled] if request.unit is None else [request.unit, *request.settled]
    for unit in units:
        _check(runtime, unit, indices)
    if request.input_text is not None:
        header: dict[str, Json] = {"name": runtime.run_name, "flow": runtime.plan.name,
                                   "plan": runtime.plan.digest}  # fmt: skip
        if runtime.deployment:
            header["deployment"] = runtime.deployment
        if request.tags:
            header["tags"] = list(request.tags)
        started = _seconds(request.started)
        text = _input_text(runtime, request.input_text, request.input_key)
        begin_run_from(runtime, text, header, request.trigger_text, started)

    if request.command == "conclude":
        conclude(runtime, request.status)
        return Verdict(Status.DONE)
    if request.command == "finish":
        return finish_run(runtime, request.status)
    if _has_ended(runtime):
        return Verdict(Status.NOT_STARTED, go=False)
    if request.command == "decide":
        return decide(runtime, request.unit, indices, request.settled, lanes)
    assert request.unit is not None
    return run_unit(runtime, request.unit, indices, request.settled, lanes)


def _seconds(time: str | None) -> float | None:
    """Return a time as seconds since the epoch; None if nobody says one that can be read."""
    try:
        return parse_time(time or "").timestamp()
    except ValueError:
        return None


def _has_ended(runtime: Runtime) -> bool:
    """Whether the run has its end record: then somebody told the engine to go on with it.

    ``argo retry`` and a redrive start units of the same run again. What was decided stays, so they
    could only repeat external effects; the way on is another run.
    """
    end = runtime.journal.end()
    if end is None:
        return False
    name, flow = runtime.run_name or "this run", runtime.plan.name
    print(  # noqa: T201 (the container's log)
        f"flowc-shim: {name} has ended ({end.outcome.value}), and what a run decided stays decided:"
        f" nothing is started again. Start a new run: flowc trigger {flow}",
        file=sys.stderr,
    )
    return True


def _input_text(runtime: Runtime, text: str, key: str) -> str:
    if not key:
        return text
    body = runtime.journal.store.read(key)
    if body is None:
        raise ValueError(f"the run's input is not in the state store: {key}")
    return body.decode()


def _check(runtime: Runtime, unit: str, indices: Indices) -> None:
    if unit not in runtime.plan.units:
        raise ValueError(f"the plan has no unit `{unit}`")
    depth = runtime.depth(runtime.plan.units[unit].scope)
    if len(indices) != depth:
        raise ValueError(f"unit `{unit}` is in {depth} loops, but the scope names {len(indices)}")
