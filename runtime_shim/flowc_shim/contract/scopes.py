"""Scopes of a plan: the root, each loop by its step's path, and the ``finally:`` steps."""

from __future__ import annotations

ROOT = ""
"""The path of the outermost scope."""

FINALLY = "finally"
"""The path of the scope of a flow's ``finally:`` steps; no loop of the run itself is called so."""


def is_outermost(scope: str) -> bool:
    """Whether the steps of ``scope`` are in no loop."""
    return scope in (ROOT, FINALLY)


def in_finally(scope: str) -> bool:
    """Whether ``scope`` is that of the ``finally:`` steps, or of a loop among them."""
    return scope == FINALLY or scope.startswith(f"{FINALLY}/")
