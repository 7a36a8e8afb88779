"""``flowc runs``, ``status``, ``logs``, ``stop``, ``suspend``, ``unsuspend``, ``releases``."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from flowc.cli.deploying.claiming import require_place
from flowc.cli.deploying.failing import guarded
from flowc.cli.deploying.finding import find_run
from flowc.cli.deploying.places import Deployment, deployments, state_store
from flowc.cli.deploying.protection import require_token
from flowc.cli.deploying.release_store import releases
from flowc.cli.deploying.run_rows import RunRow, list_rows, row_of
from flowc.cli.deploying.starting import wait_for
from flowc.cli.local_runs import LOCAL
from flowc.cli.reporting import say
from flowc.cli.session import Session
from flowc.deploy.provider import DeployError, RunState
from flowc.diagnostics import Diagnostics
from flowc.source.quantities import parse_duration
from flowc.targets import find_target
from flowc_shim.runner.plans import PlanProblem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowc.deploy.provider import Provider
    from flowc.loading import Choice
    from flowc_shim.stores.api import StateStore


@dataclass(frozen=True, slots=True)
class Look:
    """Where to look, and in which form to say it."""

    choice: Choice
    target: str | None = None
    format: str = "human"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which runs are wanted."""

    status: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    since: str | None = None
    most: int = 20


@dataclass(slots=True)
class _View:
    """The deployments that a command looks at, their store and their engines."""

    deployments: list[Deployment]
    store: StateStore
    providers: dict[str, Provider]

    def provider(self, deployment: Deployment) -> Provider | None:
        return self.providers.get(deployment.key)


@contextmanager
def _view(found: list[Deployment]) -> Iterator[_View]:
    """Yield a view; all deployments of a command are on one stack, so they share its store."""
    with ExitStack() as stack:
        store = stack.enter_context(state_store(found[0].address.stack))
        providers = {}
        for one in found:
            if one.deployer is not None:
                providers[one.key] = one.connect()
                stack.callback(providers[one.key].close)
                require_place(one, providers[one.key], store)
        yield _View(found, store, providers)


def _looking(look: Look, flows: list[str], work: Callable[[_View], int]) -> int:
    session = Session()
    found = deployments(session, flows, look.choice, look.target)
    if session.report("human") or not found:
        return 1

    def inside() -> int:
        with _view(found) as view:
            return work(view)

    return guarded(inside, look.format)


# flowc runs


def run_runs(flows: list[str], wanted: Filter, look: Look) -> int:
    """Print runs, newest first."""
    try:
        since = _since(wanted.since)
        states = frozenset(RunState(status) for status in wanted.status)
    except ValueError as error:
        known = ", ".join(state.value for state in RunState)
        say(f"error: {error}; states: {known}; `--since` is a duration (2h) or a time (ISO 8601)")
        return 2
    work = partial(_runs, wanted=wanted, since=since, states=states, look=look)
    return _looking(look, flows, work)


def _since(text: str | None) -> float:
    if text is None:
        return 0.0
    try:
        return time.time() - parse_duration(text)
    except ValueError:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return moment.timestamp()


def _runs(
    view: _View, wanted: Filter, since: float, states: frozenset[RunState], look: Look
) -> int:
    filtered = bool(states or wanted.tags or since)
    most = wanted.most * 50 if filtered else wanted.most
    rows = [
        row
        for one in view.deployments
        for row in list_rows(view.store, one.key, view.provider(one), most)
        if (not states or row.state in states)
        and set(wanted.tags) <= set(row.tags)
        and (row.started or 0) >= since
    ]
    rows = sorted(rows, key=lambda row: -(row.started or 0))[: wanted.most]
    if look.format == "json":
        print(json.dumps([row.to_json() for row in rows], indent=2, ensure_ascii=False))
    else:
        for row in rows:
            print(_line(row))
        if not rows:
            say("no runs")
    return 0


def _line(row: RunRow) -> str:
    seconds = "" if row.started is None or row.ended is None else f"{row.ended - row.started:.1f}s"
    tags = f"  [{', '.join(row.tags)}]" if row.tags else ""
    due = f"  due {row.scheduled}" if row.scheduled else ""
    moment = _moment(row.started)
    return f"{row.name:<40}  {row.state.value:<10}  {moment:<19}  {seconds:>8}{tags}{due}"


def _moment(seconds: float | None) -> str:
    return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


# flowc status


def run_status(run: str, look: Look) -> int:
    """Print one run, with its steps; 0 if it is known."""
    return _looking(look, [], partial(_status, wanted=run, look=look))


def _status(view: _View, wanted: str, look: Look) -> int:
    found = find_run(view.store, wanted, view.deployments, view.providers)
    provider = view.provider(found.deployment)
    row = row_of(view.store, found.deployment.key, found.run, provider)
    if row is None:
        raise DeployError(f"there is no run `{wanted}`", "`flowc runs` lists them")
    steps, error = _steps(view.store, found.run)
    if look.format == "json":
        said = {**row.to_json(), "steps": steps, "error": error}
        print(json.dumps(said, indent=2, ensure_ascii=False))
        return 0
    print(_line(row))
    if row.message and row.state is not RunState.SUCCEEDED:
        print(f"  {row.message}")
    for step in steps:
        tries = f"  attempt {step['attempt']}" if step["attempt"] > 1 else ""
        why = f"  {step['error']['code']}: {step['error']['message']}" if step["error"] else ""
        print(f"  {step['step']:<32} {step['outcome']:<16} {step['seconds']:.1f}s{tries}{why}")
    if error:
        print(f"error: {json.dumps(error, ensure_ascii=False)}")
    return 0


