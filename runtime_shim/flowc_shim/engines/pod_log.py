"""What a container prints, as this process's log: its lines go where the unit's own go."""

from __future__ import annotations

import contextlib
import http.client
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING

from flowc_shim.components.children import LINE_LIMIT, TAIL_LINES
from flowc_shim.components.log_mask import logged
from flowc_shim.engines.api import EngineUnavailable

if TYPE_CHECKING:
    from flowc_shim.engines.pods import Pods

PAUSE_SECONDS = 1.0


class PodLog:
    """Follows a container's log from the start; use as a context.

    ``prefix``: what its lines begin with here.
    """

    def __init__(self, pods: Pods, pod: str, container: str, prefix: str = "") -> None:
        self._pods = pods
        self._place = pod, container
        self._prefix = prefix
        self._lines: deque[str] = deque(maxlen=TAIL_LINES)
        self._since = ""
        self._goes_on = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Follow from now on, if that has not begun: the container has started."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._follow, name="pod-log", daemon=True)
            self._thread.start()

    def lines(self, wait: float) -> list[str]:
        """Return the last lines, after waiting up to ``wait`` seconds for the container's end."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(wait)
        return list(self._lines)

    def __enter__(self) -> PodLog:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()

    def _follow(self) -> None:
        """Read to the end; a log that breaks off is asked for again, from where it was."""
        while not self._read() and not self._stop.wait(PAUSE_SECONDS):
            pass

    def _read(self) -> bool:
        """Read as far as it goes; return whether the API ended it."""
        before = self._since
        with contextlib.suppress(EngineUnavailable, OSError, ValueError, http.client.HTTPException):
            with self._pods.log(*self._place, self._since) as stream:
                while line := stream.readline(1 << 16):
                    self._take(line, before)
            return True
        return False

    def _take(self, line: bytes, before: str) -> None:
        text = line.decode("utf-8", "replace")
        if not self._goes_on:  # a part of a very long line has no time of its own
            time, _, text = text.partition(" ")
            if before and time <= before:
                return  # told before it broke off: the API counts in whole seconds
            self._since = time
        self._goes_on = not line.endswith(b"\n")
        self._lines.append(text.rstrip("\r\n")[:LINE_LIMIT])
        with contextlib.suppress(ValueError, OSError):
            sys.stderr.write(logged(f"{self._prefix}{text}"))
