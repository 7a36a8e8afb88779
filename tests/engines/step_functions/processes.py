"""Subprocesses that stand for Lambda invocations and Batch jobs."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Process:
    """One invocation or job: what was asked for, and what became of it."""

    kind: str
    """"lambda", "batch", "ecs" for what runs a unit, "ecs:gate" or the like beside it."""
    name: str
    """The function's, or the job's."""
    request: Any
    """The event, or the body of SubmitJob."""
    argv: list[str] = field(default_factory=list)
    exit_code: int | None = None
    """None until it ended; -9 after SIGKILL."""
    stdout: str = ""
    stderr: str = ""
    timed_out: bool = False
    started: float = 0.0
    ended: float = 0.0
    popen: subprocess.Popen[str] | None = None

    @property
    def running(self) -> bool:
        return self.popen is not None and self.exit_code is None

    def kill(self) -> None:
        """End the process and its children as a lost machine would: SIGKILL, nothing else."""
        self._signal(signal.SIGKILL)

    def end(self, seconds: float) -> None:
        """End it as an engine that stops a container does: SIGTERM, and SIGKILL after a while."""
        self._signal(signal.SIGTERM)
        until = time.monotonic() + seconds
        while self.running and time.monotonic() < until:
            time.sleep(0.01)
        self.kill()

    def _signal(self, number: int) -> None:
        if self.popen is not None and self.exit_code is None:
            try:
                os.killpg(self.popen.pid, number)
            except ProcessLookupError:
                return


class Processes:
    """Runs processes, a bounded number at once, and remembers them all."""

    def __init__(self, limit: int, environment: dict[str, str]) -> None:
        self.all: list[Process] = []
        self._environment = environment
        self._slots = threading.BoundedSemaphore(limit)
        self._lock = threading.Lock()
        self._closed = False

    @property
    def running(self) -> list[Process]:
        return [process for process in self.all if process.running]

    def run(
        self,
        process: Process,
        argv: list[str],
        environment: dict[str, str],
        *,
        stdin: str = "",
        timeout: float | None = None,
        beside: bool = False,
        bare: bool = False,
    ) -> None:
        """Run to the end, filling in the process; a timeout kills it.

        ``beside``: it is part of something that runs already. ``bare``: nothing of this process's
        environment is in its own.
        """
        with nullcontext() if beside else self._slots:
            with self._lock:
                if self._closed:
                    raise RuntimeError("the engine is closed")
                process.argv = argv
                process.started = time.monotonic()
                process.popen = subprocess.Popen(
                    argv,
                    env={**({} if bare else self._environment), **environment},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    start_new_session=True,
                )
                if process not in self.all:
                    self.all.append(process)
            timer = threading.Timer(timeout or 0.0, self._expire, [process])
            if timeout is not None:
                timer.start()
            process.stdout, process.stderr = process.popen.communicate(stdin)
            timer.cancel()
            process.ended = time.monotonic()
            process.exit_code = process.popen.returncode

    @staticmethod
    def _expire(process: Process) -> None:
        process.timed_out = True
        process.kill()

    def close(self) -> None:
        """Start no more, and kill what still runs."""
        with self._lock:
            self._closed = True
            left = list(self.all)
        for process in left:
            process.kill()
