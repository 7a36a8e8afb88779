"""The local target object: nothing to emit, a way to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_targets.local.features import FEATURES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from flowc.diagnostics import Diagnostics
    from flowc.source.stack_model import Stack
    from flowc.target import Compilation, FeatureSupport, LoopChoice
    from flowc_shim.contract.json_types import Json
    from flowc_shim.stores.api import StateStore
    from flowc_targets.local.inspect import RunSummary, RunView
    from flowc_targets.local.run import LocalSession

MAX_ITEMS = 25_000


class LocalTarget:
    """Runs a compilation on this machine."""

    name = "local"
    features: Mapping[str, FeatureSupport] = FEATURES
    limits: Mapping[str, int] = {"max_items": MAX_ITEMS}

    def endpoints(self, stack: Stack, shared_name: str) -> Mapping[str, str]:
        """Return nothing: whatever runs here is started by the shim."""
        return {}

    def placements(self, compilation: Compilation) -> Mapping[str, str]:
        """Return where everything runs: here."""
        return dict.fromkeys(compilation.layout.units, "this machine; nothing else is there")

    def loops(self, compilation: Compilation) -> tuple[LoopChoice, ...]:
        """Return which loops are one unit here; any other is a thread per item or pass."""
        from flowc.target import LoopChoice, in_flow_order, while_units

        layout = compilation.layout
        items = [
            LoopChoice(f.path, "threads", f"at most {f.concurrency} at a time")
            for f in layout.loops.values()
        ]
        passes = [LoopChoice(p, "units", "one pass after the other") for p in layout.whiles]
        reason = "nothing in a pass could run at the same time"
        whole = [LoopChoice(unit.id, "one unit", reason) for unit in while_units(compilation)]
        return in_flow_order(compilation, [*items, *passes, *whole])

    def check(self, compilation: Compilation, diagnostics: Diagnostics) -> None:
        """Report classes that only a cluster could bring up; all else runs here."""
        from flowc.diagnostics import codes
        from flowc_targets._shared.check_classes import used_classes

        for cls, _ in used_classes(compilation):
            if cls.deploy is not None:
                diagnostics.report(
                    codes.UNSUPPORTED,
                    f"class `{cls.name}` is to be deployed, and nothing is deployed here",
                    cls.span,
                    hint="give the class a `command` that starts its server, or a `url`",
                )

    def open_session(
        self,
        compilation: Compilation,
        *,
        overrides: Mapping[str, Json] | None = None,
        state_store: str | None = None,
    ) -> AbstractContextManager[LocalSession]:
        """Return a session in which the flow can be run, as a context manager."""
        from flowc_targets.local.run import open_session

        return open_session(compilation, overrides=overrides, state_store=state_store)

    def runs(self, store: StateStore) -> list[RunSummary]:
        """Return the runs in ``store``, newest first."""
        from flowc_targets.local.inspect import list_runs

        return list_runs(store)

    def view(self, store: StateStore, run: str) -> RunView:
        """Return a view of one run; raises KeyError if there is none."""
        from flowc_targets.local.inspect import RunView

        return RunView(store, run)

    def emit(self, compilation: Compilation) -> dict[str, str]:
        """Return no files: a local run reads the plan from memory."""
        return {}


TARGET = LocalTarget()
