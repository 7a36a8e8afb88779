"""JSON from the command line: inputs, files of inputs, and values of variables."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from flowc.diagnostics import Diagnostics, Span, codes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowc_shim.contract.json_types import Json

    from flowc.source.model import SourceVariable

INPUT = "--input"
MISSING: Any = object()


def read_input(text: str | None, diagnostics: Diagnostics, texts: dict[str, str]) -> Json:
    """Return the JSON of ``--input`` (``@file``, ``@-`` for stdin), MISSING if it is none."""
    if text is None:
        return {}
    if not text.startswith("@"):
        return parse_json(text, INPUT, diagnostics, texts)
    found = _read(text[1:], diagnostics)
    name = "<stdin>" if text == "@-" else text[1:]
    return MISSING if found is None else parse_json(found, name, diagnostics, texts)


def _read(name: str, diagnostics: Diagnostics) -> str | None:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
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
    except (ValueError, RecursionError) as error:
        at = Span(file, first_line, 1)
        message = f"this is not valid JSON: {error}"
    texts.setdefault(file, text)
    diagnostics.report(codes.INPUT_NOT_JSON, message, at, hint="texts need double quotes")
    return MISSING


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"`{word}` is not a JSON number")


def read_items(path: Path, diagnostics: Diagnostics, texts: dict[str, str]) -> list[Json] | None:
    """Return the inputs in a file of one JSON value per line; blank lines are left out."""
    text = _read(str(path), diagnostics)
    if text is None:
        return None
    texts[str(path)] = text
    items = [
        parse_json(line, str(path), diagnostics, texts, number)
        for number, line in enumerate(text.splitlines(), 1)
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
