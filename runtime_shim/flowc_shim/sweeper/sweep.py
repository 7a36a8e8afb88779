"""Recording the end of runs that ended without their exit handler, and forgetting old ones.

Stopping with ``argo terminate``, deleting a Workflow and aborting an execution run no exit handler.
Every run that began has an entry under its deployment (``open/<run>``) until its end was seen here.
All of it is idempotent: an end is decided once, by whoever comes first, and a sweep that was
interrupted is done again by the next one.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowc_shim.artifacts.places import open_place
from flowc_shim.aws_secrets import with_secrets
from flowc_shim.contract.errors import platform_error
from flowc_shim.contract.scopes import ROOT
from flowc_shim.engines.api import Engine, EngineEnd, EngineUnavailable
from flowc_shim.runner import keys
from flowc_shim.runner.commands import Request, perform
from flowc_shim.runner.finally_steps import run_finally_here
from flowc_shim.runner.journal import Journal
from flowc_shim.runner.plans import PlanProblem, plan_key
from flowc_shim.runner.session import RUN_NAME, artifact_store_of, open_session
from flowc_shim.runner.settle import STOPPED_STATUSES
from flowc_shim.stores.api import StoreUnavailable
from flowc_shim.sweeper.cached import forget_cached
from flowc_shim.sweeper.files import StoredFiles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowc_shim.artifacts.places import Place
    from flowc_shim.contract.json_types import Json
    from flowc_shim.stores.api import StateStore

RETENTION = 30 * 86400.0
"""Seconds after its start that a run which has ended is kept, with everything that it wrote."""

RETENTION_SECONDS = "FLOWC_RETENTION"
"""The variable that says otherwise, where no argument can."""

TOGETHER = 32
"""Keys that are read at a time."""

SUCCEEDED = "succeeded"


@dataclass
class Swept:
    """What a sweep did: runs that got an end, that had one, that go on, and that were forgotten.

    ``cached``: how many cached results were forgotten.

    ``kept``: run → who uses its files, so that it stays past its retention. ``failed``: run → why
    nothing could be done for it now; the next sweep tries again.
    """

    ended: list[str] = field(default_factory=list)
    closed: int = 0
    going_on: int = 0
    forgotten: list[str] = field(default_factory=list)
    cached: int = 0
    kept: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Json]:
        """Return it for the container's log."""
        return {
            "ended": self.ended, "closed": self.closed, "going_on": self.going_on,
            "forgotten": self.forgotten, "cached": self.cached, "kept": self.kept,
            "failed": self.failed,
        }  # fmt: skip


def sweep(
    store: StateStore,
    deployment: str,
    engine: Engine,
    env: Mapping[str, str],
    *,
    retention: float = RETENTION,
    now: float | None = None,
) -> Swept:
    """Look after every open run of ``deployment``, then forget what is past its retention.

    ``env``: the environment of the deployment's shims, without the run's own part.
    """
    found = Swept()
    for run in _below(store, f"{keys.deployment_prefix(deployment)}/open"):
        try:
            _look_after(store, deployment, run, engine, env, found)
        except (PlanProblem, EngineUnavailable, StoreUnavailable, ValueError) as error:
            found.failed[run] = str(error)
    moment = time.time() if now is None else now
    files = StoredFiles(store, _place(env), moment)
    forget_old(store, deployment, moment - retention, found, files)
    try:
        found.cached = forget_cached(store, moment)
    except StoreUnavailable as error:
        found.failed["cached results"] = str(error)
    return found


def _place(env: Mapping[str, str]) -> Place | None:
    url, options = artifact_store_of(with_secrets(env))
    return None if url is None else open_place(url, options)


def forget_old(
    store: StateStore, deployment: str, before: float, found: Swept, files: StoredFiles
) -> None:
    """Delete everything of the runs that were started ``before`` (epoch seconds) and have ended.

    One whose ``files`` somebody uses stays.
    """
    for key, run in _old_runs(store, deployment, before):
        try:
            _forget(store, deployment, key, run, found, files)
        except StoreUnavailable as error:
            found.failed[run] = str(error)


