"""Units: what one shim process does, and the verdict that it leaves with."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from flowc_shim.contract.errors import ErrorInfo, FlowError
from flowc_shim.contract.outcomes import FAILS_THE_FLOW, Outcome
from flowc_shim.contract.scopes import in_finally
from flowc_shim.contract.steps import PlanCall, PlanLoop, PlanStep, PlanUnit, PlanWhile
from flowc_shim.contract.verdict import Status, Verdict
from flowc_shim.language.evaluate import SkippedReference, evaluate
from flowc_shim.runner.attempts import Later
from flowc_shim.runner.cache import Hit, cache_place, look_up
from flowc_shim.runner.deadline import end_in_time, time_left
from flowc_shim.runner.entry import UndecidedDependency, decide_entry, stopping_keys
from flowc_shim.runner.finish import conclude
from flowc_shim.runner.lanes import ask_lane, run_lane, worst
from flowc_shim.runner.loops import close_loop, open_loop
from flowc_shim.runner.passes import close_while, end_pass, open_while
from flowc_shim.runner.records import StepRecord
from flowc_shim.runner.settle import later_attempt, settle, settle_units
from flowc_shim.runner.steps import advance, commit
from flowc_shim.stores.api import StoreUnavailable

if TYPE_CHECKING:
    from flowc_shim.runner.keys import Indices
    from flowc_shim.runner.runtime import Runtime

POLL_SECONDS = 2.0
"""How often a running unit looks whether what is around it fails (``failFast`` only)."""

Settled = Mapping[str, tuple[str, str]]
"""Unit id → what the engine says became of it, and in which words."""


def run_unit(
    runtime: Runtime, unit_id: str, indices: Indices, settled: Settled, lanes: int = 0
) -> Verdict:
    """Run a unit from where it stands and return its verdict; nothing committed is repeated.

    ``lanes``: of how many lanes ``indices`` names one, each of which runs several items.
    """
    unit = runtime.plan.units[unit_id]
    if in_finally(unit.scope):
        conclude(runtime, "failed")  # unless it is, by whoever the engine asked to
    settle_units(runtime, settled, indices, unit_id)
    step = runtime.plan.steps[unit.steps[0]]
    if unit.kind == "open":
        return _open(runtime, unit, indices)
    if unit.kind == "next":
        return _stand(runtime, step, indices[:-1], end_pass(runtime, step, indices, unit_id))
    if unit.kind == "close":
        close = close_while if isinstance(step.body, PlanWhile) else close_loop
        return _verdict_of(close(runtime, step, indices, unit_id))
    if lanes:
        return run_lane(runtime, unit, indices, lanes, _run_calls)
    return _run_calls(runtime, unit, indices)


def _run_calls(runtime: Runtime, unit: PlanUnit, indices: Indices) -> Verdict:
    with _watching(runtime, unit, indices) as watched:
        if unit.kind == "while":
            return _run_passes(watched, unit, indices)
        return _run_steps(watched, unit.steps, indices, unit.id)


def _run_passes(runtime: Runtime, unit: PlanUnit, indices: Indices) -> Verdict:
    """Run a whole ``while`` from where it stands; at the end of its time, say that more follows."""
    ends = None if runtime.turn_seconds is None else time.monotonic() + runtime.turn_seconds
    step = runtime.plan.steps[unit.steps[0]]
    number = _opened_while(runtime, step, indices, unit.id)
    while number is not None:
        here = (*indices, number)
        verdict = _run_steps(runtime, unit.inner, here, unit.id)
        if verdict.status is Status.RETRY:
            return verdict
        number = end_pass(runtime, step, here, unit.id)
        if ends is not None and time.monotonic() >= ends:
            break
    return _stand(runtime, step, indices, number)


def _opened_while(runtime: Runtime, step: PlanStep, indices: Indices, unit: str) -> int | None:
    try:
        return open_while(runtime, step, indices, unit)
    except UndecidedDependency:
        _settle_reads(runtime, step.path, indices, unit)
        return open_while(runtime, step, indices, unit)


def _stand(runtime: Runtime, step: PlanStep, indices: Indices, number: int | None) -> Verdict:
    """Return where a ``while`` stands: which pass follows, or what its one result is."""
    if number is not None:
        return Verdict(Status.DONE, go=True, count=number)
    decided = runtime.journal.record(indices, step.path)
    assert decided is not None
    verdict = _verdict_of(decided)
    return Verdict(verdict.status, verdict.error_class, go=False)


def _run_steps(runtime: Runtime, paths: Sequence[str], indices: Indices, unit: str) -> Verdict:
    verdict = Verdict(Status.DONE)
    for path in paths:
        try:
            result = advance(runtime, runtime.plan.steps[path], indices, unit)
        except UndecidedDependency:
            _settle_reads(runtime, path, indices, unit)
            result = advance(runtime, runtime.plan.steps[path], indices, unit)
        if isinstance(result, Later):
            return _later(result)
        verdict = _worse(verdict, _verdict_of(result))
    return verdict


def _settle_reads(runtime: Runtime, path: str, indices: Indices, unit: str) -> None:
    """Settle what a step reads: the engine ordered it before, so whoever ran it has died."""
    for before in runtime.plan.steps[path].reads:
        place, _ = runtime.place(before, indices)
        settle(runtime, runtime.plan.steps[before], place, unit, "failed")


def _open(runtime: Runtime, unit: PlanUnit, indices: Indices) -> Verdict:
    step = runtime.plan.steps[unit.steps[0]]
    if isinstance(step.body, PlanWhile):
        return _stand(runtime, step, indices, _opened_while(runtime, step, indices, unit.id))
    try:
        record = open_loop(runtime, step, indices, unit.id)
    except UndecidedDependency:
        _settle_reads(runtime, step.path, indices, unit.id)
        record = open_loop(runtime, step, indices, unit.id)
    if record is not None:
        assert isinstance(step.body, PlanLoop)
        tasks = step.body.tasks(record.count)
        return Verdict(Status.DONE, go=record.count > 0, count=tasks)
    return _stand(runtime, step, indices, None)


def _verdict_of(record: StepRecord) -> Verdict:
    if record.outcome in FAILS_THE_FLOW:
        return Verdict(Status.FINAL, _class(record.error), go=False)
    if record.outcome in (Outcome.UPSTREAM_FAILED, Outcome.NOT_STARTED, Outcome.STOPPED):
        return Verdict(Status.NOT_STARTED, go=False)
    return Verdict(Status.DONE)


def _class(error: ErrorInfo | None) -> str:
    return error.error_class.value if error else "platform"


def _worse(one: Verdict, other: Verdict) -> Verdict:
    return worst([one, other])


def _later(later: Later) -> Verdict:
    return Verdict(
        Status.RETRY, later.error.error_class.value, go=True, retry_wait=math.ceil(later.wait)
    )


def decide(
    runtime: Runtime, ask: str | None, indices: Indices, settled: Settled, lanes: int = 0
) -> Verdict:
    """Settle units for an engine, and say whether the unit ``ask`` should start.

    A unit that should not is decided here (skipped, not needed …), so that it never starts.
    Without ``ask``: the verdict of the (last) settled unit. A job that died and may be tried again
    is not settled: the verdict is ``retry``, and after which wait.
    """
    if ask is None:
        for unit_id, (status, cause) in settled.items():
            due = later_attempt(runtime, runtime.plan.units[unit_id], indices, status, cause)
            if due is not None:
                return _later(due)
    settle_units(runtime, settled, indices, "decide")
    if ask is None:
        return _settled_verdict(runtime, settled, indices)
    unit = runtime.plan.units[ask]
    if lanes:
        return ask_lane(runtime, unit, indices, lanes, _ask)
    return _ask(runtime, unit, indices)


def _ask(runtime: Runtime, unit: PlanUnit, indices: Indices) -> Verdict:
    verdict = Verdict(Status.DONE)
    for path in unit.steps:
        known = runtime.journal.record(indices, path)
        if known is None:
            known = _decide_step(runtime, path, indices)
        if known is None:
            return Verdict(Status.DONE, go=True)
        verdict = _worse(verdict, _verdict_of(known))
    return Verdict(verdict.status, verdict.error_class, go=False)


def _settled_verdict(runtime: Runtime, settled: Settled, indices: Indices) -> Verdict:
    verdict = Verdict(Status.DONE)
    for unit_id in settled:
        for path in runtime.plan.units[unit_id].steps:
            place, _ = runtime.place(path, indices)
            record = runtime.journal.record(place, path)
            if record is not None:
                verdict = _worse(verdict, _verdict_of(record))
    return verdict


def _decide_step(runtime: Runtime, path: str, indices: Indices) -> StepRecord | None:
    """Decide a step that must not start; None if it may."""
    step = runtime.plan.steps[path]
    hit: Hit | None = None
    try:
        try:
            outcome = decide_entry(runtime, step, indices)
        except UndecidedDependency:
            _settle_reads(runtime, path, indices, "decide")
            outcome = decide_entry(runtime, step, indices)
        if outcome is None and isinstance(step.body, PlanCall):
            value = evaluate(step.body.input, runtime.scope(step, indices))
            place = cache_place(runtime, step, indices, value)
            hit = None if place is None else look_up(runtime, place)
            outcome = None if hit is None else Outcome.CACHED
    except SkippedReference:
        outcome = Outcome.SKIPPED
    except FlowError:
        return None  # its own unit commits the failure, by the same road as every other
    if outcome is None:
        return None
    found = None if hit is None else hit.value
    record = StepRecord(outcome, found, unit="decide", started=time.time())
    return commit(runtime, step, indices, record)


@contextmanager
def _watching(runtime: Runtime, unit: PlanUnit, indices: Indices) -> Iterator[Runtime]:
    """Yield the runtime for the unit, whose calls end when the time is over that it is in.

    Under ``failFast`` they end soon after the unit's scope failed as well. Only this unit's: what a
    process runs for another item goes on if that item does.
    """
    wanted = stopping_keys(runtime, unit.scope, indices)
    if not wanted and time_left(runtime, unit.scope, indices) is None:
        yield runtime
        return
    stop = threading.Event()
    with runtime.part() as part:

        def watch() -> None:
            while not stop.wait(_pause(part, unit.scope, indices, asks=bool(wanted))):
                # a store that is away for a while says nothing: look again
                with suppress(StoreUnavailable):
                    late = end_in_time(part, unit.scope, indices)
                    if late or (wanted and part.journal.any_key(wanted)):
                        part.cancel()
                        return

        watcher = threading.Thread(target=watch, name="watcher", daemon=True)
        watcher.start()
        try:
            yield part
        finally:
            stop.set()
            watcher.join()


def _pause(runtime: Runtime, scope: str, indices: Indices, *, asks: bool) -> float:
    """Return after how many seconds a watcher looks again; ``asks``: for a failure too."""
    left = time_left(runtime, scope, indices)
    if left is None or left <= 0:
        return POLL_SECONDS
    return min(left, POLL_SECONDS) if asks else left
