"""Overrides of a run: RFC 7396 merge patches on steps, applied to the flow as it was read.

``{"steps": {id: {"$type": "merge_patch", "value": {…}}}}``, Stepflow's own shape. What a patch
brings in is placed at the step that it changes: what is wrong with it is reported there.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from flowc.diagnostics import codes
from flowc.source.fields import MAPPING, Decoding, Key, Shape, one_of
from flowc.source.located import Document, Map, Seq

if TYPE_CHECKING:
    from flowc.diagnostics import Diagnostics, Span
    from flowc.source.located import Place

_OVERRIDES = Shape("overrides", {"steps": Key(MAPPING, required=True)})
_PATCH = Shape(
    "an override", {"$type": Key(one_of("merge_patch")), "value": Key(MAPPING, required=True)}
)


def override(document: Document, overrides: Document, diagnostics: Diagnostics) -> Document:
    """Return ``document`` with its steps changed; what is wrong with ``overrides`` is reported."""
    decoding = Decoding(diagnostics)
    patches = _patches(overrides, decoding)
    root = document.root
    steps = root.get("steps") if isinstance(root, Map) else None
    if not patches or not isinstance(root, Map) or not isinstance(steps, Seq):
        return document
    changed = [_overridden(step, patches) for step in steps]
    for name, (_, at) in patches.items():
        known = [step["id"] for step in steps if isinstance(step, Map) and "id" in step]
        if name not in known:
            near = get_close_matches(name, [str(one) for one in known], n=1)
            decoding.report(
                codes.OVERRIDE_UNKNOWN_STEP,
                f"`{name}` is not a step of this flow",
                at,
                hint=f"write `{near[0]}`" if near else "overrides name steps by their id",
            )
    whole = _copy(root, dict(root) | {"steps": _seq(steps, changed)}, root.places)
    return Document(document.file, document.text, whole, document.span)


def _patches(overrides: Document, decoding: Decoding) -> dict[str, tuple[Map, Span]]:
    fields = decoding.open(overrides.root, _OVERRIDES, overrides.span)
    if fields is None or fields.get("steps") is None:
        return {}
    found = {}
    at = fields.value_at("steps")
    for name, raw, key_at, value_at in decoding.entries(fields.raw["steps"], "`steps`", at):
        patch = decoding.open(raw, _PATCH, value_at)
        if patch is not None:
            patch.get("$type")
            value = patch.get("value")
            if isinstance(value, Map):
                found[name] = (value, key_at)
    return found


def _overridden(step: Any, patches: dict[str, tuple[Map, Span]]) -> Any:
    if not isinstance(step, Map) or step.get("id") not in patches:
        return step
    return _merged(step, patches[step["id"]][0], step.places["id"][1])


def _merged(target: Any, patch: Any, place: Place) -> Any:
    """Return ``target`` patched: members of a mapping one by one (null removes), else replaced."""
    if not isinstance(patch, Map):
        return patch
    base = target if isinstance(target, Map) else None
    members = dict(base) if base is not None else {}
    places = dict(base.places) if base is not None else {}
    for key, value in patch.items():
        if value is None:
            members.pop(key, None)
            continue
        members[key] = _moved(_merged(members.get(key), value, place), place, base)
        places.setdefault(key, (place, place))
    return _copy(base or patch, members, places)


def _moved(value: Any, place: Place, near: Map | None) -> Any:
    """Return ``value`` with the places of what came from a patch moved to ``place``."""
    if near is None or not isinstance(value, (Map, Seq)) or value.file == near.file:
        return value
    if isinstance(value, Map):
        members = {key: _moved(member, place, near) for key, member in value.items()}
        return _copy(near, members, dict.fromkeys(members, (place, place)))
    items = Seq(_moved(item, place, near) for item in value)
    items.file, items.span, items.places = near.file, near.span, [place] * len(value)
    return items


def _copy(like: Map, members: dict[str, Any], places: dict[str, tuple[Place, Place]]) -> Map:
    out = Map(members)
    out.file, out.span, out.places, out.pairs = like.file, like.span, places, None
    return out


def _seq(like: Seq, items: list[Any]) -> Seq:
    out = Seq(items)
    out.file, out.span, out.places = like.file, like.span, like.places
    return out
