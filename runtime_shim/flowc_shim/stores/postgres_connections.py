"""Connections to PostgreSQL for many short processes that mostly wait for something else.

A server has a hundred connections or so, and a run may have hundreds of shims. So each opens one
when it first needs it, a few more only if its own threads ask at the same time, gives them back
when they were idle for a while, and waits its turn when the server has none left.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import TransactionStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST = 4
"""Connections of one process."""

IDLE_SECONDS = 5.0
"""How long a connection is kept that nobody uses."""

ANSWER_SECONDS = 60.0
"""How long a statement may take before its connection is cut: a server may hang, too."""

CONNECT_SECONDS = 25.0
"""How long a process waits for a connection when the server is full or starting."""

_TICK = 1.0
_FOR_GOOD = ("authentication failed", "does not exist", "no pg_hba.conf entry", "SSL")
"""In messages of failed connections: waiting does not help."""


@dataclass(eq=False, slots=True)
class _Held:
    connection: psycopg.Connection[Any]
    since: float
    busy: bool = True


class Connections:
    """A few connections, opened by ``connect`` when needed; used from several threads."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        self._connect = connect
        self._pid = os.getpid()
        self._slots = threading.BoundedSemaphore(MOST)
        self._lock = threading.Lock()
        self._held: list[_Held] = []
        self._watcher: threading.Thread | None = None
        self._closed = threading.Event()

    @contextmanager
    def borrowed(self) -> Iterator[psycopg.Connection[Any]]:
        """Yield a connection; whatever is raised comes through, and may cost the connection."""
        if os.getpid() != self._pid:
            raise RuntimeError("no store survives a fork; open one in the child")
        with self._slots:
            held = self._taken() or self._opened()
            try:
                yield held.connection
            finally:
                self._give_back(held)

    def close(self) -> None:
        """Close all connections; later use raises psycopg.OperationalError."""
        self._closed.set()
        with self._lock:
            idle = [held for held in self._held if not held.busy]
            self._held = [held for held in self._held if held.busy]
        for held in idle:
            held.connection.close()

    def _taken(self) -> _Held | None:
        with self._lock:
            for held in self._held:
                if not held.busy:
                    held.busy, held.since = True, time.monotonic()
                    return held
        return None

    def _opened(self) -> _Held:
        deadline = time.monotonic() + CONNECT_SECONDS
        pause = 0.05
        while True:
            if self._closed.is_set():
                raise psycopg.OperationalError("the store is closed")
            try:
                connection = self._connect()
                break
            except psycopg.OperationalError as error:
                if any(word in str(error) for word in _FOR_GOOD) or time.monotonic() > deadline:
                    raise
            # Jitter: all the shims of a loop may have been turned away at once.
            time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 (spreads load)
            pause = min(pause * 2, 2.0)
        held = _Held(connection, time.monotonic())
        with self._lock:
            self._held.append(held)
            if self._watcher is None:
                self._watcher = threading.Thread(
                    target=self._watch, name="flowc-store", daemon=True
                )
                self._watcher.start()
        return held

    def _give_back(self, held: _Held) -> None:
        usable = (
            not self._closed.is_set()
            and not held.connection.closed
            and held.connection.info.transaction_status == TransactionStatus.IDLE
        )
        with self._lock:
            held.busy, held.since = False, time.monotonic()
            if not usable and held in self._held:
                self._held.remove(held)
        if not usable:
            held.connection.close()

    def _watch(self) -> None:
        """Close what is idle for long, cut what does not answer, and end with the last one."""
        while not self._closed.wait(_TICK):
            now = time.monotonic()
            with self._lock:
                idle = [h for h in self._held if not h.busy and now - h.since > IDLE_SECONDS]
                stuck = [h for h in self._held if h.busy and now - h.since > ANSWER_SECONDS]
                self._held = [held for held in self._held if held not in idle]
                if not self._held:
                    self._watcher = None
            for held in idle:
                held.connection.close()
            for held in stuck:
                _cut(held.connection)
            if self._watcher is not threading.current_thread():
                return


def _cut(connection: psycopg.Connection[Any]) -> None:
    """End the connection under the thread that waits for its answer, which then fails."""
    with (
        contextlib.suppress(OSError, psycopg.Error),
        socket.socket(fileno=os.dup(connection.fileno())) as wire,
    ):
        wire.shutdown(socket.SHUT_RDWR)
