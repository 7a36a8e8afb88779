"""Which keys a store takes: text that every store spells, lists and signs alike.

Callers percent-encode the parts of a key. Of what is left, some stores would silently change
``a//b``, ``/a`` or ``a/`` into another key, and a local folder cannot hold ``name#1``. A key is
never also the folder of another key: ``a`` and ``a/b`` cannot both be files.
"""

from __future__ import annotations

import re

MAX_KEY = 900
"""S3 allows 1,024 bytes; the rest is for the prefix in the store's URL."""

_PART = re.compile(r"[!$%&'()+,.0-9:;=@A-Z_a-z~-]+")


def check_key(key: str) -> str:
    """Return ``key``; raises ValueError if not every store could hold it."""
    if len(key) > MAX_KEY:
        raise ValueError(f"a key of {len(key)} bytes, {MAX_KEY} are possible: {key[:80]}…")
    for part in key.split("/"):
        if part in ("", ".", "..") or not _PART.fullmatch(part):
            raise ValueError(f"not a key: {key!r} (percent-encode the part {part!r})")
    return key


def below(prefix: str) -> str:
    """Return the text with which every key below ``prefix`` begins; ``""`` is above all keys."""
    bare = prefix.removesuffix("/")
    return f"{check_key(bare)}/" if bare else ""


def below_run(run_prefix: str) -> str:
    """Return :func:`below` of a run; raises ValueError for a prefix that means the whole store."""
    start = below(run_prefix)
    if not start:
        raise ValueError("deleting a run needs the run's prefix")
    return start


def key_range(start: str) -> tuple[str, str]:
    """Return the first key, and the first one behind, of all keys that begin with ``start``.

    ``start`` is empty or ends in ``/``, as :func:`below` returns it.
    """
    # "0" follows "/"; keys are ASCII, so "\x7f" follows every key.
    return start, f"{start[:-1]}0" if start else "\x7f"
