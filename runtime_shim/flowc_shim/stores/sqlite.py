"""A store in one SQLite file: the default of a local run.

Several threads share one connection behind a lock, several processes share the file (WAL). Every
operation is one statement, which SQLite makes atomic by itself, so there are no transactions.
``synchronous=NORMAL``: a killed process loses nothing that was acknowledged; a power failure may
lose the last moments, never the order or the integrity. The file must not be on a network drive.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, unquote

from flowc_shim.stores.api import StoreUnavailable, Versioned
from flowc_shim.stores.keys import below, below_run, check_key, key_range

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

BUSY_SECONDS = 30.0
"""How long one operation waits for other processes before the store counts as unavailable."""

_KEYS_PER_SELECT = 500  # SQLite before 3.32 takes 999 parameters
_MODES = ("rwc", "rw", "memory")
_TABLE = """
CREATE TABLE IF NOT EXISTS flowc_keys (
    key TEXT PRIMARY KEY NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL
)
"""


class SqliteStore:
    """Keys of one file, or of one private database in memory (``sqlite::memory:``)."""

    def __init__(self, url: str) -> None:
        """Open the database and make its table.

        Raises ValueError if the URL is not understood, StoreUnavailable if the file is not usable.
        """
        self.url = url
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._database = _connect(url)

    def create(self, key: str, body: bytes) -> bool:
        """Write ``body`` if ``key`` is absent; raises StoreUnavailable."""
        statement = "INSERT INTO flowc_keys VALUES (?, 1, ?) ON CONFLICT DO NOTHING"
        with self._connection() as database:
            return database.execute(statement, (check_key(key), body)).rowcount == 1

    def read(self, key: str) -> bytes | None:
        """Return the body at ``key``, or None; raises StoreUnavailable."""
        found = self.read_versioned(key)
        return None if found is None else found.body

    def read_versioned(self, key: str) -> Versioned | None:
        """Return body and version at ``key``, or None; raises StoreUnavailable."""
        statement = "SELECT body, version FROM flowc_keys WHERE key = ?"
        with self._connection() as database:
            row = database.execute(statement, (check_key(key),)).fetchone()
        return None if row is None else Versioned(row[0], str(row[1]))

    def read_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the bodies of those ``keys`` that exist; raises StoreUnavailable."""
        wanted = [check_key(key) for key in dict.fromkeys(keys)]
        found: dict[str, bytes] = {}
        for start in range(0, len(wanted), _KEYS_PER_SELECT):
            part = wanted[start : start + _KEYS_PER_SELECT]
            marks = ",".join("?" * len(part))
            statement = f"SELECT key, body FROM flowc_keys WHERE key IN ({marks})"  # noqa: S608
            with self._connection() as database:
                found.update(database.execute(statement, part).fetchall())
        return found

    def replace(self, key: str, body: bytes, version: str) -> bool:
        """Write ``body`` if ``key`` still has ``version``; raises StoreUnavailable."""
        statement = (
            "UPDATE flowc_keys SET body = ?, version = version + 1 WHERE key = ? AND version = ?"
        )
        with self._connection() as database:
            return database.execute(statement, (body, check_key(key), version)).rowcount == 1

    def list(self, prefix: str) -> Iterable[str]:
        """Return the keys below ``prefix`` in order; raises StoreUnavailable."""
        statement = "SELECT key FROM flowc_keys WHERE key >= ? AND key < ? ORDER BY key"
        with self._connection() as database:
            rows = database.execute(statement, key_range(below(prefix))).fetchall()
        return [row[0] for row in rows]

    def delete_run(self, run_prefix: str) -> int:
        """Delete every key below ``run_prefix``; returns how many; raises StoreUnavailable."""
        statement = "DELETE FROM flowc_keys WHERE key >= ? AND key < ?"
        with self._connection() as database:
            return database.execute(statement, key_range(below_run(run_prefix))).rowcount

    def delete(self, key: str) -> None:
        """Delete ``key`` if it is there; raises StoreUnavailable."""
        with self._connection() as database:
            database.execute("DELETE FROM flowc_keys WHERE key = ?", (check_key(key),))

    def close(self) -> None:
        """Close the file; later calls raise StoreUnavailable."""
        with self._lock:
            self._database.close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        # A connection carried over a fork would corrupt the file; the lock may be held for ever.
        if os.getpid() != self._pid:
            raise RuntimeError(f"{self.url}: no store survives a fork; open one in the child")
        with self._lock:
            try:
                yield self._database
            except sqlite3.Error as error:
                raise StoreUnavailable(f"{self.url}: {error}") from error


def _connect(url: str) -> sqlite3.Connection:
    path, mode = _location(url)
    if mode == "memory":
        target = ":memory:"
    else:
        target = f"file:{quote(str(path))}?mode={mode}"
    try:
        if mode == "rwc":
            path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(
            target, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, uri=True
        )
        try:
            _prepare(database)
        except BaseException:
            database.close()
            raise
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailable(f"{url}: {error}") from error
    return database


def _prepare(database: sqlite3.Connection) -> None:
    """Set what holds for the connection and make the table if it is not there."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            # SQLite does not wait for the switch to WAL if another process switches as well.
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute(_TABLE)


def _location(url: str) -> tuple[Path, str]:
    """Return absolute path and mode (``rwc``, ``rw``, ``memory``) of ``url``; raises ValueError.

    ``sqlite:///x`` is relative and ``sqlite:////x`` absolute, as SQLAlchemy has it; ``sqlite:x``
    and ``sqlite:/x``, Stepflow's own form, are what they look like.
    """
    rest, _, query = url.removeprefix("sqlite:").partition("?")
    options = {name: values[-1] for name, values in parse_qs(query).items()}
    mode = options.pop("mode", "rwc")
    if options or mode not in _MODES:
        raise ValueError(f"{url}: of SQLite's options only mode={'|'.join(_MODES)} is known")
    if rest.startswith("//"):
        rest = rest[2:].removeprefix("/")
    if rest == ":memory:" or mode == "memory":
        return Path(), "memory"
    if not rest:
        raise ValueError(f"{url}: names no file; for example sqlite:///.flowc/state.db")
    return Path(unquote(rest)).absolute(), mode
