"""Names on a target: from any id to a name that an engine accepts, always the same one.

A name depends on the ids of its scope as a set, never on their order, so that an edit of one step
leaves the names of the others alone. An id keeps its own spelling where it can; a short hash of
the id is appended only where the spelling lost something or two ids would share it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Set

_SEPARATORS = re.compile(r"[-_./: ]+")
_OTHER = re.compile(r"[^A-Za-z0-9]+")
_LABEL_OTHER = re.compile(r"[^A-Za-z0-9_.]+")
_HASH = 6
MAX_LABEL = 63
"""Most characters of a Kubernetes label value, and of a DNS label."""


def unique_names(
    ids: Iterable[str], limit: int, reserved: Set[str] = frozenset()
) -> dict[str, str]:
    """Return a name per id: letters, digits and hyphens, a letter first, at most ``limit`` long.

    ``reserved``: words that are no names. The ids ``a.b`` and ``a-b`` would share ``a-b``: the one
    that is spelled so keeps it, the other one is told apart by its hash.
    """
    wanted = {id: _slug(id, limit, reserved) for id in ids}
    sharing: dict[str, list[str]] = {}
    for id, name in wanted.items():
        if name is not None:
            sharing.setdefault(name, []).append(id)
    names = {}
    for name, sharers in sharing.items():
        if len(sharers) == 1:
            names[sharers[0]] = name
        elif name in sharers:
            names[name] = name
    taken = set(names.values())
    for id in sorted(wanted.keys() - names.keys()):
        names[id] = _told_apart(id, limit, taken)
        taken.add(names[id])
    return {id: names[id] for id in wanted}


def object_name(text: str, limit: int) -> str:
    """Return ``text`` as the name of a Kubernetes object: lower case, a letter or digit first."""
    name = _readable(text).lower()
    if name == text and len(name) <= limit:
        return name
    return hashed_name(text, limit)


def hashed_name(text: str, limit: int) -> str:
    """Return ``text`` as an object's name that a hash of the whole of it ends."""
    name = _readable(text).lower()[: limit - _HASH - 1].rstrip("-")
    return f"{name or 'flow'}-{_digest(text)[:_HASH]}"


def label_value(text: str) -> str:
    """Return ``text`` as the value of a Kubernetes label; labels are for people, so no hash."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _LABEL_OTHER.sub("-", plain)[:MAX_LABEL].strip("-_.")


def _readable(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _OTHER.sub("-", plain).strip("-")


def _slug(id: str, limit: int, reserved: Set[str]) -> str | None:
    """Return the id's own spelling as a name, or None if that would lose something."""
    name = _readable(id)
    if not name or name != _SEPARATORS.sub("-", id).strip("-"):
        return None
    if not name[:1].isalpha():
        name = f"n-{name}"
    return None if name in reserved or len(name) > limit else name


def _told_apart(id: str, limit: int, taken: Set[str]) -> str:
    name, digest = _readable(id), _digest(id)
    if not name[:1].isalpha():
        name = f"n-{name}"
    for length in range(_HASH, len(digest)):
        found = f"{name[: limit - length - 1].rstrip('-')}-{digest[:length]}"
        if found not in taken:
            return found
    raise ValueError(f"no name of {limit} characters for {id!r}")  # not with 64 digits of SHA-256


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
