"""Paths into values: Stepflow's JSON path subset.

A text without a leading ``$`` is *one bare field name* (``a.b`` is the field called ``a.b``).
With ``$``: ``.name``, ``[0]``, ``["name"]``, ``['name']``; a name after a dot goes on to the next
dot or bracket, whatever letters it has, quotes and ``*`` apart. No wildcards, slices, negative
indexes or escapes. The empty text and ``$`` are the whole value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json

Path: TypeAlias = tuple[str | int, ...]

_PART = re.compile(r"""\.([^.\[\]"'*]+)|\[([0-9]+)\]|\["([^"]*)"\]|\['([^']*)'\]""")


class PathSyntaxError(ValueError):
    """A path text that is not of the language; ``offset`` is where reading stopped."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class PathNotFound(LookupError):
    """A path that leads nowhere in the value it was applied to."""

    def __init__(self, path: Path, part: str | int) -> None:
        super().__init__(f"path {render_path(path)} not found: no {part!r}")
        self.path = path


def parse_path(text: str) -> Path:
    """Return the parts of ``text``; raises PathSyntaxError."""
    if text in ("", "$"):
        return ()
    if not text.startswith("$"):
        return (text,)
    parts: list[str | int] = []
    offset = 1
    while offset < len(text):
        match = _PART.match(text, offset)
        if match is None:
            raise PathSyntaxError(f"invalid character in path `{text}`", offset)
        name, index, double, single = match.groups()
        if index is not None:
            parts.append(int(index))
        else:
            parts.append(next(part for part in (name, double, single) if part is not None))
        offset = match.end()
    return tuple(parts)


def render_path(path: Path) -> str:
    """Return ``path`` as text that :func:`parse_path` reads back."""
    out = "$"
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
        elif re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", part):
            out += f".{part}"
        else:
            out += f'["{part}"]' if '"' not in part else f"['{part}']"
    return out


def follow(value: Json, path: Path) -> Json:
    """Return what ``path`` leads to in ``value``; raises PathNotFound."""
    for part in path:
        try:
            value = _inside(value, part)
        except (LookupError, TypeError):
            raise PathNotFound(path, part) from None
    return value


def _inside(value: Json, part: str | int) -> Json:
    """Return the field or item ``part``; raises TypeError where the two do not go together."""
    if isinstance(value, dict) and isinstance(part, str):
        return value[part]
    if not isinstance(value, list) or not isinstance(part, int):
        raise TypeError(part)
    return value[part]
