"""The contract of a state store: five operations on keys, and what each may get wrong.

A key is ``/``-separated text whose parts were percent-encoded by the caller. A body is bytes.
Everything a run records is written by :meth:`StateStore.create`; the promise "a step's result is
decided exactly once" is built on top of it in :mod:`flowc_shim.stores.commit`, because a create
that *says* it failed may have landed, and one that says the key exists may be lying
(object stores answer 409 although nothing landed; a repeated PUT meets its own object).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class StoreUnavailable(Exception):
    """The store did not answer, or not usefully; nothing is known about what landed."""


@dataclass(frozen=True, slots=True)
class Versioned:
    """A body with the version token that :meth:`StateStore.replace` compares."""

    body: bytes
    version: str


class StateStore(Protocol):
    """Keys to bytes, with put-if-absent and compare-and-set; safe to use from several threads."""

    url: str

    def create(self, key: str, body: bytes) -> bool:
        """Write ``body`` if ``key`` is absent; False means that something may be there already.

        Raises StoreUnavailable when nothing is known.
        """

    def read(self, key: str) -> bytes | None:
        """Return the body at ``key``, or None; raises StoreUnavailable."""

    def read_versioned(self, key: str) -> Versioned | None:
        """Return body and version at ``key``, or None; raises StoreUnavailable."""

    def read_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the bodies of those ``keys`` that exist, read at least 32 at a time."""

    def replace(self, key: str, body: bytes, version: str) -> bool:
        """Write ``body`` if ``key`` still has ``version``; raises StoreUnavailable."""

    def list(self, prefix: str) -> Iterable[str]:
        """Return the keys below ``prefix`` in order; nothing but people's views depends on it."""

    def delete_run(self, run_prefix: str) -> int:
        """Delete every key below ``run_prefix`` (retention); returns how many."""

    def delete(self, key: str) -> None:
        """Delete one key if it is there (helpers only: plans that nobody needs)."""

    def close(self) -> None:
        """Give back connections and threads."""
