"""Rows of the attempts of a step: each is claimed before it begins, and says how it failed."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from flowc_shim.contract.errors import ErrorInfo
from flowc_shim.runner import keys
from flowc_shim.runner.records import AttemptRow
from flowc_shim.runner.rows import Rows

if TYPE_CHECKING:
    from flowc_shim.runner.keys import Indices

ATTEMPTS_TOGETHER = 16
"""Attempts of a step that are read at a time."""


class AttemptRows(Rows):
    """Budgets of retries are counted over these, so that a killed process costs its attempt."""

    def attempts(self, indices: Indices, step: str) -> list[AttemptRow]:
        """Return the attempts that were ever begun, in order."""
        out: list[AttemptRow] = []
        if self._read(keys.attempt_key(self.run, indices, step, 1)) is None:
            return out
        while len(out) % ATTEMPTS_TOGETHER == 0:  # numbers have no gaps
            more = self._attempts_from(indices, step, len(out) + 1)
            if not more:
                break
            out += more
        return out

    def _attempts_from(self, indices: Indices, step: str, first: int) -> list[AttemptRow]:
        numbers = range(first, first + ATTEMPTS_TOGETHER)
        begun = {keys.attempt_key(self.run, indices, step, n): n for n in numbers}
        ended = {keys.attempt_end_key(self.run, indices, step, n): n for n in numbers}
        rows = self.store.read_many([*begun, *ended])
        errors = {
            n: ErrorInfo.from_json(json.loads(rows[key])["error"])
            for key, n in ended.items()
            if key in rows
        }
        out = []
        for key, n in begun.items():
            if key not in rows:
                break
            row = json.loads(rows[key])
            out.append(AttemptRow(n, row["writer"], row["started"], errors.get(n)))
        return out

    def begin_attempt(self, indices: Indices, step: str, number: int) -> int:
        """Claim attempt ``number``, or the next free one; returns the number claimed."""
        while True:
            key = keys.attempt_key(self.run, indices, step, number)
            row = self._decide(key, {"started": time.time()})
            if row["writer"] == self.writer:
                return number
            number += 1

    def end_attempt(self, indices: Indices, step: str, error: ErrorInfo) -> None:
        """Write how attempt ``error.attempt`` failed."""
        key = keys.attempt_end_key(self.run, indices, step, error.attempt)
        self._decide(key, {"error": error.to_json(), "ended": time.time()})
