"""What happens to a text before the YAML parser sees it; every column stays what it was.

PyYAML implements YAML 1.1, and JSON is not a subset of that. The differences that matter are
evened out here by replacing characters with as many others, some of them placeholders that
``Prepared.restore`` turns back in the scalars that were read.
"""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass

from flowc.diagnostics.excerpt import split_lines

__all__ = ["Prepared", "find_refused", "prepare", "split_lines", "without_mark"]

# Line breaks for YAML 1.1, ordinary characters for YAML 1.2, JSON and text editors.
_ODD_BREAKS = "\x85\u2028\u2029"
_ODD_BREAK = re.compile(f"[{_ODD_BREAKS}]")
_REFUSED = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_TAB_OUTSIDE = re.compile(r'"(?:[^"\\]|\\.)*"|\t', re.S)
_ESCAPE = re.compile(r"\\(?:u([dD][89abAB]..)\\u([dD][c-fC-F]..)|.)", re.S)


@dataclass(frozen=True, slots=True)
class Prepared:
    """The text for the parser, and the table for ``str.translate`` on what it reads."""

    text: str
    table: dict[int, str]
    may_hold_surrogates: bool

    def restore(self, value: str) -> str:
        """Return a scalar's value with the placeholders turned back."""
        return value.translate(self.table) if self.table else value


def without_mark(text: str) -> str:
    """Return the text without a byte order mark at its beginning."""
    return text.removeprefix("\ufeff")


def find_refused(text: str) -> int | None:
    """Return the index of the first character that YAML does not allow, or None."""
    match = _REFUSED.search(text)
    return match.start() if match else None


def prepare(text: str, file: str) -> Prepared:
    """Return what the parser is to read; ``text`` has no refused characters."""
    surrogates = _SURROGATE_ESCAPE.search(text) is not None
    odd = _ODD_BREAK.search(text) is not None
    if not (odd or surrogates or "\t" in text):
        return Prepared(text, {}, False)
    table: dict[int, str] = {}
    if odd:
        placeholders = _unused(text, len(_ODD_BREAKS))
        text = text.translate(dict(zip(map(ord, _ODD_BREAKS), placeholders, strict=True)))
        table = dict(zip(map(ord, placeholders), _ODD_BREAKS, strict=True))
    if _is_json(text, file):
        text = _TAB_OUTSIDE.sub(lambda m: " " if m[0] == "\t" else m[0], text)
        if surrogates:
            filler = _unused(text, 1)[0]
            table[ord(filler)] = ""
            text = _ESCAPE.sub(lambda m: _one_escape(m, filler), text)
    return Prepared(text, table, surrogates)


def _one_escape(match: re.Match[str], filler: str) -> str:
    """Write a pair of surrogate escapes, which YAML does not know, as one long escape."""
    if match[1] is None:
        return match[0]
    character = 0x10000 + (int(match[1], 16) - 0xD800) * 0x400 + int(match[2], 16) - 0xDC00
    return f"\\U{character:08x}{filler * 2}"


def _is_json(text: str, file: str) -> bool:
    """Whether the text is real JSON: only then are tabs and escapes sure to mean what they do."""
    if not (file.endswith(".json") or text.lstrip().startswith("{")):
        return False
    try:
        json.loads(text, parse_int=str)
    except (ValueError, RecursionError):
        return False
    return True


def _unused(text: str, count: int) -> list[str]:
    """Return private-use characters that do not occur in the text."""
    private = map(chr, itertools.chain(range(0xE000, 0xF900), range(0xF0000, 0xFFFFE)))
    return list(itertools.islice((c for c in private if c not in text), count))
