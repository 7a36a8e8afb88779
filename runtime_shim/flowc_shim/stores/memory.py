"""A store in this process: for tests, dry runs and runs that nobody resumes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from flowc_shim.stores.api import Versioned
from flowc_shim.stores.keys import below, below_run, check_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class MemoryStore:
    """A dictionary behind a lock; every instance is a store of its own."""

    def __init__(self, url: str = "memory:") -> None:
        self.url = url
        self._lock = threading.Lock()
        self._entries: dict[str, tuple[bytes, int]] = {}
        self._last_version = 0

    def create(self, key: str, body: bytes) -> bool:
        """Write ``body`` if ``key`` is absent."""
        check_key(key)
        with self._lock:
            if key in self._entries:
                return False
            self._write(key, body)
            return True

    def read(self, key: str) -> bytes | None:
        """Return the body at ``key``, or None."""
        found = self._entries.get(check_key(key))
        return None if found is None else found[0]

    def read_versioned(self, key: str) -> Versioned | None:
        """Return body and version at ``key``, or None."""
        found = self._entries.get(check_key(key))
        return None if found is None else Versioned(found[0], str(found[1]))

    def read_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the bodies of those ``keys`` that exist."""
        found = {key: self.read(key) for key in keys}
        return {key: body for key, body in found.items() if body is not None}

    def replace(self, key: str, body: bytes, version: str) -> bool:
        """Write ``body`` if ``key`` still has ``version``."""
        check_key(key)
        with self._lock:
            found = self._entries.get(key)
            if found is None or str(found[1]) != version:
                return False
            self._write(key, body)
            return True

    def list(self, prefix: str) -> Iterable[str]:
        """Return the keys below ``prefix`` in order."""
        start = below(prefix)
        with self._lock:
            return sorted(key for key in self._entries if key.startswith(start))

    def delete_run(self, run_prefix: str) -> int:
        """Delete every key below ``run_prefix``; returns how many."""
        start = below_run(run_prefix)
        with self._lock:
            doomed = [key for key in self._entries if key.startswith(start)]
            for key in doomed:
                del self._entries[key]
        return len(doomed)

    def delete(self, key: str) -> None:
        """Delete ``key`` if it is there."""
        with self._lock:
            self._entries.pop(check_key(key), None)

    def close(self) -> None:
        """Nothing to give back."""

    def _write(self, key: str, body: bytes) -> None:
        # One counter for all keys: a key that is deleted and made anew never repeats a version.
        self._last_version += 1
        self._entries[key] = (bytes(body), self._last_version)
