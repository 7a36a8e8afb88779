"""What is written about steps, attempts and runs, as typed rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_shim.contract.errors import ErrorInfo
    from flowc_shim.contract.json_types import Json
    from flowc_shim.contract.outcomes import Outcome

RECORD_VERSION = 1


@dataclass(frozen=True, slots=True)
class StepRecord:
    """The one result of a step. ``value`` is present for outcomes whose edge is true.

    ``blob``: id of a value that is too large for a record; :meth:`Journal.value` reads it.
    ``started``/``ended``: seconds since the epoch; for people, never for decisions.
    """

    outcome: Outcome
    value: Json = None
    error: ErrorInfo | None = None
    attempt: int = 0
    input_digest: str = ""
    unit: str = ""
    started: float = 0.0
    ended: float = 0.0
    writer: str = ""
    blob: str = ""


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt; ``error`` None if it has not ended (or ended with the step's result)."""

    number: int
    writer: str
    started: float
    error: ErrorInfo | None


@dataclass(frozen=True, slots=True)
class LoopRecord:
    """The decided items of a loop: one list, or named lists whose product they are.

    ``started``: when they were decided, in seconds since the epoch.
    """

    count: int
    items: list[Json] | None
    product: list[tuple[str, list[Json]]]
    started: float = 0.0

    def item(self, index: int) -> Json:
        """Return item ``index``; in a product the last name varies fastest."""
        if self.items is not None:
            return self.items[index]
        out: dict[str, Json] = {}
        for name, values in reversed(self.product):
            index, position = divmod(index, len(values))
            out[name] = values[position]
        return {name: out[name] for name, _ in self.product}


@dataclass(frozen=True, slots=True)
class PassState:
    """The state of a ``while`` after ``number`` passes; ``go``: its condition holds.

    ``blob``: as in :class:`StepRecord`.
    """

    number: int
    go: bool
    value: Json = None
    blob: str = ""


@dataclass(frozen=True, slots=True)
class EndRecord:
    """How a run ended."""

    outcome: Outcome
    output: Json = None
    error: Mapping[str, Any] | None = None
    ended: float = 0.0
