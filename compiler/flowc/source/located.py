"""Data that remembers where it was written, and how a scalar's text becomes a value."""

from __future__ import annotations

import re
from typing import Any

from flowc.diagnostics import Span
from flowc.diagnostics.excerpt import split_lines

_INT = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL_HEX = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z")
_INFINITY = float("inf")

MAX_DIGITS = 4_300
"""As many as Python converts by default; more would fail wherever the number is printed."""
_TOO_LONG = f"number has more than {MAX_DIGITS:,} digits"


Place = tuple[int, int, int]
"""Line, column and length: a Span without its file, which the garbage collector need not follow."""


class Map(dict[str, Any]):
    """A mapping with the position of itself and of each key and value."""

    __slots__ = ("_at", "file", "pairs", "places", "span")
    _at: dict[str, tuple[Span, Span]]
    span: Span
    file: str
    places: dict[str, tuple[Place, Place]]
    pairs: list[tuple[Any, Any]] | None
    """All keys with their values when a key is itself a mapping or sequence (mock behaviors), else
    None. Here a scalar key is the value it stands for; in the dict it is the text as written."""

    def key(self, key: str) -> Span:
        """Return where ``key`` stands."""
        return Span(self.file, *self.places[key][0])

    def value(self, key: str) -> Span:
        """Return where the value of ``key`` begins."""
        return Span(self.file, *self.places[key][1])

    @property
    def at(self) -> dict[str, tuple[Span, Span]]:
        """Where each key and its value stand; made on first use."""
        if not hasattr(self, "_at"):
            self._at = {key: (self.key(key), self.value(key)) for key in self.places}
        return self._at


class Seq(list[Any]):
    """A sequence with the position of itself and of each item."""

    __slots__ = ("_at", "file", "places", "span")
    _at: list[Span]
    span: Span
    file: str
    places: list[Place]

    def item(self, index: int) -> Span:
        """Return where an item begins."""
        return Span(self.file, *self.places[index])

    @property
    def at(self) -> list[Span]:
        """Where each item begins; made on first use."""
        if not hasattr(self, "_at"):
            self._at = [Span(self.file, *place) for place in self.places]
        return self._at


class Document:
    """One file as read: its name as given, its text (for excerpts) and its located root."""

    __slots__ = ("file", "root", "span", "text")

    def __init__(self, file: str, text: str, root: Any, span: Span) -> None:
        self.file = file
        self.text = text
        self.root = root
        self.span = span

    def within(self, span: Span, value: str, offset: int, length: int = 1) -> Span:
        """Return where ``length`` characters of a text value stand, ``offset`` into the value.

        ``span`` is the value's own place. It comes back whole when the value is not written in the
        file as it reads, because of escapes or folding.
        """
        lines = split_lines(self.text)
        rest = lines[span.line - 1][span.column - 1 :]
        start = 1 if rest[:1] in ("'", '"') else 0
        if rest.startswith(value, start):
            return span.inside(start + offset, length)
        number = value.count("\n", 0, offset)
        line = value.split("\n")[number]
        place = span.line + number
        if not rest.startswith("|") or place >= len(lines) or not lines[place].endswith(line):
            return span
        column = len(lines[place]) - len(line) + offset - (value.rfind("\n", 0, offset) + 1)
        return Span(self.file, place + 1, column + 1, max(1, length))


def resolve_scalar(text: str) -> Any:
    """Return the value of a plain scalar by the YAML 1.2 core schema.

    Raises ValueError for a number that is not finite or has more than MAX_DIGITS digits.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "-+.0123456789":
        if _INT.match(text):
            if len(text.lstrip("+-")) > MAX_DIGITS:
                raise ValueError(_TOO_LONG)
            return int(text)
        if _OCTAL_HEX.match(text):
            if len(text) > MAX_DIGITS * 4 // 5:  # a hexadecimal digit is worth 1.2 decimal ones
                raise ValueError(_TOO_LONG)
            return int(text, 0)
        if _FLOAT.match(text):
            number = float(text)
            if number in (_INFINITY, -_INFINITY):
                raise ValueError(
                    f"number `{text}` is too large" if len(text) <= 40 else "number is too large"
                )
            return number
        if _NOT_FINITE.match(text):
            raise ValueError(f"`{text}` is not a finite number")
    return text
