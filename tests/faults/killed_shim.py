"""A shim process that dies (kill -9) at its n-th write to the store, before or after it lands."""

from __future__ import annotations

import os
import signal
import sys

from flowc_shim.__main__ import main
from flowc_shim.stores.sqlite import SqliteStore

NUMBER, MOMENT = int(sys.argv[1]), sys.argv[2]
_count = 0
_create = SqliteStore.create


def create(store: SqliteStore, key: str, body: bytes) -> bool:
    global _count
    _count += 1
    if _count == NUMBER and MOMENT == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    landed = _create(store, key, body)
    if _count == NUMBER and MOMENT == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    return landed


SqliteStore.create = create
sys.exit(main(sys.argv[3:]))
