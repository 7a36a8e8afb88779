"""JSON from the command line: inputs, files of inputs, and values of variables."""

from __future__ import annotations

import json
import sys
from pathlib import Path as File
from typing import TYPE_CHECKING, Any, NoReturn

from flowc.diagnostics import Diagnostics, Span, codes
from flowc.json_schema import mismatches
from flowc.source.located import Map, Seq
from flowc.source.yaml_reader import read
from flowc_shim.contract.errors import FlowError
from flowc_shim.contract.trigger import read_trigger as check_trigger
from flowc_shim.language.paths import Path, render_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowc.diagnostics import Severity
    from flowc.source.located import Document
    from flowc.source.model import SourceVariable
    from flowc_shim.contract.json_types import Json

INPUT = "--input"
OVERRIDES = "--overrides"
TRIGGER = "--trigger"
MISSING: Any = object()
_TRIGGER_HINT = """write `{"scheduledTime": "2026-11-20T02:00:00Z", "timezone": "Europe/Rome"}`"""
_SHOWN = 5


def read_input(text: str | None, diagnostics: Diagnostics, texts: dict[str, str]) -> Json:
    """Return the JSON of ``--input`` (``@file``, ``@-`` for stdin), MISSING if it is none."""
    if text is None:
        return {}
    found, name = _text_of(text, INPUT, diagnostics)
    return MISSING if found is None else parse_json(found, name, diagnostics, texts)


def read_trigger(text: str | None, diagnostics: Diagnostics, texts: dict[str, str]) -> Json:
    """Return the JSON of ``--trigger``, None without it, MISSING (reported) if it is no trigger."""
    if text is None:
        return None
    found, name = _text_of(text, TRIGGER, diagnostics)
    value = MISSING if found is None else parse_json(found, name, diagnostics, texts)
    if value is MISSING:
        return MISSING
    try:
        check_trigger(value)
    except FlowError as error:
        diagnostics.report(codes.INPUT_MISMATCH, error.info.message, None, hint=_TRIGGER_HINT)
        return MISSING
    return value


def _text_of(argument: str, option: str, diagnostics: Diagnostics) -> tuple[str | None, str]:
    """Return the text of an argument (``@file``, ``@-`` for stdin), and what to call it."""
    if not argument.startswith("@"):
        return argument, option
    name = "<stdin>" if argument == "@-" else argument[1:]
    return _read(argument[1:], diagnostics), name


def read_overrides(
    argument: str, diagnostics: Diagnostics, texts: dict[str, str]
) -> Document | None:
    """Return the document of ``--overrides``, None (reported) if it is none."""
    text, name = _text_of(argument, OVERRIDES, diagnostics)
    if text is None:
        return None
    texts[name] = text
    return read(text, name, diagnostics)


def check_input(
    argument: str | None,
    value: Json,
    schema: Json,
    diagnostics: Diagnostics,
    texts: dict[str, str],
    severity: Severity | None,
) -> None:
    """Report what of a run's input does not match the flow's schema, where it stands."""
    problems = mismatches(schema, value)
    document = _located(argument, texts) if problems else None
    for problem in problems[:_SHOWN]:
        where = f" at `{render_path(problem.path)}`" if problem.path else ""
        diagnostics.report(
            codes.INPUT_MISMATCH,
            f"the input does not match the flow's schema{where}: {problem.message}",
            None if document is None else place_of(document, problem.path),
            severity=severity,
        )


def _located(argument: str | None, texts: dict[str, str]) -> Document | None:
    """Return an input that was read before, with the places of its parts."""
    if argument is None or argument == "@-":  # stdin is read but once
        return None
    text, name = _text_of(argument, INPUT, Diagnostics())
    if text is None:
        return None
    texts.setdefault(name, text)
    return read(text, name, Diagnostics())


def place_of(document: Document, path: Path) -> Span:
    """Return where the value at ``path`` stands, or the innermost one around it."""
    node, span = document.root, document.span
    for part in path:
        if isinstance(node, Map) and part in node:
            span = node.value(str(part))
        elif isinstance(node, Seq) and isinstance(part, int) and part < len(node):
            span = node.item(part)
        else:
            break
        node = node[part]
    return span


def _read(name: str, diagnostics: Diagnostics) -> str | None:
    try:
        text = sys.stdin.read() if name == "-" else File(name).read_text("utf-8")
        return text.removeprefix("\ufeff")
    except OSError as error:
        message = f"cannot read `{name}`: {error.strerror or error}"
    except UnicodeDecodeError as error:
        message = f"`{name}` is not UTF-8 (byte {error.start})"
    diagnostics.report(codes.FILE_NOT_READABLE, message, None)
    return None


def parse_json(
    text: str, file: str, diagnostics: Diagnostics, texts: dict[str, str], first_line: int = 1
) -> Json:
    """Return the JSON that ``text`` is, MISSING (reported) if it is none."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        at = Span(file, first_line + error.lineno - 1, error.colno)
        message = f"this is not valid JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        hint = "texts need double quotes"
    except (ValueError, RecursionError) as error:
        at = Span(file, first_line, 1)
        message, hint = f"this is not valid JSON: {error}", None
    texts.setdefault(file, text)
    diagnostics.report(codes.INPUT_NOT_JSON, message, at, hint=hint)
    return MISSING


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"`{word}` is not a JSON number")


def read_items(path: File, diagnostics: Diagnostics, texts: dict[str, str]) -> list[Json] | None:
    """Return the inputs in a file of one JSON value per line; blank lines are left out."""
    text = _read(str(path), diagnostics)
    if text is None:
        return None
    texts[str(path)] = text
    items = [
        parse_json(line, str(path), diagnostics, texts, number)
        for number, line in enumerate(text.split("\n"), 1)  # others may stand inside a text
        if line.strip()
    ]
    return None if any(item is MISSING for item in items) else items


def parse_sets(
    pairs: Iterable[str], variables: Mapping[str, SourceVariable], diagnostics: Diagnostics
) -> dict[str, Json]:
    """Return the values of ``--set name=value``.

    A value is JSON where it reads as such; for a variable whose type is ``string`` it is the text.
    """
    found: dict[str, Json] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not (name and equals):
            diagnostics.report(
                codes.INVALID_WORD, f"`--set` takes `variable=value`, not `{pair}`", None
            )
            continue
        variable = variables.get(name)
        schema = None if variable is None else variable.schema
        is_text = isinstance(schema, dict) and schema.get("type") == "string"
        found[name] = text if is_text else _json_or_text(text)
    return found


def _json_or_text(text: str) -> Json:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text
