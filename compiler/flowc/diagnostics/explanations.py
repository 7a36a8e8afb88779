"""The pages behind ``flowc explain``: what a code means, with an example that shows it.

A page is ``explain/FC###.md`` with the headings of ``HEADINGS`` in their order. In *Example* and
*Corrected*, a fenced block whose info string ends in a file name is that file, and a ``console``
block holds the command that shows the diagnostic. *Corrected* gives only the files that change.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from flowc.diagnostics.codes import find

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADINGS = ("What it means", "Why it is an error", "Example", "Corrected", "Related")

_SECTION = re.compile(r"^## (.+)\n", re.M)
_BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.M | re.S)


@dataclass(frozen=True, slots=True)
class Example:
    """Files by name, and the arguments of ``flowc`` that look at them."""

    files: Mapping[str, str]
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A page. The examples are None where the diagnostic cannot be shown by a few small files."""

    number: str
    title: str
    text: str
    sections: Mapping[str, str]
    failing: Example | None
    corrected: Example | None


def explain(number: str) -> Explanation | None:
    """Return the page of a code, written in any way that ``codes.find`` reads, or None."""
    code = find(number)
    page = files(__package__) / "explain" / f"{code.number}.md" if code else None
    if code is None or page is None or not page.is_file():
        return None
    return parse_page(code.number, page.read_text(encoding="utf-8"))


def parse_page(number: str, text: str) -> Explanation:
    """Return the page with its examples; ValueError if a block or a command is malformed."""
    head, *parts = _SECTION.split(text)
    sections = dict(zip(parts[::2], map(str.strip, parts[1::2]), strict=True))
    title = head.strip().removeprefix(f"# {number}:").strip()
    failing = _example(sections.get("Example", ""), None)
    corrected = _example(sections.get("Corrected", ""), failing) if failing else None
    return Explanation(number, title, text, sections, failing, corrected)


def _example(section: str, before: Example | None) -> Example | None:
    """Return the example of a section; what it does not give is taken from ``before``."""
    found = dict(before.files) if before else {}
    command = before.command if before else ()
    for info, body in _BLOCK.findall(section):
        language, _, name = info.strip().partition(" ")
        if language == "console":
            command = _command(body)
        elif name:
            found[name.strip()] = body
    return Example(found, command) if command else None


def _command(body: str) -> tuple[str, ...]:
    lines = [line[2:] for line in body.splitlines() if line.startswith("$ ")]
    words = shlex.split(lines[0]) if len(lines) == 1 else []
    if words[:1] != ["flowc"]:
        raise ValueError("a console block holds one line that begins with `$ flowc `")
    return tuple(words[1:])
