"""Asking a person before anything is written or deleted."""

from __future__ import annotations

import sys

from flowc.cli.reporting import say

DECLINED = 1
NOBODY = 2


def confirm(question: str, otherwise: str) -> int:
    """Return 0 to go on, 1 if not, 2 where nobody can be asked (``otherwise``: what to do)."""
    if not sys.stdin.isatty():
        say("error: nobody is there to confirm this")
        say(f"  = help: {otherwise}")
        return NOBODY
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return 0 if sys.stdin.readline().strip().lower() in ("y", "yes") else DECLINED
