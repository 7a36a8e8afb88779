"""``flowc-shim blob-api``: the blob service over the deployment's state store."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

from flowc_shim.blob_api.address import TOKEN
from flowc_shim.stores.blobs import get_blob, put_blob

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json
    from flowc_shim.stores.api import StateStore

SHARED_PREFIX = "shared"
"""Blobs of component servers: the service does not know from which run a request comes."""


class StoreBlobs:
    """Implements :class:`flowc_shim.blob_api.backend.BlobBackend` over a state store."""

    def __init__(self, store: StateStore, prefix: str = SHARED_PREFIX) -> None:
        self._store = store
        self._prefix = prefix

    def put(self, data: Json, kind: str) -> str:
        """Store ``data`` and return its id."""
        return put_blob(self._store, self._prefix, data, kind)

    def get(self, blob_id: str) -> tuple[Json, str]:
        """Return data and kind; raises KeyError."""
        return get_blob(self._store, self._prefix, blob_id)


def serve_forever(host: str, port: int) -> int:
    """Serve until the process is told to stop; returns the exit code."""
    from flowc_shim.blob_api.server import serve
    from flowc_shim.runner.session import open_store_of

    store = open_store_of(os.environ)
    server = serve(StoreBlobs(store), host, port, os.environ.get(TOKEN))
    # As the first process of a container it would not even notice that it is told to stop.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.stop).start())
    print(f'{{"url": "{server.url}"}}', flush=True)  # noqa: T201 (whoever started it reads this)
    try:
        server.wait()
    except KeyboardInterrupt:
        server.stop()
    finally:
        store.close()
    return 0
