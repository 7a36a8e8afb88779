"""A local run: the same plan, the same shim, a store in a file, servers that flowc starts."""

from __future__ import annotations

import json
import os
import secrets as random_names
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flowc.detached import flow_name
from flowc_shim.artifacts.places import beside_state, open_place
from flowc_shim.blob_api.command import StoreBlobs
from flowc_shim.components.pool import ClientPool
from flowc_shim.contract.scopes import FINALLY, ROOT
from flowc_shim.contract.secrets import revealed
from flowc_shim.runner.commands import Request, perform
from flowc_shim.runner.finish import begin_run
from flowc_shim.runner.journal import Journal
from flowc_shim.runner.keys import run_prefix
from flowc_shim.runner.plans import publish_plan
from flowc_shim.runner.rows import new_writer
from flowc_shim.runner.runtime import Runtime
from flowc_shim.runner.variables import Variables
from flowc_shim.stores.api import StoreUnavailable
from flowc_shim.stores.commit import commit
from flowc_shim.stores.open import open_store
from flowc_shim.sweeper.cached import forget_cached
from flowc_shim.sweeper.files import StoredFiles
from flowc_shim.sweeper.sweep import Swept, forget_old
from flowc_targets.local.deployments import Deployments
from flowc_targets.local.detached import HOW, DetachedRuns
from flowc_targets.local.launchers import InProcess, Isolated, Observe
from flowc_targets.local.scheduler import Launch, Scheduler

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc.ir.layout import Unit
    from flowc.target import Compilation
    from flowc_shim.contract.json_types import Json
    from flowc_shim.contract.outcomes import Outcome
    from flowc_shim.runner.keys import Indices
    from flowc_shim.stores.api import StateStore

DEFAULT_STORE = "sqlite:///.flowc/state.db"
WORKERS = 32
"""Units that run at the same time; each mostly waits for its component."""

NEVER_HANDED_BACK = 10 * 365 * 86400.0
"""A local unit waits for its own re-tries, however long."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a local run ended. ``outcomes``: step path → outcome, without those inside of loops."""

    run: str
    outcome: Outcome
    output: Json = None
    error: Mapping[str, Any] | None = None
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)


def _ignore(unit: Unit, indices: Indices, what: str) -> None:
    return None


def store_url(compilation: Compilation) -> str:
    """Return the state store of the stack, or the local default."""
    spec = compilation.placement.stack.state_store
    return spec.url if spec is not None else DEFAULT_STORE


def _store_options(compilation: Compilation) -> Mapping[str, Json]:
    """Return the options of the state store; secrets by their names."""
    spec = compilation.placement.stack.state_store
    return {} if spec is None else spec.options


def artifact_store(compilation: Compilation, state_url: str) -> tuple[str, Mapping[str, str]]:
    """Return URL and options of where files are kept: the stack's place, else beside the state."""
    stack = compilation.placement.stack
    if stack.artifact_store is not None:
        return stack.artifact_store.url, revealed(stack.artifact_store.options, os.environ)
    beside = beside_state(state_url)
    if beside is not None:
        return beside, revealed(_store_options(compilation), os.environ)
    return f"file://{quote(str(Path('.flowc/artifacts').absolute()))}", {}


