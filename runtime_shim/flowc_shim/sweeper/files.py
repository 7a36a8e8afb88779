"""The files that runs stored, and whether somebody still needs them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flowc_shim.artifacts.places import FILES
from flowc_shim.artifacts.uses import STORED
from flowc_shim.runner import keys
from flowc_shim.runner.plans import PlanProblem, load_plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_shim.artifacts.places import Place
    from flowc_shim.contract.json_types import Json
    from flowc_shim.stores.api import StateStore

WRITERS = ("python", "command", "container")
"""Types of component classes whose components get a folder for files."""


class StoredFiles:
    """The files of runs, as whoever forgets runs sees them; ``place``: None if there are none."""

    def __init__(self, store: StateStore, place: Place | None, now: float) -> None:
        self._store = store
        self._place = place
        self._now = now
        self._named: set[str] | None = None
        self._writes: dict[str, bool] = {}

    def may_be_of(self, header: Mapping[str, Json]) -> bool:
        """Whether the run with this header may have stored files: its plan has who writes some."""
        if self._place is None:
            return False
        digest = str(header.get("plan") or "")
        if not digest:  # a sweep that was interrupted deleted it
            return True
        if digest not in self._writes:
            try:
                classes = load_plan(None, digest, self._store).classes.values()
            except PlanProblem:
                return True
            self._writes[digest] = any(one.get("type") in WRITERS for one in classes)
        return self._writes[digest]

    def needed(self, run: str) -> str:
        """Return who needs files of ``run``, empty if nobody does; raises StoreUnavailable."""
        prefix = keys.run_prefix(run)
        for key in self._store.list(keys.uses_prefix(prefix)):
            body = self._store.read(key)
            user = self._user(json.loads(body)) if body is not None else ""
            if user:
                return user
        return "a deployed flow names its files" if prefix in self._named_by_plans() else ""

    def _user(self, row: dict[str, Json]) -> str:
        if "until" in row:
            return "a cached result" if self._now < float(row["until"]) else ""
        run = str(row["run"])
        kept = self._store.read_many([keys.header_key(run), keys.input_key(run)])
        return f"run {run}" if kept else ""

    def _named_by_plans(self) -> set[str]:
        """Return the prefixes of runs whose files are written in a flow; plans are read once."""
        if self._named is None:
            bodies = (self._store.read(key) for key in self._store.list("plans"))
            texts = (body.decode("utf-8", "replace") for body in bodies if body is not None)
            self._named = {prefix for text in texts for prefix in STORED.findall(text)}
        return self._named

    def forget(self, run: str) -> None:
        """Delete the files of ``run``, and the rows of their users; raises StoreUnavailable."""
        assert self._place is not None, "a run without a place for files has none"
        prefix = keys.run_prefix(run)
        self._place.delete_below(f"{prefix}/{FILES}")
        self._store.delete_run(keys.uses_prefix(prefix))
