"""Plans for people: the flow's own changes first, then the objects, field by field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flowc.deploy.model import ABSENT, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowc.cli.deploying.compare import Comparison
    from flowc.deploy.model import Absent, Change, FieldChange
    from flowc_shim.contract.json_types import Json

_SIGNS = {Kind.CREATE: "+", Kind.UPDATE: "~", Kind.DELETE: "-", Kind.KEEP: "="}
_LONGEST = 100


def plan_text(comparison: Comparison) -> str:
    """Return what would happen to one deployment."""
    lines = [f"{comparison.title}, {comparison.place}"]
    if not comparison.changes:
        return f"{lines[0]}: as it should be"
    if comparison.flow:
        lines += ["  the flow", *(f"    {_field(one)}" for one in comparison.flow)]
    if comparison.loops:
        lines += ["  the loops", *(f"    {one}" for one in comparison.loops)]
    lines.append("  the objects")
    for change in comparison.changes:
        lines += _change(change, comparison)
    return "\n".join(lines)


def _change(change: Change, comparison: Comparison) -> Iterator[str]:
    note = ""
    if change.kind is Kind.KEEP and change.observed is not None:
        note = f" stays: {change.observed.needed_by}"
    elif change.is_drift:
        note = " was changed by hand"
    yield f"    {_SIGNS[change.kind]} {change.ref}{note}"
    own = [one for one in change.fields if not comparison.is_derived(one)]
    for one in own:
        yield f"        {_field(one)}"
    derived = len(change.fields) - len(own)
    if derived:
        yield f"        {derived} field{'s' if derived > 1 else ''} that follow from the new plan"


def _field(change: FieldChange) -> str:
    by = f"  (by {change.edited_by})" if change.edited_by else ""
    if change.before is ABSENT:
        return f"+ {change.path}: {_value(change.after)}{by}"
    if change.after is ABSENT:
        return f"- {change.path}: {_value(change.before)}{by}"
    return f"~ {change.path}: {_value(change.before)} → {_value(change.after)}{by}"


def _value(value: Json | Absent) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"


def plan_json(comparison: Comparison) -> dict[str, Any]:
    """Return what would happen, for machines."""
    return {
        "deployment": comparison.name,
        "target": comparison.target,
        "place": comparison.place,
        "differs": comparison.differs,
        "flow": list(_fields(comparison.flow)),
        "loops": [{"loop": one.path, "how": one.how, "why": one.why} for one in comparison.loops],
        "changes": [
            {
                "action": change.kind.value,
                "kind": change.ref.kind,
                "name": change.ref.name,
                "fields": list(_fields(change.fields)),
                "needed_by": change.observed.needed_by if change.observed else "",
            }
            for change in comparison.changes
        ],
    }


def _fields(fields: Iterable[FieldChange]) -> Iterator[dict[str, Any]]:
    for one in fields:
        found: dict[str, Any] = {"path": one.path}
        if one.before is not ABSENT:
            found["before"] = one.before
        if one.after is not ABSENT:
            found["after"] = one.after
        if one.edited_by:
            found["edited_by"] = one.edited_by
        yield found
