"""What unfinished runs need: their plan, and what their pods run with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowc_targets.argo.identity import PLAN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowc_targets.argo.deploy.kinds import Document

_OF_PODS = frozenset(
    {"ServiceAccount", "Role", "RoleBinding", "Service", "Deployment", "StatefulSet"}
)
OF_ONE_RELEASE = ("ConfigMap", "PodTemplate", "WorkflowTemplate")
"""Kinds whose objects, if their label says so, are of one release: plans, pods, detached flows."""


@dataclass(frozen=True, slots=True)
class Needed:
    """Unfinished runs by the plan that they run; ``unknown``: Argo has not looked at it yet."""

    by_plan: dict[str, str] = field(default_factory=dict)
    unknown: str = ""
    any: str = ""

    @classmethod
    def of(cls, unfinished: Iterable[Document]) -> Needed:
        """Read the plans of unfinished Workflows from their labels, which Argo sets at once."""
        by_plan: dict[str, str] = {}
        unknown = some = ""
        for workflow in unfinished:
            some = workflow["metadata"]["name"]
            plan = (workflow["metadata"].get("labels") or {}).get(PLAN, "")
            if plan:
                by_plan[plan] = some
            else:
                unknown = some
        return cls(by_plan, unknown, some)

    def reason(self, kind: str, live: Document, plan: str) -> str:
        """Return why an object may not go now, empty if it may.

        A run that Argo has not looked at runs what the template says when it does.
        """
        run = ""
        if kind in OF_ONE_RELEASE and plan:
            run = self.by_plan.get(plan) or self.unknown
        elif kind in _OF_PODS:
            run = self.any
        return f"run {run} is not finished" if run else ""
