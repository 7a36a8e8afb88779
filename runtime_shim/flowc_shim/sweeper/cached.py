"""Forgetting cached results that nobody takes any more.

A step says for how long its result may be used; an entry does not, but its key has the number of
its window, and a window is as long as that: ``created / window`` is at least the time to live.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

from flowc_shim.runner.cache import TAKING_SECONDS
from flowc_shim.runner.keys import CACHE, cache_prefix

if TYPE_CHECKING:
    from flowc_shim.stores.api import StateStore

AT_ONCE = 500
"""Results that one sweep looks into; which ones is drawn, so that all get their turn."""


def forget_cached(store: StateStore, now: float) -> int:
    """Delete entries whose time is over, with what belongs to them; returns how many.

    Somebody may publish the same result again meanwhile: at worst it is not found, and made anew.
    """
    entries = _entries(store)
    chosen = random.sample(sorted(entries), min(AT_ONCE, len(entries)))
    return sum(_forget(store, digest, entries[digest], now) for digest in chosen)


def _entries(store: StateStore) -> dict[str, dict[int, str]]:
    """Return digest → window → key."""
    found: dict[str, dict[int, str]] = {}
    for key in store.list(CACHE):
        _, digest, *rest = key.split("/")
        if len(rest) == 1 and rest[0].isdigit():
            found.setdefault(digest, {})[int(rest[0])] = key
    return found


def _forget(store: StateStore, digest: str, windows: dict[int, str], now: float) -> int:
    bodies = store.read_many(list(windows.values()))
    old = [
        window
        for window, key in windows.items()
        if key in bodies and now > _taken_until(bodies[key], window)
    ]
    if len(old) == len(windows):
        store.delete_run(cache_prefix(digest))
    else:
        for window in old:
            store.delete(windows[window])
    return len(old)


def _taken_until(body: bytes, window: int) -> float:
    """Return until when an entry may be taken; one that cannot be read never is."""
    try:
        created = float(json.loads(body)["created"])
    except (ValueError, KeyError, TypeError):
        return 0.0
    return created + created / window + TAKING_SECONDS if window else float("inf")
