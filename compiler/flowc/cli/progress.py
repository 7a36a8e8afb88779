"""Progress of a local run: a line per step, on stderr, as steps end."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from flowc.cli.reporting import say
from flowc_shim.contract.scopes import in_finally

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_shim.contract.outcomes import Outcome

_WIDTH = 24
_WORDS = {"done": "done", "final": "failed"}


class Progress:
    """Told of units by several threads; prints those of the outermost scope, loops as a whole."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started: dict[str, float] = {}
        self._items: dict[str, set[tuple[int, ...]]] = {}

    def __call__(self, unit: Any, indices: tuple[int, ...], what: str) -> None:
        """Note that ``unit`` started, or print what became of it."""
        with self._lock:
            if indices:
                self._items.setdefault(_outermost(unit.scope), set()).add(indices[:1])
            elif what == "started":
                self._started.setdefault(unit.steps[0], time.monotonic())
            elif unit.kind != "open" and what != "not_started":  # that is for the end to say
                self._ended(unit, _WORDS.get(what, what))

    def _ended(self, unit: Any, word: str) -> None:
        first = unit.steps[0]
        seconds = time.monotonic() - self._started.get(first, time.monotonic())
        if unit.kind == "close":
            count = len(self._items.get(first, ()))
            word = f"{word}, {count} item{'' if count == 1 else 's'}"
        for step in unit.steps:
            say(f"  {step:<{_WIDTH}}  {word:<16}{seconds:.1f}s")

    def rest(self, outcomes: Mapping[str, Outcome]) -> None:
        """Print the outcomes that a line so far does not say: all but plain success."""
        for step, outcome in outcomes.items():
            if outcome.value not in ("succeeded", "failed"):
                say(f"  {step:<{_WIDTH}}  {outcome.value}")


def _outermost(scope: str) -> str:
    """Return the path of the outermost loop around ``scope``: `a`, or `finally/a`."""
    return "/".join(scope.split("/")[: 2 if in_finally(scope) else 1])
