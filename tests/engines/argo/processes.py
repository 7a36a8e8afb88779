"""The processes of a cluster: started in the background, and ended by id, never by name."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

END_SECONDS = 20


@dataclass(frozen=True)
class Process:
    """A started process; an id alone may by now belong to another one."""

    name: str
    pid: int
    since: str
    """The kernel's start time of the process, in ticks since boot."""

    @property
    def alive(self) -> bool:
        return _since(self.pid) == self.since

    def end(self) -> None:
        """Ask it to end; kill it if it does not."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not self.alive:
                return
            os.kill(self.pid, number)
            wait = time.monotonic() + END_SECONDS
            while self.alive and time.monotonic() < wait:
                _reap(self.pid)
                time.sleep(0.05)

    def kill(self) -> None:
        """End it as a lost machine would."""
        os.kill(self.pid, signal.SIGKILL)
        while self.alive:
            _reap(self.pid)
            time.sleep(0.05)


def start(
    name: str,
    argv: Sequence[str | Path],
    folder: Path,
    environment: Mapping[str, str] | None = None,
) -> Process:
    """Start a program in a session of its own, its output in ``folder/logs/NAME.log``."""
    (folder / "logs").mkdir(exist_ok=True)
    with (folder / "logs" / f"{name}.log").open("ab") as log:
        started = subprocess.Popen(
            [str(part) for part in argv],
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    started.returncode = 0  # nobody waits for it here: it outlives this process
    return Process(name, started.pid, _since(started.pid) or "")


def wait_until(what: str, condition: Callable[[], bool], seconds: float, folder: Path) -> None:
    """Wait until the condition holds; if it does not, say what the programs printed last."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:g} s\n{last_words(folder)}")
        time.sleep(0.2)


def last_words(folder: Path) -> str:
    """Return the last lines of every log."""
    return "\n".join(
        f"== {log.stem}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-5:])
        for log in sorted((folder / "logs").glob("*.log"))
    )


def processes_that_name(text: str) -> list[Process]:
    """Return processes with ``text`` in an argument: what a program of ours started and left."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                arguments = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            since = _since(int(entry.name))
            if since and any(text in argument for argument in arguments):
                found.append(Process(arguments[0], int(entry.name), since))
    return found


def _since(pid: int) -> str | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
