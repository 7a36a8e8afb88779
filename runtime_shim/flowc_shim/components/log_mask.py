"""What user code prints becomes this process's log, which shows no secret that it knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MASK = "***"
_hidden: list[str] = []  # of the process, as its log is; longest first


def hide_in_logs(texts: Iterable[str]) -> None:
    """Let no line that is logged from now on show one of ``texts``."""
    _hidden[:] = sorted({*_hidden, *texts}, key=len, reverse=True)


def logged(line: str) -> str:
    """Return ``line`` as it may be logged."""
    for text in _hidden:
        line = line.replace(text, MASK)
    return line
