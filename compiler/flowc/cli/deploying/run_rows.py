"""Runs in one form for every target: what the store says, joined with what the engine says."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flowc.deploy.provider import RunState
from flowc_shim.runner import keys
from flowc_shim.runner.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowc.deploy.provider import EngineRun, Provider
    from flowc_shim.stores.api import StateStore

TOGETHER = 64


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run. Times are seconds since the epoch, None if not known."""

    run: str
    name: str
    deployment: str
    state: RunState
    started: float | None = None
    ended: float | None = None
    plan: str = ""
    tags: tuple[str, ...] = ()
    scheduled: str = ""
    message: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "run": self.run, "name": self.name, "deployment": self.deployment,
            "state": self.state.value, "started": self.started, "ended": self.ended,
            "plan": self.plan, "tags": list(self.tags), "scheduled": self.scheduled or None,
            "message": self.message or None,
        }  # fmt: skip


def list_rows(
    store: StateStore, deployment: str, provider: Provider | None, most: int
) -> list[RunRow]:
    """Return the newest runs of a deployment, newest first."""
    prefix = f"{keys.deployment_prefix(deployment)}/runs"
    listed = sorted(store.list(prefix), reverse=True)[:most]
    # the engine is asked later: a run that it does not know then is gone, not new
    engine = None if provider is None else {run.key: run for run in provider.runs()}
    found: list[RunRow] = []
    for start in range(0, len(listed), TOGETHER):
        bodies = store.read_many(listed[start : start + TOGETHER])
        runs = [str(json.loads(bodies[key])["run"]) for key in listed if key in bodies]
        found += _rows(store, deployment, runs, engine)
    known = {row.run for row in found}
    others = {} if engine is None else engine
    found += [_of_engine(deployment, run) for key, run in others.items() if key not in known]
    return sorted(found, key=lambda row: -(row.started or 0))[:most]


def _rows(
    store: StateStore, deployment: str, runs: Iterable[str], engine: Mapping[str, EngineRun] | None
) -> list[RunRow]:
    wanted = list(runs)
    headers = store.read_many([keys.header_key(run) for run in wanted])
    ends = store.read_many([keys.end_key(run) for run in wanted])
    found = []
    for run in wanted:
        header, end = headers.get(keys.header_key(run)), ends.get(keys.end_key(run))
        if header is not None:
            row = _of_store(run, deployment, json.loads(header), json.loads(end) if end else None)
            known = None if engine is None else engine.get(run)
            found.append(joined(row, known, asked=engine is not None))
    return found


def row_of(
    store: StateStore, deployment: str, run: str, provider: Provider | None
) -> RunRow | None:
    """Return one run by its key, None if neither the store nor the engine knows it."""
    journal = Journal(store, run)
    header = journal.header()
    if not header:
        found = provider.run(run) if provider is not None else None
        return None if found is None else _of_engine(deployment, found)
    ended = journal.end()
    end = None if ended is None else {"outcome": ended.outcome.value, "ended": ended.ended}
    row = _of_store(run, deployment, header, end)
    if row.state.ended or provider is None:
        return row
    return joined(row, _same(provider.run(row.name), run), asked=True)


def _same(found: EngineRun | None, run: str) -> EngineRun | None:
    return found if found is not None and found.key == run else None


def _of_store(
    run: str, deployment: str, header: Mapping[str, Any], end: Mapping[str, Any] | None
) -> RunRow:
    return RunRow(
        run=run,
        name=str(header.get("name") or run),
        deployment=deployment,
        state=RunState(end["outcome"]) if end else RunState.RUNNING,
        started=header.get("started"),
        ended=end["ended"] if end else None,
        plan=str(header.get("plan") or ""),
        tags=tuple(header.get("tags") or ()),
        scheduled=str(header.get("scheduled") or ""),
    )


def _of_engine(deployment: str, run: EngineRun) -> RunRow:
    return RunRow(
        run.key, run.name, deployment, run.state, run.started, run.ended, run.plan, run.tags,
        run.scheduled, run.message,
    )  # fmt: skip


def joined(row: RunRow, engine: EngineRun | None, *, asked: bool = False) -> RunRow:
    """Return a row of the store with what the engine adds.

    A run that has no end in the store, and is over for the engine, died without its exit handler:
    the engine's word counts until the sweeper has recorded the end. ``asked``: the engine was asked
    for this run, so that None means that it does not know it.
    """
    if engine is None:
        if asked and not row.state.ended:
            return replace(row, state=RunState.STOPPED, message="the engine does not know it")
        return row
    row = replace(
        row,
        name=engine.name,
        tags=row.tags or engine.tags,
        scheduled=row.scheduled or engine.scheduled,
        message=engine.message,
    )
    if row.state.ended or not engine.state.ended:
        return row
    return replace(row, state=engine.state, ended=engine.ended)
