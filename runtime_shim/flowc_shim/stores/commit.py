"""Deciding something exactly once, on stores whose answers may be lost or wrong.

``create`` may say "exists" although nothing landed (S3's 409), or fail although it did land. So
whenever it does not say "written", the key is read: what is there is decided, nothing there means
trying again. Who wrote it is told by the writer's id in the record.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc_shim.stores.api import StateStore, StoreUnavailable
from flowc_shim.stores.bodies import decode_object, encode

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json

TRIES = 12
"""Attempts before a store counts as unavailable: about half a minute of waiting."""

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 5.0


@dataclass(frozen=True, slots=True)
class Committed:
    """What is decided: the record as the store holds it, and whether this writer wrote it."""

    record: dict[str, Json]
    mine: bool


def commit(
    store: StateStore, key: str, record: dict[str, Json], writer: str, *, tries: int = TRIES
) -> Committed:
    """Decide ``key``: write ``record`` with ``"writer": writer``, or adopt what is there.

    A writer id stands for one process and its one intent for ``key``; a process that starts again
    takes a new one. Raises StoreUnavailable after ``tries`` attempts: the record may land still.
    Raises CorruptBody if what is there is not a record.
    """
    landed = land(store, key, encode({**record, "writer": writer}), tries=tries)
    decided = decode_object(landed, key)
    return Committed(decided, decided.get("writer") == writer)


def land(store: StateStore, key: str, body: bytes, *, tries: int = TRIES) -> bytes:
    """See to it that ``key`` exists, with ``body`` if it did not, and return the body it has.

    Returns ``body`` itself, the same object, if the store says that it was written now.
    Raises StoreUnavailable after ``tries`` attempts.
    """
    failure: StoreUnavailable | None = None
    for attempt in range(tries):
        if attempt:
            time.sleep(_pause(attempt))
        try:
            if store.create(key, body):
                return body
        except StoreUnavailable as error:
            failure = error
        try:
            found = store.read(key)
        except StoreUnavailable as error:
            failure = error
            continue
        if found is not None:
            return found
    reason = failure or "the store says that it exists, but it is not there"
    raise StoreUnavailable(f"{key}: not written after {tries} attempts: {reason}") from failure


def _pause(attempt: int) -> float:
    """Return the seconds to wait before the second (1), third (2) … attempt, with jitter."""
    pause: float = min(_FIRST_PAUSE * 2 ** (attempt - 1), _LONGEST_PAUSE)
    return pause * random.uniform(0.5, 1.0)  # noqa: S311 (spreads load, guards nothing)
