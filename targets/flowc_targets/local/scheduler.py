"""The laptop's engine: it orders units, fans out loops and restarts what died. It decides nothing.

The same rules as every other engine: a unit starts when those before it are done, or died and
may have become a value; what is never started is settled by the end of the run.
"""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from flowc.ir.layout import Layout, LoopFacts, Unit
from flowc_shim.contract.scopes import ROOT
from flowc_shim.contract.verdict import Status, Verdict
from flowc_shim.runner.keys import Indices

DIED = "failed"
"""What this engine calls a unit whose process ended without a verdict."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a unit ended for this engine: its verdict, or None if it died, and then of what."""

    verdict: Verdict | None
    cause: str = ""


Launch = Callable[[Unit, Indices, dict[str, tuple[str, str]]], Ended]
"""Runs a unit to its end, restarts included; called on worker threads."""


@dataclass
class _ScopeRun:
    """One instance of a scope: the run itself, or one item of a loop."""

    scope: str
    indices: Indices
    done: Callable[[], None]
    waiting: dict[str, int] = field(default_factory=dict)
    ended: dict[str, Ended] = field(default_factory=dict)
    open_units: int = 0


@dataclass
class _LoopRun:
    """One instance of a loop while its items run."""

    facts: LoopFacts
    parent: _ScopeRun
    waiting: deque[int]
    active: int = 0


class Scheduler:
    """Runs the units of one layout, once."""

    def __init__(
        self, layout: Layout, launch: Launch, workers: int, stop: Callable[[], None] | None = None
    ) -> None:
        """``stop``: ends what ``launch`` is running, called when the run cannot go on."""
        self._layout = layout
        self._launch = launch
        self._stop = stop
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="unit")
        self._events: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._readers = self._readers_of(layout)
        self._finished = False

    @staticmethod
    def _readers_of(layout: Layout) -> dict[str, list[str]]:
        readers: dict[str, list[str]] = {unit: [] for unit in layout.units}
        for unit in layout.units.values():
            for before in unit.after:
                readers[before].append(unit.id)
        return readers

    def run(self, scope: str = ROOT) -> None:
        """Return when nothing of ``scope`` runs, and nothing can start any more or all was stopped.

        ``scope``: the run itself, or its ``finally:`` steps.
        """
        try:
            self._start_scope(scope, (), self._finish)
            while not self._finished:
                self._events.get()()
        except BaseException:
            # before the pool is waited for: what runs may take for ever
            if self._stop is not None:
                self._stop()
            raise
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def stop(self) -> None:
        """End what runs and start nothing more; called on any thread."""
        self._events.put(self._finish)
        if self._stop is not None:
            self._stop()

    def _finish(self) -> None:
        self._finished = True

    def _start_scope(self, scope: str, indices: Indices, done: Callable[[], None]) -> _ScopeRun:
        run = _ScopeRun(scope, indices, done)
        units = self._layout.scopes.get(scope, ())
        run.open_units = len(units)
        if not units:
            self._events.put(done)
            return run
        for unit in units:
            run.waiting[unit] = len(self._layout.units[unit].after)
        self._start([unit for unit in units if run.waiting[unit] == 0], run)
        return run

    def _start(self, units: Iterable[str], run: _ScopeRun) -> None:
        for unit_id in units:
            unit = self._layout.units[unit_id]
            if not self._may_start(unit, run):
                self._ended(unit, run, Ended(None, "omitted"), started=False)
                continue
            settled = {
                before: (DIED, run.ended[before].cause)
                for before in unit.after
                if run.ended[before].verdict is None
            }
            self._pool.submit(self._work, unit, run, settled)

    def _may_start(self, unit: Unit, run: _ScopeRun) -> bool:
        """Whether those before it are done; a dead one counts only if it may become a value."""
        if unit.kind in ("close", "next"):
            return True  # whatever became of items or passes, somebody has to look at them
        for before in unit.after:
            ended = run.ended[before]
            if ended.cause == "omitted":
                return False
            failed = ended.verdict is None or ended.verdict.status is not Status.DONE
            if failed and not self._layout.units[before].handled:
                return False
        return True

    def _work(self, unit: Unit, run: _ScopeRun, settled: dict[str, tuple[str, str]]) -> None:
        try:
            ended = self._launch(unit, run.indices, settled)
        except BaseException as error:
            failure = error

            def broken() -> None:
                raise failure

            self._events.put(broken)
            return
        self._events.put(lambda: self._ended(unit, run, ended, started=True))

    def _ended(self, unit: Unit, run: _ScopeRun, ended: Ended, *, started: bool) -> None:
        run.ended[unit.id] = ended
        verdict = ended.verdict
        if verdict is not None and started and unit.kind == "open":
            if unit.steps[0] in self._layout.whiles:
                if verdict.go:
                    self._pass(unit.steps[0], run, verdict.count)
                    return
            elif verdict.count > 0:
                self._fan_out(self._layout.loops[unit.steps[0]], run, verdict.count)
                return
        self._release(unit, run)

    def _release(self, unit: Unit, run: _ScopeRun) -> None:
        run.open_units -= 1
        ready = []
        for reader in self._readers[unit.id]:
            run.waiting[reader] -= 1
            if run.waiting[reader] == 0:
                ready.append(reader)
        if ready:
            # by the event loop, not by recursion: an omitted chain may be thousands of units long
            self._events.put(lambda: self._start(ready, run))
        if run.open_units == 0:
            self._events.put(run.done)

    def _pass(self, loop: str, parent: _ScopeRun, number: int) -> None:
        """Start a pass of a ``while``; when all of it ended, its last unit says what follows."""
        indices = (*parent.indices, number)
        facts = self._layout.whiles[loop]

        def done() -> None:
            verdict = run.ended[facts.next].verdict
            if verdict is not None and verdict.status is Status.DONE and verdict.go:
                self._pass(loop, parent, verdict.count)
            else:
                self._release(self._layout.units[facts.open], parent)

        run = self._start_scope(loop, indices, done)

    def _fan_out(self, facts: LoopFacts, run: _ScopeRun, count: int) -> None:
        loop = _LoopRun(facts, run, deque(range(count)))
        for _ in range(min(facts.concurrency, count)):
            self._next_item(loop)

    def _next_item(self, loop: _LoopRun) -> None:
        if loop.waiting:
            index = loop.waiting.popleft()
            loop.active += 1
            indices = (*loop.parent.indices, index)
            self._start_scope(loop.facts.path, indices, lambda: self._item_done(loop))
        elif loop.active == 0:
            self._release(self._layout.units[loop.facts.open], loop.parent)

    def _item_done(self, loop: _LoopRun) -> None:
        loop.active -= 1
        self._next_item(loop)
