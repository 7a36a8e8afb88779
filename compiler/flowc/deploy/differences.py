"""Which fields of two JSON documents differ, by paths that people can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.deploy.model import ABSENT, FieldChange

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc.deploy.model import Absent
    from flowc_shim.contract.json_types import Json

_KEYS = ("name", "id", "key", "Sid")
"""What tells the entries of a list apart, if all of them have it, each its own."""


def differences(
    before: Mapping[str, Json], after: Mapping[str, Json], edited: Mapping[str, str] | None = None
) -> tuple[FieldChange, ...]:
    """Return the fields that differ, in the order of ``after``, those that went behind them.

    ``edited`` is :attr:`flowc.deploy.model.Observed.edited`.

    >>> [str(one.path) for one in differences({"a": [{"name": "x", "n": 1}]},
    ...                                       {"a": [{"name": "x", "n": 2}]})]
    ['a[x].n']
    """
    by_hand = edited or {}
    return tuple(
        FieldChange(path, old, new, _editor(path, by_hand))
        for path, old, new in _walk("", before, after)
    )


def _walk(
    path: str, before: Json | Absent, after: Json | Absent
) -> Iterator[tuple[str, Json | Absent, Json | Absent]]:
    if _same(before, after):
        return
    pairs = _members(path, before, after)
    if pairs is None:
        yield path, before, after
        return
    for inner, old, new in pairs:
        yield from _walk(inner, old, new)


def _same(before: Json | Absent, after: Json | Absent) -> bool:
    """Whether two values are the same JSON: ``true`` is not 1, and 1.0 is."""
    if isinstance(before, bool) or isinstance(after, bool):
        return before is after
    if isinstance(before, dict) and isinstance(after, dict):
        return before.keys() == after.keys() and all(_same(before[k], after[k]) for k in before)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_same, before, after))
    return bool(before == after)


def _members(
    path: str, before: Json | Absent, after: Json | Absent
) -> list[tuple[str, Json | Absent, Json | Absent]] | None:
    """Return what is inside two values of one kind, side by side; None if they have no inside."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            (_dotted(path, key), before.get(key, ABSENT), after.get(key, ABSENT))
            for key in [*after, *(key for key in before if key not in after)]
        ]
    if isinstance(before, list) and isinstance(after, list):
        old, new = _named(before), _named(after)
        if old is None or new is None:
            old, new = _numbered(before), _numbered(after)
        inside: list[tuple[str, Json | Absent, Json | Absent]] = [
            (f"{path}[{key}]", old.get(key, ABSENT), new.get(key, ABSENT))
            for key in [*new, *(key for key in old if key not in new)]
        ]
        kept_old, kept_new = [k for k in old if k in new], [k for k in new if k in old]
        if kept_old != kept_new:
            inside.append((f"{path}[order]", ", ".join(kept_old), ", ".join(kept_new)))
        return inside
    return None


def _dotted(path: str, key: str) -> str:
    if "." in key or "/" in key:
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def _named(entries: list[Json]) -> dict[str, Json] | None:
    for key in _KEYS:
        if entries and all(
            isinstance(one, dict) and isinstance(one.get(key), str) for one in entries
        ):
            found = {one[key]: one for one in entries}
            if len(found) == len(entries):
                return found
    return None if entries else {}


def _numbered(entries: list[Json]) -> dict[str, Json]:
    return {str(index): entry for index, entry in enumerate(entries)}


def _editor(path: str, edited: Mapping[str, str]) -> str:
    """Return who edited the field at ``path``, or something around or inside it."""
    for place, who in edited.items():
        if _within(path, place) or _within(place, path):
            return who
    return ""


def _within(inner: str, outer: str) -> bool:
    return inner == outer or (inner.startswith(outer) and inner[len(outer)] in ".[")
