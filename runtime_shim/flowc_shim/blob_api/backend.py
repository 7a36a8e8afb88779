"""What a blob service stores into."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from flowc_shim.language.canonical import digest

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json


class BlobBackend(Protocol):
    """Content-addressed values; used from several threads at once."""

    def put(self, data: Json, kind: str) -> str:
        """Store ``data`` (``kind``: data, flow or binary); return the SHA-256 of its JSON."""

    def get(self, blob_id: str) -> tuple[Json, str]:
        """Return data and kind; raises KeyError."""


class MemoryBlobs:
    """A backend that forgets everything when the process ends."""

    def __init__(self) -> None:
        self._blobs: dict[str, tuple[Json, str]] = {}
        self._lock = threading.Lock()

    def put(self, data: Json, kind: str) -> str:
        """Store ``data``; the first kind that a value was stored under stays."""
        blob_id = digest(data)
        with self._lock:
            self._blobs.setdefault(blob_id, (data, kind))
        return blob_id

    def get(self, blob_id: str) -> tuple[Json, str]:
        """Return data and kind; raises KeyError."""
        with self._lock:
            return self._blobs[blob_id]
