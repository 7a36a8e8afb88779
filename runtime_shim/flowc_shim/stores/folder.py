"""A store in a local folder: one file per key, shared by the processes of one machine.

``create`` is a hard link of a finished file, so it is atomic. ``obstore`` has no conditional
update for folders; :meth:`FolderStore.replace` compares under a lock file that excludes other
threads and processes, and does so on NFS only where the server keeps locks.
"""

from __future__ import annotations

import hashlib
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore

from flowc_shim.stores.api import StoreUnavailable, Versioned
from flowc_shim.stores.keys import below_run, check_key
from flowc_shim.stores.objects import ObjectsStore

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCK = ".replace.lock#0"  # names that end in #digits are obstore's scratch files: never listed


class FolderStore(ObjectsStore):
    """Files below one folder, which is made if it is not there.

    A part of a key is a file name: no longer than 255 bytes, or the store is "unavailable".
    """

    def __init__(self, url: str) -> None:
        """Open the folder that ``url`` names; raises ValueError, StoreUnavailable."""
        self._root = _folder(url)
        try:
            client = LocalStore(self._root, mkdir=True)
        except (BaseError, OSError, ValueError) as error:
            raise StoreUnavailable(f"{url}: {error}") from error
        super().__init__(url, client, client)

    def read_versioned(self, key: str) -> Versioned | None:
        """Return body and version at ``key``, or None; raises StoreUnavailable."""
        found = super().read_versioned(key)
        if found is None:
            return None
        # Inode, size and time of the file may repeat within one tick of the clock.
        return Versioned(found.body, f"{found.version} {hashlib.sha256(found.body).hexdigest()}")

    def replace(self, key: str, body: bytes, version: str) -> bool:
        """Write ``body`` if ``key`` still has ``version``.

        Raises StoreUnavailable, and NotImplementedError where there are no POSIX file locks.
        """
        check_key(key)
        with self._asked(), self._alone():
            found = self.read_versioned(key)
            if found is None or found.version != version:
                return False
            obstore.put(self._writes, key, body, mode="overwrite", use_multipart=False)
            return True

    def delete_run(self, run_prefix: str) -> int:
        """Delete every key below ``run_prefix``, and what killed writers left there."""
        count = super().delete_run(run_prefix)
        shutil.rmtree(self._root / below_run(run_prefix), ignore_errors=True)
        return count

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Exclude every other :meth:`replace` in this folder; the kernel frees it on death."""
        try:
            import fcntl
        except ImportError as error:
            message = f"{self.url}: compare-and-set in a folder needs POSIX file locks"
            raise NotImplementedError(message) from error
        with (self._root / _LOCK).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _folder(url: str) -> Path:
    path = unquote(url.removeprefix("file://"))
    if not url.startswith("file:///") or ".." in Path(path).parts:
        raise ValueError(f"{url}: a folder is written file:///absolute/path")
    return Path(path)
