"""A release: a flow's template, and those of the detached flows that its steps start runs of.

What a detached flow has carries the digests of the release and of its own plan in its name, and the
release's in its label: what is under way starts what it was built with.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc_targets._shared.names import object_name
from flowc_targets.argo.identity import (
    MANAGED_BY,
    MANAGER,
    NAME,
    PLAN,
    base_name,
    plan_name,
    starter_name,
)
from flowc_targets.argo.means import STARTS, Means

if TYPE_CHECKING:
    from flowc.target import Compilation

DIGITS = 8
TEMPLATE_BASE = 45
"""Of 63 characters: Argo makes a label of a template's name."""


@dataclass(frozen=True, slots=True)
class Release:
    """``root``: the flow that is deployed."""

    root: Compilation

    @property
    def digest(self) -> str:
        """Return what all objects of this release are labelled with."""
        return self.root.plan.digest

    def template(self, one: Compilation) -> str:
        """Return the name of the WorkflowTemplate of ``one``."""
        if one is self.root:
            return base_name(one)
        base = object_name(base_name(self.root), TEMPLATE_BASE)
        return f"{base}-{self.digest[:DIGITS]}-{one.plan.digest[:DIGITS]}"

    def plan(self, one: Compilation) -> str:
        """Return the name of the ConfigMap with the plan of ``one``."""
        own = plan_name(self.root)
        return own if one is self.root else f"{own}-{one.plan.digest[:DIGITS]}"

    def starts(self, one: Compilation) -> dict[str, Means]:
        """Return how each step of ``one`` that starts a run does that."""
        labels = {
            MANAGED_BY: MANAGER,
            NAME: base_name(self.root),
            PLAN: self.digest[:DIGITS],
        }
        return {
            path: Means(
                STARTS,
                starter_name(one),
                "FLOWC_STARTS",
                json.dumps(
                    {"engine": "kubernetes", "template": self.template(child), "labels": labels}
                ),
            )
            for path, child in one.detached.items()
        }