@dataclass
class LocalSession:
    """Store, clients and servers of one compilation, for as many runs as wanted."""

    compilation: Compilation
    store: StateStore
    pool: ClientPool
    blob_url: str | None
    overrides: Mapping[str, Json]
    stopping: threading.Event = field(default_factory=threading.Event)
    active: set[Scheduler] = field(default_factory=set)
    detached: DetachedRuns | None = None
    """Runs that steps start; None if no step does."""
    deployments: Deployments = field(init=False)

    def __post_init__(self) -> None:
        """Know the deployments, which all runs share."""
        self.deployments = Deployments(self.compilation, self.pool)

    def stop(self) -> None:
        """Stop every run: what runs ends soon, and ``run`` returns. Called on any thread."""
        self.stopping.set()
        for scheduler in list(self.active):
            scheduler.stop()

    def wait_detached(self) -> list[RunResult]:
        """Wait for the runs that steps have started, and return how they ended."""
        return [] if self.detached is None else self.detached.wait()

    def run(
        self,
        value: Json,
        *,
        observe: Observe = _ignore,
        isolate: bool = False,
        name: str = "",
        trigger: Json = None,
    ) -> RunResult:
        """Run the flow once with ``value`` as its input, to its end.

        ``trigger``: what started it (:mod:`flowc_shim.contract.trigger`); None: somebody's hand.
        """
        run = name or self._fresh_name()
        plan = self.compilation.plan
        runtime = Runtime(
            plan=plan,
            journal=Journal(self.store, run),
            clients=self.pool,
            variables=Variables(plan.variables, self.overrides),
            run_name=run,
            deployment=f"local/{self.compilation.name}",
            hold_waits=NEVER_HANDED_BACK,
            artifact_store=artifact_store(self.compilation, self.store.url),
            shares_blobs=self.blob_url is not None,
            starts=HOW,
        )
        header: dict[str, Json] = {
            "name": run, "flow": plan.name, "plan": plan.digest, "target": "local",
            "deployment": runtime.deployment,
        }  # fmt: skip
        begin_run(runtime, value, header, trigger)
        status = self._schedule(runtime, run, observe, isolate)
        perform(runtime, Request("finish", status=status))
        return self._result(runtime, run)

    def _fresh_name(self) -> str:
        """Return a name that no other run has, claimed in the store: two runs must never mix."""
        while True:
            name = new_run_name(self.compilation.name)
            claim = {"run": name, "writer": new_writer()}
            if commit(self.store, f"{run_prefix(name)}/claim", claim, claim["writer"]).mine:
                return name

    def _schedule(self, runtime: Runtime, run: str, observe: Observe, isolate: bool) -> str:
        with tempfile.TemporaryDirectory(prefix="flowc-") as folder:
            units: InProcess | Isolated = InProcess(runtime, observe)
            if isolate:
                environ = self._environ(Path(folder), run)
                units = Isolated(runtime.plan.digest, run, environ, observe)
                # each process has its servers
                return self._go(runtime, units, self._starting(units, runtime, True), observe)
            with self.deployments.of_run(units, runtime.cancelled) as launched:
                return self._go(runtime, units, self._starting(launched, runtime), observe)

    def _go(
        self, runtime: Runtime, launch: InProcess | Isolated, launched: Launch, observe: Observe
    ) -> str:
        try:
            self._drive(Scheduler(self.compilation.layout, launched, WORKERS, launch.stop))
        except KeyboardInterrupt:
            self._run_finally(runtime, "Stopped", observe)
            perform(runtime, Request("finish", status="Stopped"))
            raise
        status = "Stopped" if self.stopping.is_set() else "Succeeded"
        isolated = launch if isinstance(launch, Isolated) else None
        self._run_finally(runtime, status, observe, isolated)
        return status

    def _starting(self, launch: Launch, runtime: Runtime, isolate: bool = False) -> Launch:
        if self.detached is None:
            return launch
        return self.detached.starting(launch, runtime.journal.run, isolate)

    def _run_finally(
        self,
        runtime: Runtime,
        status: str,
        observe: Observe,
        isolated: InProcess | Isolated | None = None,
    ) -> None:
        """Run the ``finally:`` steps, of a run that was stopped too: that stop is not theirs."""
        if not runtime.plan.has_finally:
            return
        perform(runtime, Request("conclude", status=status))
        units = isolated
        if units is None or status == "Stopped":
            units = InProcess(replace(runtime, cancelled=threading.Event(), _parts=set()), observe)
        launch = self._starting(units, runtime, isinstance(units, Isolated))
        Scheduler(self.compilation.layout, launch, WORKERS, units.stop).run(FINALLY)

    def _drive(self, scheduler: Scheduler) -> None:
        self.active.add(scheduler)
        try:
            if self.stopping.is_set():  # stop() may have been too early to see it
                scheduler.stop()
            scheduler.run()
        finally:
            self.active.discard(scheduler)

    def _environ(self, folder: Path, run: str) -> dict[str, str]:
        plan = folder / "plan.json"
        plan.write_text(json.dumps(self.compilation.plan.to_json()), encoding="utf-8")
        environ = {
            "FLOWC_PLAN": str(plan),
            "FLOWC_STORE": self.store.url,
            "FLOWC_STORE_OPTIONS": json.dumps(dict(_store_options(self.compilation))),
            "FLOWC_RUN_NAME": run,
            "FLOWC_STARTS": HOW,
            "FLOWC_VARIABLES": json.dumps(dict(self.overrides)),
            "FLOWC_WORKING_DIRECTORY": working_directory(self.compilation),
        }
        url, options = artifact_store(self.compilation, self.store.url)
        environ |= {"FLOWC_ARTIFACTS": url, "FLOWC_ARTIFACT_OPTIONS": json.dumps(dict(options))}
        if self.blob_url is not None:
            environ["FLOWC_BLOB_API"] = self.blob_url
        return environ

    def _result(self, runtime: Runtime, run: str) -> RunResult:
        end = runtime.journal.end()
        assert end is not None
        steps = runtime.plan.scope_steps
        paths = (*steps[ROOT], *steps.get(FINALLY, ()))
        records = runtime.journal.records([((), path) for path in paths])
        return RunResult(
            run,
            end.outcome,
            end.output,
            end.error,
            {path: record.outcome for path, record in zip(paths, records, strict=True) if record},
        )


