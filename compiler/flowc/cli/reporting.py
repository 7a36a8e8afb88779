"""Diagnostics on the way out: sorted, in the form asked for, with the exit code."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.diagnostics import Diagnostics


def report(diagnostics: Diagnostics, texts: Mapping[str, str], format: str, stream: TextIO) -> int:
    """Print ``diagnostics`` and return the exit code: 1 if there were errors."""
    found = diagnostics.sorted()
    if found:
        stream.write(_render(diagnostics, texts, format, stream))
        stream.flush()
    return 1 if diagnostics.has_errors else 0


def _render(diagnostics: Diagnostics, texts: Mapping[str, str], format: str, stream: TextIO) -> str:
    from flowc.diagnostics import render

    found = diagnostics.sorted()
    if format == "json":
        return render.render_json_lines(found)
    if format == "github":
        return render.render_github(found)
    colour = render.use_colour(stream.isatty(), os.environ)
    return render.render_human(found, texts, colour=colour)


def say(text: str) -> None:
    """Print a line for people, beside the result: on stderr."""
    print(text, file=sys.stderr, flush=True)