def _steps(store: StateStore, run: str) -> tuple[list[dict[str, Any]], Any]:
    """Return the decided steps of a run, and why it failed; none of a run that has not begun."""
    target: Any = find_target(LOCAL, Diagnostics())
    try:
        view = target.view(store, run)
    except (KeyError, PlanProblem):
        return [], None
    steps = [
        {"step": one.path, "outcome": one.outcome, "attempt": one.attempt,
         "seconds": round(one.seconds, 3), "error": one.error}
        for one in view.steps()
    ]  # fmt: skip
    error = dict(view.end.error) if view.end is not None and view.end.error else None
    return steps, error


# flowc logs, stop


def run_logs(run: str, step: str | None, follow: bool, look: Look) -> int:
    """Print what the units of a run printed."""
    return _looking(look, [], partial(_logs, wanted=run, step=step, follow=follow, look=look))


def _logs(view: _View, wanted: str, step: str | None, follow: bool, look: Look) -> int:
    found = find_run(view.store, wanted, view.deployments, view.providers)
    provider = view.provider(found.deployment)
    if provider is None:
        raise DeployError(
            "local runs keep no logs", f"`flowc show {wanted}` has what its steps did"
        )
    row = row_of(view.store, found.deployment.key, found.run, provider)
    engine = None if row is None else provider.run(row.name)
    if engine is None or engine.key != found.run:
        raise DeployError(
            f"the engine does not know run `{wanted}` any more",
            f"its logs are gone; `flowc status {wanted}` has its results",
        )
    units = [] if step is None else _units_of(view.store, found.run, step)
    for line in provider.logs(engine, units, follow):
        if look.format == "json":
            said = {"unit": line.unit, "scope": line.scope, "time": line.time, "text": line.text}
            print(json.dumps(said, ensure_ascii=False), flush=True)
        else:
            scope = f"[{line.scope.replace('/', '.')}]" if line.scope else ""
            print(f"{line.unit}{scope}  {line.text}", flush=True)
    return 0


def _units_of(store: StateStore, run: str, step: str) -> list[str]:
    """Return the units that run a step, or the steps of a loop; raises DeployError."""
    target: Any = find_target(LOCAL, Diagnostics())
    path = step.partition("[")[0]
    try:
        plan = target.view(store, run).plan
    except (KeyError, PlanProblem):
        return [path]
    inside = [one for one in plan.steps if one == path or one.startswith(f"{path}/")]
    if not inside:
        known = ", ".join(list(plan.steps)[:20])
        raise DeployError(f"no step `{step}` in this run", f"it has {known}")
    return [id for id, unit in plan.units.items() if set(unit.steps) & set(inside)]


def run_stop(run: str, wait: bool, look: Look) -> int:
    """Stop a run; its end is recorded by its exit handler, or else by the sweeper."""
    return _looking(look, [], partial(_stop, wanted=run, wait=wait, look=look))


def _stop(view: _View, wanted: str, wait: bool, look: Look) -> int:
    found = find_run(view.store, wanted, view.deployments, view.providers)
    provider = view.provider(found.deployment)
    if provider is None:
        raise DeployError("a local run is stopped where it runs", "press Ctrl-C there")
    require_token(found.deployment, view.store)
    row = row_of(view.store, found.deployment.key, found.run, provider)
    assert row is not None, "it was found"
    if not row.state.ended:
        engine = provider.run(row.name)
        if engine is not None and engine.key == found.run:
            provider.stop(engine)
            say(f"run {row.name} is asked to stop")
        if wait:
            row = wait_for(found.deployment.key, provider, view.store, found.run)
    if look.format == "json":
        print(json.dumps(row.to_json(), ensure_ascii=False))
    elif row.state.ended:
        print(f"run {row.name} {row.state.value}")
    return 0


# schedules


def run_suspend(flow: str, on: bool, look: Look) -> int:
    """Suspend the schedules of a flow, or let them go on."""
    return _looking(look, [flow], partial(_suspend, on=on, look=look))


def _suspend(view: _View, on: bool, look: Look) -> int:
    one = view.deployments[0]
    provider = view.provider(one)
    if provider is None:
        raise DeployError("nothing schedules runs on this machine", "choose a stack with `--stack`")
    require_token(one, view.store)
    provider.suspend(on)
    if look.format == "json":
        print(json.dumps({"deployment": one.address.name, "suspended": on}))
    else:
        print(f"{one.title}: schedules {'suspended' if on else 'go on'}")
    return 0


# flowc releases


def run_releases(flows: list[str], look: Look) -> int:
    """Print the releases of deployments, newest first."""
    session = Session()
    found = deployments(session, flows, look.choice, look.target)
    if session.report("human") or not found:
        return 1

    def work() -> int:
        with state_store(found[0].address.stack) as store:
            return _releases(store, found, look)

    return guarded(work, look.format)


def _releases(store: StateStore, found: list[Deployment], look: Look) -> int:
    rows = [(one, release) for one in found for release in reversed(releases(store, one.key))]
    if look.format == "json":
        said = [
            {"deployment": one.address.name, "target": one.target.name, "number": release.number,
             "digest": release.digest or None, "plan": release.plan or None, "who": release.who,
             "commit": release.commit or None, "began": release.began, "applied": release.applied}
            for one, release in rows
        ]  # fmt: skip
        print(json.dumps(said, indent=2, ensure_ascii=False))
        return 0
    for one, release in rows:
        how = "undeployed" if not release.digest else release.digest[:12]
        how += "" if release.applied is not None else "  (not finished)"
        commit = release.commit[:10] + ("+" if release.commit.endswith("+") else "")
        print(
            f"{one.address.name}  {release.number:>4}  {_moment(release.began)}  {release.who}  "
            f"{commit or '-'}  {how}"
        )
    if not rows:
        say("no releases")
    return 0