def new_run_name(flow: str) -> str:
    """Return a likely new name for a run: flow, time (UTC), random digits."""
    return f"{flow}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{random_names.token_hex(2)}"


def working_directory(compilation: Compilation) -> str:
    """Return the folder that relative commands and files of the stack are looked up in."""
    stack = compilation.placement.stack
    base = Path(stack.file).parent if stack.file else Path()
    return str((base / stack.working_directory) if stack.working_directory else base) or "."


@contextmanager
def open_session(
    compilation: Compilation,
    *,
    overrides: Mapping[str, Json] | None = None,
    state_store: str | None = None,
) -> Iterator[LocalSession]:
    """Yield a session; servers are started when first called and ended at the end.

    Runs that steps start are waited for before that.
    """
    url = state_store or store_url(compilation)
    family = compilation.family
    with ExitStack() as stack:
        store = _opened(url, _store_options(compilation))
        stack.callback(store.close)
        for one in family:
            publish_plan(store, one.plan)
        _forget_old(compilation, store)
        blob_url = None
        if any(c.get("type") == "stepflow" for one in family for c in one.plan.classes.values()):
            from flowc_shim.blob_api.server import serve

            blobs = serve(StoreBlobs(store))
            stack.callback(blobs.stop)
            blob_url = blobs.component_url
        sessions = [_session(one, store, blob_url, overrides or {}, stack) for one in family]
        if len(family) > 1:
            stack.callback(_share(sessions).close)
        yield sessions[0]


def _session(
    compilation: Compilation,
    store: StateStore,
    blob_url: str | None,
    overrides: Mapping[str, Json],
    stack: ExitStack,
) -> LocalSession:
    pool = ClientPool(
        compilation.plan.classes,
        blob_api_url=blob_url,
        working_directory=working_directory(compilation),
    )
    stack.callback(pool.close)
    values = {**compilation.placement.secrets, **overrides}
    return LocalSession(compilation, store, pool, blob_url, values)


def _share(sessions: list[LocalSession]) -> DetachedRuns:
    """Let the runs of all ``sessions`` start runs of each other, and end together."""
    first = sessions[0]
    by_flow = {flow_name(session.compilation): session for session in sessions}

    def begin(flow: str, name: str, trigger: Json, isolate: bool) -> RunResult:
        return by_flow[flow].run(None, name=name, trigger=trigger, isolate=isolate)

    runs = DetachedRuns(first.store, begin)
    for session in sessions:
        session.detached = runs
        session.stopping, session.active = first.stopping, first.active
    return runs


def _forget_old(compilation: Compilation, store: StateStore) -> None:
    """Forget runs past the stack's retention: here nobody else does, and without one all stay."""
    retention = compilation.placement.stack.retention
    if retention is not None:
        now = time.time()
        files = StoredFiles(store, open_place(*artifact_store(compilation, store.url)), now)
        forget_old(store, f"local/{compilation.name}", now - retention, Swept(), files)
        forget_cached(store, now)


def _opened(url: str, options: Mapping[str, Json]) -> StateStore:
    _make_folder(url)
    try:
        return open_store(url, revealed(options, os.environ))
    except ValueError as error:  # an extra that is not installed, a secret without value
        raise StoreUnavailable(str(error)) from error


def _make_folder(url: str) -> None:
    path = url.partition("///")[2]
    if url.startswith("sqlite:///") and path:
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"{url}: {error.strerror or error}") from error
