"""Diagnostics as text: for people, for machines (JSON lines) and for GitHub's annotations.

All forms are made from the JSON form, so none can know more than machines do.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flowc.diagnostics.excerpt import Mark, excerpt, split_lines, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowc.diagnostics.model import Diagnostic, Label

Json = dict[str, Any]

_SEVERITIES = ("error", "warning", "note")
_COLOURS = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "note": "\x1b[1;36m"}
_BOLD = "\x1b[1m"
_BLUE = "\x1b[1;34m"
_RESET = "\x1b[0m"


def to_json_object(diagnostic: Diagnostic) -> Json:
    """Return a diagnostic as JSON data; without a place, ``file`` to ``endColumn`` are null."""
    found: Json = {
        "code": diagnostic.code.number,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
    }
    found |= _place(diagnostic.primary) if diagnostic.primary else dict.fromkeys(_PLACE)
    found["hint"] = diagnostic.hint
    found["notes"] = list(diagnostic.notes)
    found["secondary"] = [_place(label) for label in diagnostic.secondary]
    return found


_PLACE = ("file", "line", "column", "endColumn", "label")


def _place(label: Label) -> Json:
    span = label.span
    end = span.column + span.length
    return dict(zip(_PLACE, (span.file, span.line, span.column, end, label.text), strict=True))


def render_json_lines(diagnostics: Iterable[Diagnostic]) -> str:
    """Return one JSON object per line."""
    return "".join(json.dumps(to_json_object(d), ensure_ascii=False) + "\n" for d in diagnostics)


def render_github(diagnostics: Iterable[Diagnostic]) -> str:
    """Return one workflow command of GitHub Actions per line."""
    return "".join(_github(to_json_object(d)) + "\n" for d in diagnostics)


def _github(found: Json) -> str:
    properties: Json = {}
    if found["file"] is not None:
        properties = {
            "file": found["file"],
            "line": found["line"],
            "col": found["column"],
            "endColumn": found["endColumn"],
        }
    properties["title"] = f"{found['code']} {found['message']}"
    command = {"error": "error", "warning": "warning", "note": "notice"}[found["severity"]]
    text = found["label"] or found["message"]
    text = "\n".join(
        [text, *found["notes"], *([f"help: {found['hint']}"] if found["hint"] else [])]
    )
    listed = ",".join(f"{k}={_escape_property(str(v))}" for k, v in properties.items())
    return f"::{command} {listed}::{_escape(text)}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")


def render_human(
    diagnostics: Iterable[Diagnostic], texts: Mapping[str, str], *, colour: bool = False
) -> str:
    """Return all diagnostics with excerpts from ``texts`` (by file), and the last line's sum.

    A file that ``texts`` does not have is named without an excerpt. No diagnostics: no text.
    """
    diagnostics = list(diagnostics)
    found = [to_json_object(d) for d in diagnostics]
    if not found:
        return ""
    named = {place["file"] for one in found for place in [one, *one["secondary"]]}
    lines = {file: split_lines(text) for file, text in texts.items() if file in named}
    for one in diagnostics:
        _conceal(one, lines)
    parts = [_human(one, lines, colour) for one in found]
    return "\n".join([*parts, summary(found) + "\n"])


def _conceal(diagnostic: Diagnostic, lines: dict[str, list[str]]) -> None:
    """Replace what must not be shown on the lines that ``diagnostic`` marks, width for width."""
    labels = (*([diagnostic.primary] if diagnostic.primary else []), *diagnostic.secondary)
    for text in sorted(diagnostic.conceals, key=len, reverse=True):
        for label in labels:
            marked = lines.get(label.span.file, [])[label.span.line - 1 : label.span.line]
            if marked:
                hidden = marked[0].replace(text, "*" * len(text))
                lines[label.span.file][label.span.line - 1] = hidden


def summary(found: Iterable[Json]) -> str:
    """Return ``2 errors, 1 warning in flow.yaml`` for diagnostics in their JSON form."""
    found = list(found)
    counts = [(sum(d["severity"] == s for d in found), s) for s in _SEVERITIES]
    said = ", ".join(f"{n} {s}{'s' if n > 1 else ''}" for n, s in counts if n)
    files = dict.fromkeys(visible(d["file"]) for d in found if d["file"])
    return f"{said} in {', '.join(files)}" if files else said


def use_colour(is_terminal: bool, environment: Mapping[str, str]) -> bool:
    """Whether to colour: only on a terminal, and never when NO_COLOR is set to anything."""
    dumb = environment.get("TERM") == "dumb"
    return is_terminal and not dumb and not environment.get("NO_COLOR")


def _human(found: Json, texts: Mapping[str, list[str]], colour: bool) -> str:
    severity, main = found["severity"], _COLOURS[found["severity"]]

    def paint(text: str, sequence: str) -> str:
        return f"{sequence}{text}{_RESET}" if colour else text

    def paint_excerpt(text: str, primary: bool) -> str:
        return paint(text, main if primary else _BLUE)

    files = _marks_by_file(found)
    shown = [mark.line for file, marks in files.items() if file in texts for mark in marks]
    gutter = len(str(max(shown, default=1)))
    margin = " " * gutter
    bar = paint(f"{margin} |", _BLUE)
    head = paint(f"{severity}[{found['code']}]", main)
    out = [head + paint(f": {visible(found['message'])}", _BOLD)]
    for number, (file, marks) in enumerate(files.items()):
        arrow = "-->" if number == 0 else ":::"
        place = f"{visible(file)}:{marks[0].line}:{marks[0].column}"
        if file not in texts and marks[0].text:
            place += f": {visible(marks[0].text)}"
        out.append(f"{paint(margin.rjust(2) + arrow, _BLUE)} {place}")
        lines = excerpt(texts[file], marks, gutter, paint_excerpt) if file in texts else []
        out += [bar, *lines] if lines else []
    if out[-1] != bar and shown:
        out.append(bar)
    equals = paint(f"{margin} =", _BLUE)
    rows = [("note", note) for note in found["notes"]] + [("help", _help(found))]
    for word, text in rows:
        indented = visible(text).replace("\n", f"\n{margin}   {' ' * len(word)}  ")
        out.append(f"{equals} {paint(word, _BOLD)}: {indented}")
    return "\n".join(out) + "\n"


def _help(found: Json) -> str:
    explain = f"run `flowc explain {found['code']}` for more"
    return f"{found['hint']}; {explain}" if found["hint"] else explain


def _marks_by_file(found: Json) -> dict[str, list[Mark]]:
    """Return the marks of each file as they were given; the primary one is the first of all."""
    files: dict[str, list[Mark]] = {}
    places = [found] if found["file"] is not None else []
    for place in [*places, *found["secondary"]]:
        mark = Mark(
            place["line"], place["column"], place["endColumn"], place["label"], place is found
        )
        files.setdefault(place["file"], []).append(mark)
    return files
