"""Examples of a Markdown page: fenced blocks whose info string says what must come of them.

``yaml flow``, ``yaml stack`` and ``yaml project`` are whole files. A flow may say more, each as
``name=JSON``: ``input``, ``trigger`` and ``result`` of a run, some of its ``outcomes`` (step path →
outcome), the code of the error that it ends with (``failed``, ``timedout``), and the codes of the
diagnostics it gets (``diagnostics``; a block with an error among them is not run), and a flow that
it runs (``file``: ``name``, ``flow``).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_FENCE = re.compile(r"^```yaml (flow|stack|project)\b(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"\s*([a-z]+)=")
_KNOWN = {"input", "result", "outcomes", "failed", "diagnostics", "file", "timedout", "trigger"}


@dataclass(frozen=True)
class Example:
    """One block: its kind, its text, where it stands, and what it says of itself."""

    kind: str
    text: str
    line: int
    says: dict[str, Any]

    @property
    def label(self) -> str:
        """What a test calls it."""
        return f"{self.kind}-line-{self.line}"


def examples_of(page: Path) -> list[Example]:
    """Return the examples of a page in their order."""
    text = page.read_text(encoding="utf-8")
    return [
        Example(
            match[1], match[3], text.count("\n", 0, match.start()) + 1, _says(match[2], match[0])
        )
        for match in _FENCE.finditer(text)
    ]


def _says(info: str, block: str) -> dict[str, Any]:
    decoder = json.JSONDecoder()
    found: dict[str, Any] = {}
    while info.strip():
        match = _NAME.match(info)
        assert match is not None and match[1] in _KNOWN, f"{info!r} in {block}"
        value, end = decoder.raw_decode(info, match.end())
        found[match[1]] = value
        info = info[end:]
    return found
