"""Lines of a source file with carets under what a diagnostic speaks of."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

Paint = Callable[[str, bool], str]
"""Colours a text; the flag says whether it belongs to the primary label."""

MAX_COLUMNS = 100
_ELLIPSIS = "..."
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
# Control characters, and those that reorder the text around them: neither may reach a terminal.
_HOSTILE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_TAB = "    "


@dataclass(frozen=True, slots=True)
class Mark:
    """A run of carets (or dashes, unless primary) and the text beside it; columns from 1."""

    line: int
    column: int
    end: int
    text: str
    primary: bool


def split_lines(text: str) -> list[str]:
    """Return the lines as the YAML reader counts them: ended by LF, CR LF or CR only."""
    return _LINE_BREAK.split(text)


def visible(text: str) -> str:
    """Return a message's text with control characters spelled out."""
    return _HOSTILE.sub(lambda m: repr(m[0])[1:-1] if m[0] != "\n" else m[0], text)


def excerpt(source: list[str], marks: list[Mark], gutter: int, paint: Paint) -> list[str]:
    """Return the lines of a file that ``marks`` stand on, ``...`` between distant ones."""
    out: list[str] = []
    previous = 0
    ordered = sorted(marks, key=lambda m: (m.line, not m.primary, m.column))
    for number, group in groupby(ordered, key=lambda m: m.line):
        if not 1 <= number <= len(source):
            continue
        if previous and number == previous + 2:
            out += _numbered(previous + 1, _clip(source[previous], 0, 0)[0], gutter, paint)
        elif previous and number > previous + 2:
            out.append(paint(_ELLIPSIS, False))
        previous = number
        out += _marked(source[number - 1], list(group), gutter, paint)
    return out


def _marked(line: str, marks: list[Mark], gutter: int, paint: Paint) -> list[str]:
    """Return the line once, then its marks; one too long for all marks comes once for each."""
    number = marks[0].line
    first, last = min(m.column for m in marks), max(m.end for m in marks)
    if len(marks) > 1 and len(line) > MAX_COLUMNS and last - first > MAX_COLUMNS // 2:
        return [row for m in marks for row in _marked(line, [m], gutter, paint)]
    shown, left = _clip(line, first - 1, last - 1)
    out = _numbered(number, shown, gutter, paint)
    bar = paint(" " * gutter + " |", False)
    for mark in marks:
        out.append(f"{bar} {paint(_carets(line, mark, left), mark.primary)}")
    return out


def _numbered(number: int, shown: str, gutter: int, paint: Paint) -> list[str]:
    return [f"{paint(f'{number:>{gutter}} |', False)} {shown}".rstrip()]


def _clip(line: str, first: int, last: int) -> tuple[str, int]:
    """Return the part of the line to show, with what has been cut off at its left."""
    if len(line) <= MAX_COLUMNS:
        return _printable(line), 0
    width = min(last - first, MAX_COLUMNS)
    left = min(first - (MAX_COLUMNS - width) // 2, len(line) - MAX_COLUMNS)
    if last <= MAX_COLUMNS - len(_ELLIPSIS):
        left = 0
    left = max(0, left)
    right = left + MAX_COLUMNS
    before = _ELLIPSIS if left else ""
    after = _ELLIPSIS if right < len(line) else ""
    return before + _printable(line[left + len(before) : right - len(after)]) + after, left


def _carets(line: str, mark: Mark, left: int) -> str:
    start = max(mark.column - 1, left)
    end = min(max(mark.end - 1, start + 1), max(len(line), start + 1), left + MAX_COLUMNS)
    cut = len(_ELLIPSIS) if left else 0
    indent = _width(line[left + cut : start]) + cut if start >= left + cut else start - left
    run = max(1, _width(line[start:end]))
    carets = ("^" if mark.primary else "-") * run
    text = visible(mark.text).replace("\n", " ")
    return f"{' ' * indent}{carets} {text}".rstrip()


def _printable(text: str) -> str:
    return _HOSTILE.sub("\ufffd", text.replace("\t", _TAB))


def _width(text: str) -> int:
    """Return how many columns of a terminal the text takes."""
    return len(text) if text.isascii() and "\t" not in text else sum(map(_character_width, text))


def _character_width(character: str) -> int:
    if character == "\t":
        return len(_TAB)
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
