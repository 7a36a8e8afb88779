"""Rows of one run in a state store: values beside them if they are large, each decided once."""

from __future__ import annotations

import json
import threading
import uuid
from typing import TYPE_CHECKING

from flowc_shim.artifacts.reference import KEY as ARTIFACT
from flowc_shim.artifacts.uses import stores_in
from flowc_shim.runner import keys
from flowc_shim.runner.records import RECORD_VERSION
from flowc_shim.stores.api import StoreUnavailable
from flowc_shim.stores.blobs import get_blob, put_blob
from flowc_shim.stores.commit import commit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowc_shim.contract.json_types import Json
    from flowc_shim.stores.api import StateStore

BLOB_THRESHOLD = 64 * 1024
"""Bytes of JSON above which a value becomes a blob."""

VALUE_KIND = "value"


def new_writer() -> str:
    """Return an id for one process and its intents; a restarted process takes another."""
    return uuid.uuid4().hex


class Rows:
    """Reads and decides rows for one writer; safe to use from several threads."""

    def __init__(self, store: StateStore, run: str, writer: str | None = None) -> None:
        self.store = store
        self.run = run
        self.writer = writer or new_writer()
        self.prefix = keys.run_prefix(run)
        self._used: set[str] = set()
        self._lock = threading.Lock()

    def _pack(self, value: Json) -> dict[str, Json]:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        if f'"{ARTIFACT}"' in text:
            self._use_files(value)
        if len(text) > BLOB_THRESHOLD:
            return {"blob": put_blob(self.store, self.prefix, value, VALUE_KIND)}
        return {"value": value}

    def _use_files(self, value: Json) -> None:
        """Say that this run uses files which other runs stored, before a record says so."""
        for stored_by in stores_in(value) - self._used - {self.prefix}:
            self._decide(keys.run_use_key(stored_by, self.run), {"run": self.run})
            self._used.add(stored_by)

    def _unpack(self, row: dict[str, Json]) -> Json:
        if "blob" not in row:
            return row.get("value")
        try:
            return get_blob(self.store, self.prefix, row["blob"])[0]
        except KeyError as error:
            raise StoreUnavailable(f"blob {row['blob']} of run {self.run} is gone") from error

    def _read(self, key: str) -> dict[str, Json] | None:
        body = self.store.read(key)
        return None if body is None else json.loads(body)

    def _decide(self, key: str, row: dict[str, Json]) -> dict[str, Json]:
        return commit(self.store, key, {"v": RECORD_VERSION, **row}, self.writer).record

    def any_key(self, wanted: Sequence[str]) -> bool:
        """Whether any of these keys exists."""
        if len(wanted) == 1:
            return self.store.read(wanted[0]) is not None
        return bool(self.store.read_many(list(wanted)))

    def _last_number(self, key: Callable[[int], str], known: int, most: int) -> int:
        """Return the number of the last row there is, from ``known``, which is there (or 0).

        Rows are numbered without gaps.
        """
        while True:
            numbers, step = [], 1
            while known + step <= most:
                numbers.append(known + step)
                step *= 2
            wanted = {key(n): n for n in numbers}
            found = self.store.read_many(list(wanted))
            if not found:
                return known
            known = max(wanted[key] for key in found)
