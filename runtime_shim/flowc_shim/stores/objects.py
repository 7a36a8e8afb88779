"""A store in an object store (S3, GCS, Azure Blob), through ``obstore``.

Conditional writes are sent exactly once: if the client repeated a PUT whose answer was lost, it
would meet its own object and call it somebody else's. So a lost answer is StoreUnavailable here,
and :mod:`flowc_shim.stores.commit` reads back. Reads and deletions are repeated by the client.
"""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from flowc_shim.stores.api import StoreUnavailable, Versioned
from flowc_shim.stores.keys import below, below_run, check_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from obstore.store import ObjectStore

READERS = 32
"""Reads that :meth:`ObjectsStore.read_many` has under way at a time."""

_DELETE_ROUNDS = 5


class ObjectsStore:
    """Objects below one prefix of one bucket.

    ``reads`` and ``writes`` are two clients of the same place; ``writes`` repeats nothing.
    A role that may not list the bucket gets 403 instead of 404 for what is absent: S3 then
    answers every read of an absent key with StoreUnavailable.
    """

    def __init__(self, url: str, reads: ObjectStore, writes: ObjectStore) -> None:
        self.url = url
        self._reads = reads
        self._writes = writes
        self._pool: ThreadPoolExecutor | None = None
        self._pool_lock = threading.Lock()

    @property
    def client(self) -> ObjectStore:
        """The client that repeats requests: for files, which are written by their content."""
        return self._reads

    def create(self, key: str, body: bytes) -> bool:
        """Write ``body`` if ``key`` is absent; raises StoreUnavailable.

        False may also be a 409 after which nothing is there.
        """
        check_key(key)
        with self._asked():
            try:
                obstore.put(self._writes, key, body, mode="create")
            except (AlreadyExistsError, PreconditionError):
                return False
            return True

    def read(self, key: str) -> bytes | None:
        """Return the body at ``key``, or None; raises StoreUnavailable."""
        found = self.read_versioned(key)
        return None if found is None else found.body

    def read_versioned(self, key: str) -> Versioned | None:
        """Return body and version at ``key``, or None; raises StoreUnavailable."""
        check_key(key)
        with self._asked():
            try:
                found = obstore.get(self._reads, key)
                body = found.bytes().to_bytes()
            except FileNotFoundError:
                return None
            # S3 and Azure compare the e_tag, GCS the version (its generation).
            tags = {"e_tag": found.meta["e_tag"], "version": found.meta["version"]}
            return Versioned(body, json.dumps({k: v for k, v in tags.items() if v is not None}))

    def read_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the bodies of those ``keys`` that exist; raises StoreUnavailable."""
        wanted = [*dict.fromkeys(keys)]
        found = zip(wanted, self._readers().map(self.read, wanted), strict=True)
        return {key: body for key, body in found if body is not None}

    def replace(self, key: str, body: bytes, version: str) -> bool:
        """Write ``body`` if ``key`` still has ``version``; raises StoreUnavailable."""
        check_key(key)
        with self._asked():
            try:
                obstore.put(self._writes, key, body, mode=json.loads(version))
            except (PreconditionError, AlreadyExistsError, FileNotFoundError):
                return False
            return True

    def list(self, prefix: str) -> Iterable[str]:
        """Return the keys below ``prefix`` in order; raises StoreUnavailable."""
        start = below(prefix)
        with self._asked():
            batches = obstore.list(self._reads, prefix=start or None)
            paths = [meta["path"] for batch in batches for meta in batch]
        return sorted(path for path in paths if path.startswith(start))

    def delete_run(self, run_prefix: str) -> int:
        """Delete every key below ``run_prefix``; returns how many; raises StoreUnavailable."""
        start = below_run(run_prefix)
        seen: set[str] = set()
        for _ in range(_DELETE_ROUNDS):
            doomed = [*self.list(start)]
            if not doomed:
                return len(seen)
            seen.update(doomed)
            with self._asked():
                try:
                    obstore.delete(self._reads, doomed)
                except FileNotFoundError:
                    continue  # somebody else deletes the same run; see what is left
        raise StoreUnavailable(f"{self.url}: {start} is still being written to")

    def delete(self, key: str) -> None:
        """Delete ``key`` if it is there; raises StoreUnavailable."""
        check_key(key)
        with self._asked(), suppress(FileNotFoundError):
            obstore.delete(self._reads, [key])

    def close(self) -> None:
        """End the reading threads; connections end with the object."""
        with self._pool_lock:
            if self._pool is not None:
                self._pool.shutdown()
                self._pool = None

    def _readers(self) -> ThreadPoolExecutor:
        with self._pool_lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="flowc-store")
            return self._pool

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Turn every answer that is not one of the contract's into StoreUnavailable."""
        try:
            yield
        except (BaseError, OSError) as error:
            reason = str(error).partition("\n\nDebug source")[0]
            raise StoreUnavailable(f"{self.url}: {reason}") from error
