"""What all kinds of objects have in common: how each is found, read, written and deleted."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from flowc_targets.step_functions.deploy.objects import OWNER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowc_targets.step_functions.deploy.cloud import Cloud

Body = dict[str, Any]

STAMP = "flowc:digest"
"""The tag with the digest of the body that flowc wrote: what differs from it was edited by hand."""

OURS = "flowc:"
"""How flowc's tags begin; others may have tags of their own on the same objects."""


@dataclass(frozen=True, slots=True)
class Found:
    """An object that is there, its body as the objects' module writes it, local to the account."""

    body: Body
    stamp: str = ""


class Kind(Protocol):
    """A kind of objects. Bodies are local to the account; names are as in a ``Ref``."""

    def names(self, cloud: Cloud, base: str) -> Iterable[str]:
        """Return the names of those that a deployment of this base may have made."""

    def read(self, cloud: Cloud, name: str) -> Found | None:
        """Return one, None if it is not there."""

    def write(self, cloud: Cloud, name: str, body: Body) -> None:
        """Create or update one, whatever is there."""

    def delete(self, cloud: Cloud, name: str) -> None:
        """Delete one that may be gone already."""


class OfClasses:
    """Kinds that only classes have: they are listed where what flows share is."""

    def names(self, cloud: Cloud, base: str) -> Iterable[str]:
        """Return nothing."""
        return ()


def stamp_of(body: Mapping[str, Any]) -> str:
    """Return the digest of a body."""
    text = json.dumps(body, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def stamped(body: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags to write: those of the body, and its digest."""
    return {**body.get("Tags", {}), STAMP: stamp_of(body)}


def tag_list(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> list[Any]:
    """Return tags as most services take them."""
    return [{key: name, value: text} for name, text in tags.items()]


def tag_map(tags: Iterable[Mapping[str, str]], key: str = "Key", value: str = "Value") -> Any:
    """Return tags from the form that most services give."""
    return {one[key]: one[value] for one in tags}


def found(body: Body, tags: Mapping[str, str]) -> Found:
    """Return a body with flowc's tags in it, and its stamp beside it."""
    ours = {name: text for name, text in tags.items() if name.startswith(OURS) and name != STAMP}
    return Found(body | ({"Tags": ours} if ours else {}), tags.get(STAMP, ""))


def owner_of(body: Mapping[str, Any]) -> str | None:
    """Return whose an object is, None for one without a tag."""
    owner = body.get("Tags", {}).get(OWNER)
    return None if owner is None else str(owner)
