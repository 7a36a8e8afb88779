"""The Argo target: a WorkflowTemplate, its plan and what its pods may do."""

from __future__ import annotations

from flowc_targets.argo.target import TARGET, ArgoTarget

__all__ = ["TARGET", "ArgoTarget"]
