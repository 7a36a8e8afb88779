"""Rows that say that nothing new may start: a scope fails, or a loop beyond its tolerance."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from flowc_shim.runner import keys
from flowc_shim.runner.rows import Rows

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json
    from flowc_shim.runner.keys import Indices
    from flowc_shim.stores.api import StateStore


class FailingRows(Rows):
    """Failed items are numbered without gaps, so that whoever counts reads few of them."""

    def __init__(self, store: StateStore, run: str, writer: str | None = None) -> None:
        super().__init__(store, run, writer)
        self._counted: set[tuple[str, Indices, int]] = set()

    def set_failing(self, scope: str, indices: Indices, reason: dict[str, Json]) -> bool:
        """Say that nothing new may start in this scope; whether it was this writer who did."""
        row = self._decide(keys.failing_key(self.run, scope, indices), {"reason": reason})
        return bool(row["writer"] == self.writer)

    def count_failed_item(
        self, loop: str, indices: Indices, index: int, most: int, *, maybe_counted: bool
    ) -> int:
        """Write down that item ``index`` failed, once; returns how many items have, up to ``most``.

        Rows are numbered without gaps, so the last one is found without reading them all.
        ``maybe_counted``: another process may have written it, and was killed then.
        """
        with self._lock:
            if (loop, indices, index) in self._counted:
                return 0
            self._counted.add((loop, indices, index))
        if maybe_counted:
            rows = [keys.failed_item_key(self.run, loop, indices, n) for n in range(1, most + 1)]
            found = self.store.read_many(rows).values()
            if index in [json.loads(body)["item"] for body in found]:
                return len(found)
        number = 0
        while number < most:
            wanted = partial(keys.failed_item_key, self.run, loop, indices)
            number = self._last_number(wanted, number, most) + 1
            if number > most:
                return most
            row = self._decide(
                keys.failed_item_key(self.run, loop, indices, number), {"item": index}
            )
            if row["writer"] == self.writer and row["item"] == index:
                return number
        return most

    def set_loop_failing(self, loop: str, indices: Indices) -> None:
        """Say that a loop has more failed items than it tolerates."""
        self._decide(keys.loop_failing_key(self.run, loop, indices), {})

    def failing_reason(self, scope: str, indices: Indices) -> dict[str, Json] | None:
        """Return why the scope is failing, None if it is not."""
        row = self._read(keys.failing_key(self.run, scope, indices))
        return None if row is None else row["reason"]
