"""From desired and observed objects to changes, in the one order that is safe.

Additive objects come first: what runs now does not see them. Then the one switch, then what follows
it. Deletions are last, in the opposite order, and never of what an unfinished run needs. Whoever is
interrupted in between has the old release running or the new one, and doing it all again converges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.deploy.differences import differences
from flowc.deploy.model import Change, Desired, Kind, Observed, Phase

if TYPE_CHECKING:
    from collections.abc import Iterable


def changes(desired: Iterable[Desired], observed: Iterable[Observed]) -> tuple[Change, ...]:
    """Return what has to happen, in order; objects that are as desired are left out.

    ``observed`` must not hold an object twice; what of it nobody desires is deleted, or kept while
    it is needed.
    """
    there = {one.ref: one for one in observed}
    wanted = sorted(desired, key=lambda one: one.phase)
    if sum(one.phase is Phase.SWITCH for one in wanted) > 1:
        raise ValueError("a deployment has one switch, or there is a moment between two")
    found = [_change(one, there.pop(one.ref, None)) for one in wanted]
    return tuple(
        [one for one in found if one is not None]
        + [_removal(one) for one in reversed(there.values())]
    )


def _change(desired: Desired, observed: Observed | None) -> Change | None:
    if observed is None:
        return Change(Kind.CREATE, desired.ref, desired=desired)
    fields = differences(observed.body, desired.body, observed.edited)
    if not fields:
        return None
    return Change(Kind.UPDATE, desired.ref, fields, desired, observed)


def _removal(observed: Observed) -> Change:
    kind = Kind.KEEP if observed.needed_by else Kind.DELETE
    return Change(kind, observed.ref, observed=observed)


def outstanding(found: Iterable[Change]) -> tuple[Change, ...]:
    """Return the changes that are work to do now: all but those that have to wait."""
    return tuple(one for one in found if one.kind is not Kind.KEEP)
