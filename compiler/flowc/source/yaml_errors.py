"""Syntax errors in our own words: libyaml and the pure parser name the same mistake differently."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from flowc.diagnostics import Diagnostics, Span
from flowc.diagnostics.codes import YAML_SYNTAX


@dataclass(frozen=True, slots=True)
class _Mistake:
    """How to speak of the errors whose "context | problem" matches ``pattern``."""

    pattern: str
    message: str
    hint: str | None = None
    label: str = ""
    begins: str = ""
    """Label at the place where the surrounding construct begins; "" shows no such place."""
    at_beginning: bool = False
    """Whether that place is the better one to point at, because the error shows up far away."""


_QUOTE = "put the text in quotes"
_MISTAKES = (
    _Mistake(
        r"quoted scalar \| found (unexpected end|unexpected document)",
        "quoted text is never closed",
        "add the closing quote",
        "opened here",
        at_beginning=True,
    ),
    _Mistake(
        r"mapping values are not allowed",
        "`:` is not allowed here",
        "put quotes around text that contains `: `, or indent the key like its neighbours",
    ),
    _Mistake(
        r"flow sequence",
        "expected `,` or `]`",
        "close the list with `]`, or separate its items with `,`",
        begins="the list begins here",
    ),
    _Mistake(
        r"flow mapping",
        "expected `,` or `}`",
        "close the mapping with `}`, or separate its entries with `,`",
        begins="the mapping begins here",
    ),
    _Mistake(
        r"unknown escape",
        "unknown escape in double quotes",
        r"write `\\` for a backslash, or use single quotes",
    ),
    _Mistake(
        r"hexdecimal|hexadecimal|escape (code|sequence)",
        "invalid character escape",
        r"write `\\` for a backslash, or use single quotes",
    ),
    _Mistake(
        r"simple key",
        "expected `:` after this key",
        "write `key: value`, or indent the line as part of the value above",
        at_beginning=True,
    ),
    _Mistake(
        r"block (collection|sequence)",
        "expected `- ` or the end of the list",
        "indent all items of a list alike",
        begins="the list begins here",
    ),
    _Mistake(
        r"block mapping",
        "expected a key",
        "indent all keys of a mapping alike; put text that contains quotes in quotes",
        begins="the mapping begins here",
    ),
    _Mistake(r"block scalar", "invalid text block", "indent it with spaces, deeper than its key"),
    _Mistake(r"node content", "expected a value"),
    _Mistake(r"an (alias|anchor)", "invalid name after `&` or `*`", _QUOTE),
    _Mistake(r"tag", "invalid tag", _QUOTE),
    _Mistake(r"directive|YAML document|%YAML", "invalid `%` directive", "remove the line"),
    _Mistake(r"document start", "unexpected text after the end of the document"),
)


def report_syntax(
    error: Any, text: str, lines: list[str], file: str, diagnostics: Diagnostics
) -> None:
    """Report a parser's error at the place a reader would look for it."""
    problem = error.problem_mark or error.context_mark
    place = _span(problem, lines, file)
    words = f"{error.context or ''} | {error.problem or ''}"
    if "cannot start any token" in words:
        _report_character(text[problem.index : problem.index + 1], place, diagnostics)
        return
    mistake = next((m for m in _MISTAKES if re.search(m.pattern, words)), None)
    if mistake is None:
        diagnostics.report(YAML_SYNTAX, "not valid YAML from here on", place)
        return
    beginning = _span(error.context_mark, lines, file) if error.context_mark else None
    diagnostics.report(
        YAML_SYNTAX,
        mistake.message,
        beginning if mistake.at_beginning and beginning else place,
        label=mistake.label,
        hint=mistake.hint,
        secondary=[(beginning, mistake.begins)] if mistake.begins and beginning != place else [],
    )


def _report_character(character: str, place: Span, diagnostics: Diagnostics) -> None:
    if character == "\t":
        message, hint = "tab used as indentation", "indent with spaces"
    else:
        shown = "a backtick" if character == "`" else f"`{character}`"
        message, hint = f"text cannot begin with {shown}", _QUOTE
    diagnostics.report(YAML_SYNTAX, message, place, hint=hint)


def _span(mark: Any, lines: list[str], file: str) -> Span:
    """Return the mark's place; one behind the last line of the file moves to that line's end."""
    line, column = mark.line, mark.column
    last = len(lines) - 1
    while last > 0 and not lines[last].strip():
        last -= 1
    if line > last:
        line, column = last, len(lines[last].rstrip())
    return Span(file, line + 1, column + 1)
