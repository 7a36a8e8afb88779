"""One deployment compared with what is there: objects, and the flow behind them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc.deploy.changes import changes, outstanding
from flowc.deploy.differences import differences
from flowc.deploy.model import ABSENT
from flowc_shim.runner.plans import plan_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.cli.deploying.places import Deployment
    from flowc.deploy.model import Change, Desired, FieldChange, Observed
    from flowc.target import Compilation, LoopChoice
    from flowc_shim.contract.json_types import Json
    from flowc_shim.stores.api import StateStore

_FOLLOWING = ("digest", "units")
"""Parts of a plan that follow from the others."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What would happen. ``flow``: what changed in the compiled flow; ``plans``: digests of it.

    ``loops``: how the target goes through each loop.
    """

    name: str
    target: str
    place: str
    changes: tuple[Change, ...]
    flow: tuple[FieldChange, ...] = ()
    plans: tuple[str, str] = ("", "")
    loops: tuple[LoopChoice, ...] = ()

    @property
    def title(self) -> str:
        """Return what to call the deployment."""
        return f"{self.name} on {self.target}"

    @property
    def differs(self) -> bool:
        """Whether there is anything to do."""
        return bool(outstanding(self.changes))

    def is_derived(self, change: FieldChange) -> bool:
        """Whether a field differs in the digest of the plan only."""
        old, new = self.plans
        if not old or not new or change.before is ABSENT or change.after is ABSENT:
            return False
        before = json.dumps(change.before).replace(old, new).replace(old[:8], new[:8])
        return before == json.dumps(change.after)


def compare(
    deployment: Deployment,
    compilation: Compilation,
    desired: Sequence[Desired],
    observed: Sequence[Observed],
    place: str,
    store: StateStore | None,
    before: str,
) -> Comparison:
    """Return the comparison; ``before``: the digest of the plan that is live, empty if unknown."""
    plan = compilation.plan
    return Comparison(
        deployment.address.name,
        deployment.target.name,
        place,
        changes(desired, observed),
        () if store is None else _flow_changes(store, before, plan.to_json(), plan.digest),
        (before, plan.digest),
        deployment.target.loops(compilation),
    )


def _flow_changes(
    store: StateStore, before: str, after: dict[str, Json], digest: str
) -> tuple[FieldChange, ...]:
    """Return what changed in the plan, in the flow's own words."""
    if not before or before == digest:
        return ()
    body = store.read(plan_key(before))
    if body is None:
        return ()
    old = {key: value for key, value in json.loads(body).items() if key not in _FOLLOWING}
    new = {key: value for key, value in after.items() if key not in _FOLLOWING}
    return differences(old, new)
