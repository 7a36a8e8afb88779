"""``flowc trigger``: runs of what is deployed, one or one per item, started once each."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from flowc.cli.deploying.claiming import require_place
from flowc.cli.deploying.failing import guarded, say_problem
from flowc.cli.deploying.places import Deployment, deployments, state_store
from flowc.cli.deploying.planning import live_plan
from flowc.cli.deploying.run_rows import RunRow, row_of
from flowc.cli.inputs import MISSING, read_input, read_items
from flowc.cli.reporting import say
from flowc.cli.session import Session
from flowc.deploy.provider import MAX_INPUT_BYTES, DeployError, RunState, Start
from flowc.json_schema import mismatches
from flowc_shim.contract.plan import with_data
from flowc_shim.language.paths import render_path
from flowc_shim.runner.journal import Journal
from flowc_shim.runner.keys import deployment_prefix
from flowc_shim.runner.plans import PlanProblem, load_plan
from flowc_shim.stores.commit import land

if TYPE_CHECKING:
    from pathlib import Path

    from flowc.deploy.provider import EngineRun, Provider
    from flowc.loading import Choice
    from flowc_shim.contract.json_types import Json
    from flowc_shim.stores.api import StateStore

_BASE = 52
_POLL = 2.0
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Trigger:
    """What was asked for; ``input`` is still text."""

    flow: str
    choice: Choice
    target: str | None
    input: str | None
    items: Path | None
    key: str | None
    tags: tuple[str, ...]
    wait: bool
    format: str


def run_trigger(asked: Trigger) -> int:
    """Start runs; with ``--wait`` 0 if all of them succeeded."""
    session = Session()
    inputs = _inputs(asked, session)
    wanted = deployments(session, [asked.flow], asked.choice, asked.target)
    if session.report("human") or not wanted or inputs is None:
        return 1
    if wanted[0].deployer is None:
        say_problem(
            f"nothing is deployed to `{wanted[0].target.name}`",
            f"`flowc run {asked.flow}` runs it here", asked.format,
        )  # fmt: skip
        return 1
    return guarded(partial(_trigger, wanted[0], inputs, asked), asked.format)


def _inputs(asked: Trigger, session: Session) -> list[Json] | None:
    if asked.items is not None:
        return read_items(asked.items, session.diagnostics, session.loader.texts)
    value = read_input(asked.input, session.diagnostics, session.loader.texts)
    return None if value is MISSING else [value]


def _trigger(deployment: Deployment, inputs: list[Json], asked: Trigger) -> int:
    provider = deployment.connect()
    try:
        with state_store(deployment.address.stack) as store:
            require_place(deployment, provider, store)
            _check_inputs(store, deployment, inputs)
            started = []
            for index, value in enumerate(inputs):
                name = _name(deployment, asked, index)
                start = _start(store, deployment, name, value, asked.tags)
                run = provider.start(start)
                started.append(run)
                _print_started(run, index, asked)
            if not asked.wait:
                return 0
            return _wait(deployment, provider, store, started, asked)
    finally:
        provider.close()


def _check_inputs(store: StateStore, deployment: Deployment, inputs: list[Json]) -> None:
    """Refuse inputs that the deployed flow would not take, before anything is started."""
    digest = live_plan(store, deployment)
    if not digest:
        raise DeployError(
            f"no release of {deployment.title} is recorded", "deploy it with `flowc deploy`"
        )
    try:
        plan = load_plan(None, digest, store)
    except PlanProblem:
        return  # the shims have it elsewhere, and check the input themselves
    if plan.input_schema is None or not plan.enforce_schemas:
        return
    for index, value in enumerate(inputs):
        for problem in mismatches(plan.input_schema, with_data(value, plan.data))[:1]:
            where = f" at `{render_path(problem.path)}`" if problem.path else ""
            item = f" {index}" if len(inputs) > 1 else ""
            raise DeployError(
                f"input{item} does not match the flow's schema{where}: {problem.message}",
                "nothing was started; correct the input",
            )


def _name(deployment: Deployment, asked: Trigger, index: int) -> str:
    """Return the run's name: at most 63 characters, which every engine takes."""
    base = deployment.address.name
    if len(base) > _BASE:
        base = f"{base[: _BASE - 7]}-{hashlib.sha256(base.encode()).hexdigest()[:6]}"
    if asked.key is not None:
        digest = hashlib.sha256(f"{asked.key}\0{index}".encode()).hexdigest()[:9]
        return f"{base}-k{digest}"
    return f"{base}-{_moment(int(time.time()))}{secrets.token_hex(2)[:4]}"


def _moment(seconds: int) -> str:
    """Return a time as six letters and digits, the later the greater."""
    text = ""
    while seconds:
        seconds, digit = divmod(seconds, 36)
        text = _DIGITS[digit] + text
    return text


def _start(
    store: StateStore, deployment: Deployment, name: str, value: Json, tags: tuple[str, ...]
) -> Start:
    """Return how to start a run; a large input goes by way of the store."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) <= MAX_INPUT_BYTES:
        return Start(name, text, tags=tags)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    key = f"{deployment_prefix(deployment.key)}/inputs/{name}/{digest}"
    land(store, key, text.encode())
    return Start(name, "", key, tags)


def _print_started(run: EngineRun, index: int, asked: Trigger) -> None:
    if asked.wait:
        say(f"run {run.name} started")
    elif asked.format == "json":
        print(json.dumps({"index": index, "run": run.key, "name": run.name}), flush=True)
    else:
        print(run.name, flush=True)


def _wait(
    deployment: Deployment,
    provider: Provider,
    store: StateStore,
    started: list[EngineRun],
    asked: Trigger,
) -> int:
    """Wait for every run, and print how each ended, in order; 0 if all succeeded."""
    succeeded = 0
    for index, run in enumerate(started):
        row = wait_for(deployment.key, provider, store, run.key)
        succeeded += row.state is RunState.SUCCEEDED
        _print_ended(store, row, index, asked)
    return 0 if succeeded == len(started) else 1


def wait_for(deployment: str, provider: Provider, store: StateStore, run: str) -> RunRow:
    """Return the row of a run once it has ended, and said so as its state changed."""
    said: RunState | None = None
    while True:
        row = row_of(store, deployment, run, provider)
        if row is None:
            raise DeployError(f"run {run} is gone", "`flowc runs` lists those that are there")
        if row.state is not said:
            say(f"run {row.name} {row.state.value}")
            said = row.state
        if row.state.ended:
            return row
        time.sleep(_POLL)


def _print_ended(store: StateStore, row: RunRow, index: int, asked: Trigger) -> None:
    end = Journal(store, row.run).end()
    output = end.output if end is not None else None
    if asked.items is None and asked.format != "json" and row.state is RunState.SUCCEEDED:
        print(json.dumps(output, ensure_ascii=False), flush=True)
        return
    found: dict[str, Any] = {
        "index": index, "run": row.run, "name": row.name, "outcome": row.state.value,
    }  # fmt: skip
    if row.state is RunState.SUCCEEDED:
        found["output"] = output
    elif end is not None and end.error is not None:
        found["error"] = dict(end.error)
    print(json.dumps(found, ensure_ascii=False), flush=True)