def _below(store: StateStore, prefix: str) -> Iterator[str]:
    """Yield the runs whose rows are below ``prefix``."""
    wanted = list(store.list(prefix))
    for start in range(0, len(wanted), TOGETHER):
        for body in store.read_many(wanted[start : start + TOGETHER]).values():
            yield str(json.loads(body)["run"])


def _look_after(
    store: StateStore,
    deployment: str,
    run: str,
    engine: Engine,
    env: Mapping[str, str],
    found: Swept,
) -> None:
    journal = Journal(store, run)
    if journal.end() is None:
        header = journal.header()
        end = engine.end_of(run, header)
        if end is None:
            found.going_on += 1
            return
        _record(journal, header, end, env)
        found.ended.append(run)
    else:
        found.closed += 1
    store.delete_run(keys.open_run_key(deployment, run).removesuffix("/-"))


def _record(
    journal: Journal, header: Mapping[str, Json], end: EngineEnd, env: Mapping[str, str]
) -> None:
    """Decide what the run's shims left undecided, and its end, as its exit handler would have."""
    name = str(header.get("name") or journal.run)
    # the plan is the run's own, which may be older than the one that is mounted here
    own = {key: value for key, value in env.items() if key != "FLOWC_PLAN"}
    with open_session(str(header["plan"]), journal.run, {**own, RUN_NAME: name}) as runtime:
        if end.status.lower() not in (*STOPPED_STATUSES, SUCCEEDED):
            message = f"the engine ended the run: {end.message or end.status}"
            error = platform_error("EXECUTION_DIED", message).info.to_json()
            runtime.journal.set_failing(ROOT, (), {"step": None, "error": error})
        if runtime.plan.has_finally:
            perform(runtime, Request("conclude", status=end.status))
            run_finally_here(runtime)
        perform(runtime, Request("finish", status=end.status))


def _old_runs(store: StateStore, deployment: str, before: float) -> Iterator[tuple[str, str]]:
    """Yield key and run of those that were started before; the keys are in the order of start."""
    last = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(before))
    prefix = f"{keys.deployment_prefix(deployment)}/runs"
    for key in list(store.list(prefix)):
        if key.removeprefix(f"{prefix}/") >= last:
            return
        body = store.read(key)
        if body is not None:
            yield key, str(json.loads(body)["run"])


def _forget(
    store: StateStore, deployment: str, key: str, run: str, found: Swept, files: StoredFiles
) -> None:
    """Delete everything of a run that has ended; its entry in the list goes last."""
    journal = Journal(store, run)
    header = journal.header()
    if header and journal.end() is None:
        return
    has_files = files.may_be_of(header)
    user = files.needed(run) if has_files else ""
    if user:
        found.kept[run] = user
        return
    name = str(header.get("name") or "")
    store.delete_run(keys.open_run_key(deployment, run).removesuffix("/-"))
    store.delete_run(keys.run_prefix(run))
    if name:
        _forget_name(store, name)
    if has_files:
        files.forget(run)
    store.delete_run(key.removesuffix("/-"))
    found.forgotten.append(run)


def _forget_name(store: StateStore, name: str) -> None:
    """Forget a name of runs once no run has it: engines use names again."""
    prefix = keys.alias_key(name, "x").rpartition("/")[0]
    for key in store.list(prefix):
        body = store.read(key)
        if body is not None and store.read(keys.header_key(json.loads(body)["run"])) is not None:
            return
    store.delete_run(prefix)


def forget_all(store: StateStore, deployment: str, plans: Sequence[str]) -> int:
    """Delete everything that is stored about a deployment without unfinished runs; how many runs.

    ``plans``: the digests of its plans. What lists the rest goes last: it may be done again.
    """
    prefix = keys.deployment_prefix(deployment)
    runs = list(dict.fromkeys([*_below(store, f"{prefix}/runs"), *_below(store, f"{prefix}/open")]))
    for run in runs:
        name = str(Journal(store, run).header().get("name") or "")
        store.delete_run(keys.run_prefix(run))
        if name:
            _forget_name(store, name)
    for digest in plans:
        store.delete(plan_key(digest))
    store.delete_run(prefix)
    return len(runs)
