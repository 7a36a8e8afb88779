"""Whether a store keeps its promises, asked of the store itself before anything relies on it.

Some S3-compatible stores accept ``If-None-Match`` and ``If-Match`` and ignore them: two shims
would each believe that theirs is the result.
"""

from __future__ import annotations

import contextlib
import uuid

from flowc_shim.stores.api import StateStore, StoreUnavailable
from flowc_shim.stores.commit import land

PROBE_TRIES = 4


def probe(store: StateStore) -> list[str]:
    """Return what is wrong with ``store``: nothing, or sentences for people.

    Writes under a fresh ``probe/…`` prefix, and deletes it if the credentials allow that.
    """
    folder = f"probe/{uuid.uuid4().hex}"
    try:
        return [
            *_two_creates(store, f"{folder}/create"),
            *_two_replacements(store, f"{folder}/replace"),
        ]
    except (StoreUnavailable, NotImplementedError) as error:
        return [f"the store cannot be used: {error}"]
    finally:
        # Shims may write without being allowed to delete.
        with contextlib.suppress(StoreUnavailable):
            store.delete_run(folder)


def _two_creates(store: StateStore, key: str) -> list[str]:
    land(store, key, b"first", tries=PROBE_TRIES)
    if store.create(key, b"second"):
        return ["put-if-absent is ignored: a key was created twice (If-None-Match)"]
    if store.read(key) != b"first":
        return ["put-if-absent is ignored: a refused write changed the key (If-None-Match)"]
    return []


def _two_replacements(store: StateStore, key: str) -> list[str]:
    land(store, key, b"first", tries=PROBE_TRIES)
    start = store.read_versioned(key)
    if start is None:
        return ["a key that was written cannot be read"]
    if not store.replace(key, b"second", start.version):
        return ["compare-and-set refuses the current version (If-Match)"]
    if store.replace(key, b"third", start.version):
        return ["compare-and-set is ignored: an old version was accepted (If-Match)"]
    if store.read(key) != b"second":
        return ["compare-and-set is ignored: a refused write changed the key (If-Match)"]
    return []
