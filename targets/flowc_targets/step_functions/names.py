"""Names of states: at most 80 characters, unique in the whole machine, readable in the console.

A state that runs a unit is named like the unit (the path of its step); helpers around it say what
they do in parentheses. Nothing is numbered, so that an edit of one step leaves the others alone.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LIMIT = 80
"""Characters of a state name (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html)."""

_HASH = 8


class Names:
    """Hands out names; those of units are reserved first, so that helpers never take one."""

    def __init__(self, units: Iterable[str]) -> None:
        self._taken: set[str] = set()
        self._known: dict[str, str] = {}
        for unit in units:
            self._known[unit] = self._free(unit, unit)

    def unit(self, unit: str) -> str:
        """Return the name of the state that runs ``unit``."""
        return self._known[unit]

    def helper(self, of: str, what: str) -> str:
        """Return the name of the helper ``what`` of a unit or loop, the same one every time."""
        return self.named(f"{of} ({what})", f"{of}\n{what}")

    def named(self, text: str, key: str) -> str:
        """Return a name like ``text`` for ``key``, which is no unit, the same one every time."""
        key = f"\n{key}"  # no id of a unit has a line break
        if key not in self._known:
            self._known[key] = self._free(text, key)
        return self._known[key]

    def _free(self, text: str, key: str) -> str:
        name = text
        if len(name) > LIMIT or name in self._taken:
            digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
            length = _HASH
            while len(name) > LIMIT or name in self._taken:
                name = f"{text[: LIMIT - length - 1]}~{digest[:length]}"
                length += 1
        self._taken.add(name)
        return name
