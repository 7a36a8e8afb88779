"""Plain data to YAML that every reader, of YAML 1.1 or 1.2, reads back as the same data.

Never an anchor, never a folded line. Text is plain only where no reader could see anything else in
it; text of several lines is a literal block, so that golden files read well.
"""

from __future__ import annotations

import json
import re
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*\Z").match
_WORDS = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"])
_BLOCK = re.compile(
    r"[^\s\x00-\x1f\x7f-\x9f\ufeff]"
    r"(?:[^\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]*[^\x00-\x1f\x7f-\x9f\u2028"
    r"\u2029\ufeff\ufffe\uffff])?\n?\Z"
).match
# Characters that JSON allows in a string and some YAML reader does not, or changes.
_ODD = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LONGEST_SIMPLE_KEY = 1_000  # readers give up looking for the colon after 1,024 characters


def emit(data: Any) -> str:
    """Return one document.

    ``data`` is made of dict (with text keys), list, str, int, float, bool and None; TypeError for
    anything else, ValueError for NaN, infinities and lone surrogates.
    """
    return _Writer().document(data)


def emit_documents(documents: list[Any]) -> str:
    """Return several documents in one text, ``---`` between them."""
    return "---\n".join(map(emit, documents))


class _Writer:
    """The lines of one document, and the texts already quoted: names repeat a lot."""

    __slots__ = ("memo", "out")

    def __init__(self) -> None:
        self.out: list[str] = []
        self.memo: dict[str, str] = {}

    def document(self, data: Any) -> str:
        if isinstance(data, dict) and data:
            self.mapping(data, "", None)
        elif isinstance(data, list) and data:
            self.sequence(data, "")
        else:
            self.out.append(self.scalar(data, "  ") + "\n")
        return "".join(self.out)

    def mapping(self, data: dict[str, Any], indent: str, first: str | None) -> None:
        """Write entries at ``indent``; the first one after ``first``, if it is given (``- ``)."""
        for key, value in data.items():
            if type(key) is not str:
                raise TypeError(f"a key is of type {type(key).__name__}, not str")
            lead = indent if first is None else first
            first = None
            quoted = self.quoted(key)
            if len(quoted) > _LONGEST_SIMPLE_KEY:
                quoted = f"? {quoted}\n{indent}"
            if isinstance(value, dict) and value:
                self.out.append(f"{lead}{quoted}:\n")
                self.mapping(value, indent + "  ", None)
            elif isinstance(value, list) and value:
                self.out.append(f"{lead}{quoted}:\n")
                self.sequence(value, indent)
            else:
                self.out.append(f"{lead}{quoted}: {self.scalar(value, indent + '  ')}\n")

    def sequence(self, data: list[Any], indent: str) -> None:
        for item in data:
            if isinstance(item, dict) and item:
                self.mapping(item, indent + "  ", indent + "- ")
            elif isinstance(item, list) and item:
                self.out.append(f"{indent}-\n")
                self.sequence(item, indent + "  ")
            else:
                self.out.append(f"{indent}- {self.scalar(item, indent + '  ')}\n")

    def scalar(self, value: Any, indent: str) -> str:
        """Return a leaf: a scalar, or an empty mapping or list."""
        kind = type(value)
        if kind is str:
            return _block(value, indent) or self.quoted(value)
        if value is None:
            return "null"
        if kind is bool:
            return "true" if value else "false"
        if kind is int:
            return str(value)
        if kind is float:
            return _float(value)
        if isinstance(value, (dict, list)):
            return "{}" if isinstance(value, dict) else "[]"
        raise TypeError(f"a value is of type {kind.__name__}, which has no form in YAML")

    def quoted(self, text: str) -> str:
        found = self.memo.get(text)
        if found is None:
            found = self.memo[text] = _quoted(text)
        return found


def _quoted(text: str) -> str:
    if _PLAIN(text) and text.lower() not in _WORDS:
        return text
    if _SURROGATE.search(text):
        raise ValueError("half of a surrogate pair is not text")
    # ASCII escapes would write characters beyond U+FFFF as pairs, which YAML does not know.
    return _ODD.sub(lambda m: f"\\u{ord(m[0]):04x}", json.dumps(text, ensure_ascii=False))


def _block(text: str, indent: str) -> str | None:
    """Return text of several lines as a literal block, or None if it cannot be one."""
    if "\n" not in text or not _BLOCK(text) or _SURROGATE.search(text):
        return None
    header, body = ("|", text[:-1]) if text.endswith("\n") else ("|-", text)
    if "\n" not in body and header == "|":
        return None  # one line reads better in quotes
    lines = (f"{indent}{line}" if line else "" for line in body.split("\n"))
    return f"{header}\n" + "\n".join(lines)


def _float(value: float) -> str:
    if value - value != 0:
        raise ValueError(f"{value} has no form that every reader knows")
    text = repr(value)
    if "e" in text and "." not in text:
        # Without a dot, YAML 1.1 takes it for text.
        return text.replace("e", ".0e")
    return text
