"""Runs that runs here start: each on a thread of its own, beside the run that started it."""

from __future__ import annotations

import json
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from flowc_shim.contract.trigger import Origin
from flowc_shim.runner.keys import run_prefix
from flowc_shim.runner.starts import CLAIM

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc.ir.layout import Unit
    from flowc_shim.contract.json_types import Json
    from flowc_shim.runner.keys import Indices
    from flowc_shim.stores.api import StateStore
    from flowc_targets.local.run import RunResult
    from flowc_targets.local.scheduler import Ended, Launch

AT_ONCE = 16
"""Detached runs that go on at the same time; others wait for one of them to end."""

HOW = json.dumps({"engine": "local"})
"""How shims start runs here: they write down that they do, and their launcher looks."""


@dataclass
class DetachedRuns:
    """All detached runs of a session.

    ``begin``: runs one of a flow to its end, by name, with a trigger, isolated or not.
    """

    store: StateStore
    begin: Callable[[str, str, Json, bool], RunResult]
    pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(AT_ONCE, thread_name_prefix="detached")
    )
    known: set[str] = field(default_factory=set)
    waiting: list[Future[RunResult]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self, run: str, isolate: bool) -> None:
        """Start what steps of ``run`` have asked for since the last look."""
        for key in list(self.store.list(f"{run_prefix(run)}/starts")):
            with self.lock:
                is_new = key not in self.known and not key.endswith(CLAIM)
                self.known.add(key)
            body = self.store.read(key) if is_new else None
            if body is None:
                continue
            name, flow = unquote(key.rpartition("/")[2]), str(json.loads(body)["flow"])
            trigger = {"run": run, "origin": Origin(run, name).to_json()}
            self.waiting.append(self.pool.submit(self.begin, flow, name, trigger, isolate))

    def starting(self, launch: Launch, run: str, isolate: bool) -> Launch:
        """Return ``launch`` that looks, after each unit that starts a run, whether it did."""

        def launched(unit: Unit, indices: Indices, settled: dict[str, tuple[str, str]]) -> Ended:
            try:
                return launch(unit, indices, settled)
            finally:
                if unit.starts_runs:
                    self.look(run, isolate)

        return launched

    def wait(self) -> list[RunResult]:
        """Return how the runs ended that were started since the last time, in that order."""
        found = []
        while self.waiting:  # one that ends may have started more
            found.append(self.waiting.pop(0).result())
        return found

    def close(self) -> None:
        """Wait for what goes on; then nothing is started any more."""
        try:
            self.wait()
        finally:
            self.pool.shutdown(wait=True, cancel_futures=True)
