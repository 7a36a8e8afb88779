"""Where the characters of a text stand in its file.

A text is *in place* if the file holds it as it is, on one line: written plain, or in quotes without
escapes. Only then do offsets in the text map to columns; block scalars and folded texts have only
the place where they begin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import Span

if TYPE_CHECKING:
    from collections.abc import Sequence


def content_span(lines: Sequence[str], span: Span, text: str) -> Span:
    """Return the span of the characters of ``text``, whose scalar begins at ``span``.

    Its length is ``len(text)`` if the text is in place; otherwise ``span`` comes back.
    """
    line = lines[span.line - 1] if span.line <= len(lines) else ""
    start = span.column - 1
    quote = line[start : start + 1]
    if quote in ("'", '"'):
        end = start + 1 + len(text)
        if line.startswith(text, start + 1) and line[end : end + 1] == quote:
            return Span(span.file, span.line, span.column + 1, max(1, len(text)))
        return span
    if line.startswith(text, start):
        return Span(span.file, span.line, span.column, max(1, len(text)))
    return span


def part_span(span: Span, text: str, offset: int, length: int = 1) -> Span:
    """Return where a part of ``text`` stands; ``span`` is what :func:`content_span` gave.

    For a text that is not in place that is ``span`` itself.
    """
    return span.inside(offset, length) if span.length == len(text) else span
