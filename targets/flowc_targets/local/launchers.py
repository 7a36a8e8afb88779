"""Two ways to run a unit here: in this process, or each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flowc.ir.layout import Unit
from flowc_shim.contract.verdict import FINAL_CODES, Status, Verdict
from flowc_shim.runner.commands import Request, perform
from flowc_shim.runner.keys import Indices, indices_text
from flowc_targets.local.scheduler import Ended

if TYPE_CHECKING:
    from flowc_shim.runner.runtime import Runtime

Observe = Callable[[Unit, Indices, str], None]


def _request(unit: Unit, indices: Indices, settled: Mapping[str, tuple[str, str]]) -> Request:
    return Request("run-unit", unit.id, indices_text(indices), dict(settled))


@dataclass
class InProcess:
    """Units as calls in this process: fastest, and it dies with them."""

    runtime: Runtime
    observe: Observe

    def __call__(self, unit: Unit, indices: Indices, settled: dict[str, tuple[str, str]]) -> Ended:
        """Run the unit; re-tries that the shim leaves to its engine wait here."""
        self.observe(unit, indices, "started")
        while True:
            verdict = perform(self.runtime, _request(unit, indices, settled))
            if verdict.status is not Status.RETRY:
                self.observe(unit, indices, verdict.status.value)
                return Ended(verdict)
            if self.runtime.cancelled.wait(verdict.retry_wait):
                return Ended(None, "stopped")

    def stop(self) -> None:
        """End what runs."""
        self.runtime.cancel()


@dataclass
class Isolated:
    """Units as ``flowc-shim`` processes over a shared store, restarted when they die."""

    digest: str
    run: str
    environ: Mapping[str, str]
    observe: Observe
    running: set[subprocess.Popen[bytes]] = field(default_factory=set)
    stopping: threading.Event = field(default_factory=threading.Event)

    def __call__(self, unit: Unit, indices: Indices, settled: dict[str, tuple[str, str]]) -> Ended:
        """Run the unit's process until it answers for good or no restart is left."""
        self.observe(unit, indices, "started")
        cause = ""
        for attempt in range(unit.retry.attempts):
            code, verdict, cause = self._process(unit, indices, settled)
            if verdict is not None and (code == 0 or code in FINAL_CODES):
                self.observe(unit, indices, verdict.status.value)
                return Ended(verdict)
            if code in FINAL_CODES or attempt + 1 == unit.retry.attempts:
                break
            if self.stopping.wait(verdict.retry_wait if verdict else self._pause(unit, attempt)):
                break
        self.observe(unit, indices, "died")
        return Ended(None, cause)

    def stop(self) -> None:
        """End the processes that run, and start none again."""
        self.stopping.set()
        for process in list(self.running):
            process.terminate()

    @staticmethod
    def _pause(unit: Unit, attempt: int) -> float:
        return unit.retry.platform.wait(attempt + 1)

    def _process(
        self, unit: Unit, indices: Indices, settled: Mapping[str, tuple[str, str]]
    ) -> tuple[int, Verdict | None, str]:
        with tempfile.TemporaryDirectory(prefix="flowc-") as folder:
            target = Path(folder) / "verdict.json"
            arguments = [
                sys.executable, "-m", "flowc_shim", "run-unit", "--plan", self.digest,
                "--run", self.run, "--unit", unit.id, "--scope", indices_text(indices),
            ]  # fmt: skip
            for before, (status, _) in settled.items():
                arguments += ["--settle", f"{before}={status}"]
            process = subprocess.Popen(  # noqa: S603 (our own program)
                arguments,
                env={**os.environ, **self.environ, "FLOWC_VERDICT": str(target)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # a terminal's Ctrl-C is for this process, which then ends those
                start_new_session=True,
            )
            self.running.add(process)
            if self.stopping.is_set():
                process.terminate()
            try:
                code = process.wait()
            finally:
                self.running.discard(process)
            if target.exists():
                return code, _verdict(target.read_text(encoding="utf-8")), ""
            return code, None, f"the unit's process ended with code {code}"


def _verdict(text: str) -> Verdict:
    raw = json.loads(text)
    return Verdict(Status(raw["status"]), raw["class"], raw["go"], raw["count"], raw["retry_wait"])
