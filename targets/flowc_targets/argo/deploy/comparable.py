"""What of a live object compares with a desired one: flowc's fields and those that hands set.

The server records who set which field (``metadata.managedFields``). A field that nobody set is a
default of the server, and says nothing. Labels and annotations are everybody's: of those only the
ones that flowc sets count. ``status`` is the controllers'.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowc_targets.argo.deploy.kinds import KINDS
from flowc_targets.argo.identity import MANAGER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc_targets.argo.deploy.kinds import Document

Fields = dict[str, Any]
"""A set of fields as the server writes it (``fieldsV1``)."""

_SKIPPED_ROOTS = ("status", "metadata", "apiVersion", "kind")
_METADATA = ("labels", "annotations")


@dataclass(slots=True)
class Owners:
    """Which fields flowc set last, and which others did."""

    ours: Fields = field(default_factory=dict)
    theirs: list[tuple[str, Fields]] = field(default_factory=list)

    @classmethod
    def of(cls, live: Document) -> Owners:
        """Read the owners of the fields of a live object."""
        found = cls()
        for entry in live.get("metadata", {}).get("managedFields", []):
            fields = entry.get("fieldsV1") or {}
            if entry.get("manager") == MANAGER:
                found.ours = _union(found.ours, fields)
            elif not entry.get("subresource"):
                who = f"{entry.get('manager', 'somebody')} at {entry.get('time', 'some time')}"
                found.theirs.append((who, fields))
        return found


def comparable(live: Document, desired: Mapping[str, Any]) -> Document:
    """Return the part of ``live`` that is flowc's to decide."""
    owners = Owners.of(live)
    known = [owners.ours, *(fields for _, fields in owners.theirs)]
    out: Document = {key: live[key] for key in ("apiVersion", "kind") if key in live}
    out["metadata"] = _metadata(live, desired, owners)
    alone = KINDS[live["kind"]].left_alone if live.get("kind") in KINDS else ()
    for key, value in live.items():
        if key in _SKIPPED_ROOTS or ((key,) in alone and key not in desired):
            continue
        inner = [found[f"f:{key}"] for found in known if f"f:{key}" in found]
        if key in desired or inner:
            wanted = desired.get(key)
            spared = [path[1] for path in alone if path[0] == key and path[1:]]
            out[key] = _without(_project(value, wanted, inner), spared, wanted)
    return out


def _metadata(live: Document, desired: Mapping[str, Any], owners: Owners) -> Document:
    metadata = live["metadata"]
    wanted = desired.get("metadata", {})
    ours = owners.ours.get("f:metadata", {})
    out = {key: metadata[key] for key in ("name", "namespace") if key in metadata}
    for kind in _METADATA:
        own = ours.get(f"f:{kind}", {})
        kept = {
            key: value
            for key, value in metadata.get(kind, {}).items()
            if key in wanted.get(kind, {}) or f"f:{key}" in own
        }
        if kept:
            out[kind] = kept
    return out


def _project(value: Any, desired: Any, owned: list[Fields]) -> Any:
    """Return ``value`` without what only the server's defaults put there."""
    if any(not fields for fields in owned):
        return value  # somebody set all of it as one
    if isinstance(value, dict):
        wanted = desired if isinstance(desired, dict) else {}
        out = {}
        for key, inner in value.items():
            below = [fields[f"f:{key}"] for fields in owned if f"f:{key}" in fields]
            if below or key in wanted:
                out[key] = _project(inner, wanted.get(key), below)
        return out
    if isinstance(value, list):
        return [_project_item(item, desired, owned) for item in value]
    return value


def _project_item(item: Any, desired: Any, owned: list[Fields]) -> Any:
    below = [inner for fields in owned for key, inner in fields.items() if _is_key_of(key, item)]
    if not below or not isinstance(item, dict):
        return item  # a list that is set as a whole, or plain values
    wanted = None
    if isinstance(desired, list):
        same = [one for one in desired if isinstance(one, dict) and _same_key(one, item)]
        wanted = same[0] if same else None
    return _project(item, wanted, below)


def _is_key_of(key: str, item: Any) -> bool:
    if not (key.startswith("k:") and isinstance(item, dict)):
        return False
    wanted = json.loads(key[2:])
    return all(item.get(name, value) == value for name, value in wanted.items())


def _same_key(one: Document, other: Document) -> bool:
    return any(name in one and one[name] == other.get(name) for name in ("name", "containerPort"))


def _without(value: Any, spared: list[str], desired: Any) -> Any:
    """Return ``value`` without the fields that are left alone, unless flowc sets them itself."""
    if not isinstance(value, dict):
        return value
    own = desired if isinstance(desired, dict) else {}
    return {key: inner for key, inner in value.items() if key not in spared or key in own}


def _union(one: Fields, other: Fields) -> Fields:
    out = dict(one)
    for key, inner in other.items():
        out[key] = _union(out[key], inner) if key in out else inner
    return out


def edited(live: Document) -> dict[str, str]:
    """Return path → who, for the fields outside ``metadata`` and ``status`` that hands set."""
    out: dict[str, str] = {}
    for who, fields in Owners.of(live).theirs:
        for key, inner in fields.items():
            if key.startswith("f:") and key[2:] not in _SKIPPED_ROOTS:
                for path in _paths(key[2:], inner):
                    out[path] = who
    return out


def _paths(path: str, fields: Fields) -> Iterator[str]:
    members = {key: inner for key, inner in fields.items() if key != "."}
    if not members:
        yield path
    for key, inner in members.items():
        kind, _, name = key.partition(":")
        if kind == "f":
            inside = f"{path}[{name}]" if "." in name or "/" in name else f"{path}.{name}"
        elif kind == "k":
            inside = f"{path}[{next(iter(json.loads(name).values()))}]"
        else:
            yield path
            continue
        yield from _paths(inside, inner)


def surplus(live: Any, desired: Any) -> Any:
    """Return the merge patch that takes away from ``live`` what is not desired; None: nothing.

    Both are comparable bodies; what is desired and differs was applied before.
    """
    if not (isinstance(live, dict) and isinstance(desired, dict)):
        return None
    patch: Document = {}
    for key, value in live.items():
        if key not in desired:
            patch[key] = None
        elif isinstance(value, list) and value != desired[key]:
            patch[key] = desired[key]
        else:
            inner = surplus(value, desired[key])
            if inner:
                patch[key] = inner
    return patch or None
