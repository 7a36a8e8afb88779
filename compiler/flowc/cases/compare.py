"""Stepflow's partial match of what a run gave against what a case expects.

Every key that is expected has to be there and match; further keys are free. Lists have the same
length. Scalars are equal. Besides:

* ids of runs, ``backtrace`` and ``stack`` differ from run to run and are not compared;
* ids of blobs are compared by form: both are 64 hexadecimal digits. flowc hashes canonical JSON, so
  that its ids are stable, but they are not those that Stepflow's own hashing gives;
* a failure whose ``code`` is a number was written for Stepflow before 0.12, whose numbers and
  messages (``500``, ``step "x" failed``) are those of its engine's internals and say nothing about
  the flow: only the outcome is compared. With a text as ``code``, code, message and data all count.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc_shim.language.paths import Path, render_path

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json

_BLOB_ID = re.compile(r"[0-9a-f]{64}\Z")
_RUN_KEYS = frozenset({"run_id", "runId"})
_DROPPED = frozenset({"backtrace", "stack"})
NO_RUN = "00000000-0000-0000-0000-000000000000"
_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Difference:
    """Where and how a result is not what was expected."""

    path: Path
    message: str

    def __str__(self) -> str:
        """Return one line."""
        return f"{render_path(self.path)}: {self.message}"


def normalised(value: Json) -> Json:
    """Return ``value`` without what differs from run to run."""
    if isinstance(value, dict):
        return {
            key: NO_RUN if key in _RUN_KEYS and isinstance(member, str) else normalised(member)
            for key, member in value.items()
            if key not in _DROPPED
        }
    if isinstance(value, list):
        return [normalised(item) for item in value]
    return value


def compare(expected: Json, actual: Json) -> list[Difference]:
    """Return what in ``actual`` is not as ``expected`` says, in the order that it says it."""
    return list(_compare(normalised(expected), normalised(actual), ()))


def _compare(expected: Json, actual: Json, path: Path) -> list[Difference]:
    if isinstance(expected, dict):
        if not isinstance(actual, dict):
            return [_differs(expected, actual, path)]
        return _objects(expected, actual, path)
    if isinstance(expected, list):
        if not isinstance(actual, list):
            return [_differs(expected, actual, path)]
        return _lists(expected, actual, path)
    if _same_scalar(expected, actual):
        return []
    return [_differs(expected, actual, path)]


def _objects(expected: dict[str, Json], actual: dict[str, Json], path: Path) -> list[Difference]:
    if _is_old_failure(expected):
        expected = {"outcome": "failed"}
    found: list[Difference] = []
    for key, member in expected.items():
        if key in actual:
            found += _compare(member, actual[key], (*path, key))
        elif member is not None:  # an absent key and null are the same to Stepflow
            found.append(Difference((*path, key), f"expected {_shown(member)}, and it is missing"))
    return found


def _lists(expected: list[Json], actual: list[Json], path: Path) -> list[Difference]:
    if len(expected) != len(actual):
        message = f"expected {len(expected)} items, got {len(actual)}"
        return [Difference(path, message)]
    found: list[Difference] = []
    for index, (one, other) in enumerate(zip(expected, actual, strict=True)):
        found += _compare(one, other, (*path, index))
    return found


def _is_old_failure(expected: dict[str, Json]) -> bool:
    """Whether this is a failure, of the run or of an item of `map`, as before Stepflow 0.12."""
    error = expected.get("error")
    if expected.get("outcome") != "failed" or not isinstance(error, dict):
        return False
    return isinstance(error.get("code"), int)


def _same_scalar(expected: Json, actual: Json) -> bool:
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, str) and isinstance(actual, str):
        by_form = _BLOB_ID.match(expected) is not None and _BLOB_ID.match(actual) is not None
        return by_form or expected == actual
    return bool(expected == actual)


def _differs(expected: Json, actual: Json, path: Path) -> Difference:
    return Difference(path, f"expected {_shown(expected)}, got {_shown(actual)}")


def _shown(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
