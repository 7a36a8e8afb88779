"""The local target: the same units and the same shim, on this machine."""

from __future__ import annotations

from flowc_targets.local.target import TARGET, LocalTarget

__all__ = ["TARGET", "LocalTarget"]
