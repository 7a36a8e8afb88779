"""Records of what was deployed: who, when, which commit, and the digest of every object.

They live in the state store, so that they are the same on every target and outlive an undeploy:
``deployments/<name>/releases/<n>`` when a release was begun, ``….applied`` when it was verified.
Numbers are claimed by put-if-absent: of two deploys at a time each sees the other one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc_shim.language.canonical import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowc.deploy.model import Desired


@dataclass(frozen=True, slots=True)
class Release:
    """A release. Times are seconds since the epoch.

    ``digest``: of all desired objects (:func:`digest_of`), empty for an undeploy. ``applied``:
    None for one that was begun and never ended: it was interrupted, or is under way now.
    """

    number: int
    digest: str
    plan: str
    who: str
    began: float
    commit: str = ""
    applied: float | None = None


def digest_of(desired: Iterable[Desired]) -> str:
    """Return the digest of a release: SHA-256 over its objects, in any order."""
    bodies = {str(one.ref): dict(one.body) for one in desired}
    return hashlib.sha256(canonical(bodies)).hexdigest()
