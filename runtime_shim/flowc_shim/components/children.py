"""Child processes: their last words, how they ended, and ending them for good."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from typing import IO

from flowc_shim.components.log_mask import logged

TAIL_LINES = 20
LINE_LIMIT = 300
_QUOTED_LINES = 8


class Tail:
    """The last lines of a child's stream, read by a thread so that the child never blocks.

    With ``forward`` the lines also go to this process's stderr: they are the step's log.
    """

    def __init__(self, stream: IO[bytes], *, forward: bool) -> None:
        self._stream = stream
        self._forward = forward
        self._lines: deque[str] = deque(maxlen=TAIL_LINES)
        self._thread = threading.Thread(target=self._read, name="flowc-tail", daemon=True)
        self._thread.start()

    def lines(self, wait: float = 0.0) -> list[str]:
        """Return the last lines, after waiting up to ``wait`` seconds for the stream's end."""
        self._thread.join(wait)
        return list(self._lines)

    def _read(self) -> None:
        with contextlib.suppress(ValueError, OSError), self._stream as stream:
            while line := stream.readline(1 << 16):
                text = line.decode("utf-8", "replace")
                self._lines.append(text.rstrip("\r\n")[:LINE_LIMIT])
                if self._forward:
                    with contextlib.suppress(ValueError, OSError):
                        sys.stderr.write(logged(text))


def quote_last(lines: list[str]) -> str:
    """Return the end of an error message that quotes the last of ``lines``, empty without any."""
    said = [line for line in lines if line.strip()][-_QUOTED_LINES:]
    return "; its last lines:\n" + "\n".join(said) if said else ""


def describe_exit(returncode: int) -> str:
    """Return how a process ended, in words."""
    if returncode >= 0:
        return f"ended with exit code {returncode}"
    return f"was killed by signal {-returncode} ({signal_name(-returncode)})"


def signal_name(number: int) -> str:
    """Return the name of a signal, or its number if it has none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def end_group(process: subprocess.Popen[bytes], grace: float) -> None:
    """End a child that leads its own process group, and the children it has.

    Terminates, waits ``grace`` seconds, kills. The group is addressed only while the child is not
    reaped, so its number cannot have passed to anybody else.
    """
    if process.poll() is None:
        _signal_group(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    if process.poll() is None:
        _signal_group(process.pid, signal.SIGKILL)
        process.wait()


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
