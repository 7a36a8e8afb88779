"""How long a call may take, and how a call that blocks is made to end.

:class:`Limits` is the deadline and the stop signal of one call. :class:`SocketGuard` also ends
reads that block: one shared thread watches the calls under way and shuts the sockets of those
whose time is over. Socket timeouts would not do: a stream that trickles never trips them, and a
buffered reader cannot go on after one.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from typing import TYPE_CHECKING

from flowc_shim.contract.errors import ErrorClass, ErrorInfo, FlowError, timeout_error

if TYPE_CHECKING:
    from types import TracebackType

    from flowc_shim.components.api import Call

POLL_SECONDS = 0.25
"""How often a waiting client looks whether the run is being stopped."""


def stopped_error() -> FlowError:
    """Build the error of a call that ended because the run is being stopped: never retried."""
    return FlowError(
        ErrorInfo(ErrorClass.PLATFORM, "STOPPED", "the run is being stopped", "Stopped", final=True)
    )


class Limits:
    """Deadline and stop signal of one call, counted from the moment this object is made."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.deadline = None if call.timeout is None else time.monotonic() + call.timeout

    def verdict(self) -> FlowError | None:
        """Return the error that the call has to end with now, or None."""
        if self._call.cancelled.is_set():
            return stopped_error()
        if self.deadline is not None and time.monotonic() >= self.deadline:
            seconds = self._call.timeout
            return timeout_error(f"{self._call.component} took longer than {seconds:g} s")
        return None

    def check(self) -> None:
        """Raise FlowError TIMEOUT or STOPPED if the call is over."""
        error = self.verdict()
        if error is not None:
            raise error

    def slice(self, most: float = POLL_SECONDS) -> float:
        """Return how long to block before the next :meth:`check`, in seconds."""
        if self.deadline is None:
            return most
        return max(0.0, min(most, self.deadline - time.monotonic()))

    def pause(self, seconds: float) -> None:
        """Sleep; raises FlowError TIMEOUT or STOPPED as soon as it is due."""
        end = time.monotonic() + seconds
        while True:
            self.check()
            left = end - time.monotonic()
            if left <= 0:
                return
            self._call.cancelled.wait(self.slice(min(left, POLL_SECONDS)))


def wait_readable(fd: int, seconds: float) -> bool:
    """Return whether ``fd`` has data (or its end) within ``seconds``; any descriptor number."""
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    return bool(poller.poll(seconds * 1000))


class SocketGuard(Limits):
    """Limits that also shut the sockets which the call is blocked on. Use as a context."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._ended: FlowError | None = None

    def __enter__(self) -> SocketGuard:
        _WATCHDOG.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _WATCHDOG.remove(self)

    def verdict(self) -> FlowError | None:
        """Return what the guard ended with, or what it has to end with now."""
        return self._ended or super().verdict()

    def watch(self, sock: socket.socket) -> None:
        """Shut ``sock`` when the call is over; at once if it already is."""
        with self._lock:
            self._sockets.add(sock)
            ended = self._ended is not None
        if ended:
            _shut(sock)

    def forget(self, sock: socket.socket) -> None:
        """Leave ``sock`` alone from now on."""
        with self._lock:
            self._sockets.discard(sock)

    def end(self, error: FlowError) -> None:
        """End the call with ``error``: everything that blocks in it wakes up."""
        with self._lock:
            if self._ended is None:
                self._ended = error
            sockets = list(self._sockets)
        for sock in sockets:
            _shut(sock)


def _shut(sock: socket.socket) -> None:
    # The base class's method: SSLSocket.shutdown would drop its TLS state under the reader's feet.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


class _Watchdog:
    """One daemon thread for all guarded calls of the process; idle without any."""

    def __init__(self) -> None:
        self._guards: set[SocketGuard] = set()
        self._changed = threading.Condition()
        self._wakes_at = 0.0
        self._thread: threading.Thread | None = None

    def add(self, guard: SocketGuard) -> None:
        with self._changed:
            self._guards.add(guard)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="flowc-call-limits", daemon=True
                )
                self._thread.start()
            elif len(self._guards) == 1 or (guard.deadline or self._wakes_at) < self._wakes_at:
                self._changed.notify()

    def remove(self, guard: SocketGuard) -> None:
        with self._changed:
            self._guards.discard(guard)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._guards:
                    self._changed.wait()
                guards = list(self._guards)
                pause = min(guard.slice() for guard in guards)
                self._wakes_at = time.monotonic() + pause
                # Never 0: a guard whose call is just being torn down would make this loop spin.
                self._changed.wait(max(pause, 0.005))
            for guard in guards:
                error = guard.verdict()
                if error is not None:
                    guard.end(error)


_WATCHDOG = _Watchdog()
