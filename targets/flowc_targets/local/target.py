"""The local target object: nothing to emit, a way to run."""

from __future__ import annotations

from collections.abc import Mapping

from flowc.diagnostics import Diagnostics
from flowc.target import Compilation, FeatureSupport
from flowc_targets.local.features import FEATURES

MAX_ITEMS = 25_000


class LocalTarget:
    """Runs a compilation on this machine."""

    name = "local"
    features: Mapping[str, FeatureSupport] = FEATURES
    limits: Mapping[str, int] = {"max_items": MAX_ITEMS}

    def check(self, compilation: Compilation, diagnostics: Diagnostics) -> None:
        """Report nothing: what the language allows runs here."""

    def emit(self, compilation: Compilation) -> dict[str, str]:
        """Return no files: a local run reads the plan from memory."""
        return {}


TARGET = LocalTarget()
