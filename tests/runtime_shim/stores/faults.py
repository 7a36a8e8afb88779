"""Stores that misbehave as real ones do; each wraps a good store and passes the rest through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_shim.stores.api import StateStore, StoreUnavailable, Versioned

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Passing:
    """Passes every operation on to ``inner``."""

    def __init__(self, inner: StateStore) -> None:
        self.inner = inner
        self.url = inner.url
        self.creates = 0

    def create(self, key: str, body: bytes) -> bool:
        self.creates += 1
        return self.inner.create(key, body)

    def read(self, key: str) -> bytes | None:
        return self.inner.read(key)

    def read_versioned(self, key: str) -> Versioned | None:
        return self.inner.read_versioned(key)

    def read_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        return self.inner.read_many(keys)

    def replace(self, key: str, body: bytes, version: str) -> bool:
        return self.inner.replace(key, body, version)

    def list(self, prefix: str) -> Iterable[str]:
        return self.inner.list(prefix)

    def delete(self, key: str) -> None:
        self.inner.delete(key)

    def delete_run(self, run_prefix: str) -> int:
        return self.inner.delete_run(run_prefix)

    def close(self) -> None:
        self.inner.close()


class SpuriousConflict(Passing):
    """The first ``times`` creates say that the key exists, although nothing landed."""

    def __init__(self, inner: StateStore, times: int = 1) -> None:
        super().__init__(inner)
        self.times = times

    def create(self, key: str, body: bytes) -> bool:
        if self.creates < self.times:
            self.creates += 1
            return False
        return super().create(key, body)


class LostResponse(Passing):
    """The first ``times`` creates are carried out, but their answer is lost."""

    def __init__(self, inner: StateStore, times: int = 1) -> None:
        super().__init__(inner)
        self.times = times

    def create(self, key: str, body: bytes) -> bool:
        answer = super().create(key, body)
        if self.creates <= self.times:
            raise StoreUnavailable("the answer was lost")
        return answer


class LostRequest(Passing):
    """The first ``times`` creates never arrive."""

    def __init__(self, inner: StateStore, times: int = 1) -> None:
        super().__init__(inner)
        self.times = times

    def create(self, key: str, body: bytes) -> bool:
        if self.creates < self.times:
            self.creates += 1
            raise StoreUnavailable("the request was lost")
        return super().create(key, body)


class BlindReads(Passing):
    """Answers are lost, and the first ``times`` reads fail as well."""

    def __init__(self, inner: StateStore, times: int = 1) -> None:
        super().__init__(inner)
        self.reads_left = times

    def create(self, key: str, body: bytes) -> bool:
        super().create(key, body)
        raise StoreUnavailable("the answer was lost")

    def read(self, key: str) -> bytes | None:
        if self.reads_left:
            self.reads_left -= 1
            raise StoreUnavailable("no answer to a read")
        return super().read(key)


class IgnoredCondition(Passing):
    """Every write lands and says so, whatever its condition; ``cas_only`` spares creates."""

    def __init__(self, inner: StateStore, *, cas_only: bool = False) -> None:
        super().__init__(inner)
        self.cas_only = cas_only

    def create(self, key: str, body: bytes) -> bool:
        if super().create(key, body) or self.cas_only:
            return self.inner.read(key) == body
        return self.replace(key, body, "")

    def replace(self, key: str, body: bytes, version: str) -> bool:
        current = self.inner.read_versioned(key)
        assert current is not None
        return self.inner.replace(key, body, current.version)
