"""Runs as executions of the state machine."""

from __future__ import annotations

import heapq
import json
import re
from typing import TYPE_CHECKING, Any

from flowc.deploy.provider import DeployError, EngineRun, RunState
from flowc_targets.step_functions.deploy.cloud import GONE, Refused
from flowc_targets.step_functions.deploy.flow_roles import LIVE
from flowc_targets.step_functions.deploy.kinds_machine import detached_machines, machine_arn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from flowc.deploy.provider import Start
    from flowc_targets.step_functions.deploy.cloud import Cloud

STATES = {
    "PENDING_REDRIVE": RunState.FAILED,
    "RUNNING": RunState.RUNNING,
    "SUCCEEDED": RunState.SUCCEEDED,
    "FAILED": RunState.FAILED,
    "TIMED_OUT": RunState.TIMED_OUT,
    "ABORTED": RunState.STOPPED,
}
NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
"""Names of executions. Others are possible; these also do in the console's addresses."""


def start_run(cloud: Cloud, base: str, start: Start) -> EngineRun:
    """Start a run of the live version; a name that exists is that run."""
    if not NAME.fullmatch(start.name):
        raise DeployError(
            f"`{start.name}` cannot be the name of an execution",
            "use at most 80 letters, digits, `-` and `_`",
        )
    given: dict[str, Any] = {"input": json.loads(start.input) if start.input else None}
    if start.input_key:
        given = {"input_key": start.input_key}
    if start.tags:
        given["tags"] = list(start.tags)
    arn = machine_arn(cloud, base)
    try:
        started = cloud.call(
            "stepfunctions", "start_execution",
            stateMachineArn=f"{arn}:{LIVE}", name=start.name,
            input=json.dumps(given, separators=(",", ":"), ensure_ascii=False),
        )  # fmt: skip
    except Refused as error:
        if error.code in GONE:
            raise DeployError(f"`{base}` is not deployed here", "run `flowc deploy` first") from (
                error
            )
        if error.code != "ExecutionAlreadyExists":
            raise
        execution = execution_arn(cloud, base, start.name)
    else:
        execution = started["executionArn"]
    found = _described(cloud, execution)
    if found is None:
        raise DeployError(f"run `{start.name}` was started and cannot be found", "look again")
    return found


def list_runs(cloud: Cloud, base: str, keep: Iterable[RunState]) -> Iterator[EngineRun]:
    """Yield the runs, newest first; those of detached flows are among them."""
    wanted = frozenset(keep)
    machines = (base, *detached_machines(cloud, base))
    found = [_runs_of(cloud, machine, wanted) for machine in machines]
    yield from heapq.merge(*found, key=lambda run: -(run.started or 0))


def _runs_of(cloud: Cloud, machine: str, wanted: frozenset[RunState]) -> Iterator[EngineRun]:
    chosen = {"stateMachineArn": machine_arn(cloud, machine)}
    words = [word for word, state in STATES.items() if state in wanted]
    if wanted and not words:
        return
    if len(words) == 1:
        chosen["statusFilter"] = words[0]
    try:
        for one in cloud.pages("stepfunctions", "list_executions", "executions", **chosen):
            run = _run(one)
            if not wanted or run.state in wanted:
                yield run
    except Refused as error:
        if error.code not in GONE:
            raise


def find_run(cloud: Cloud, base: str, key_or_name: str) -> EngineRun | None:
    """Return the run with this key or name."""
    execution, at, _ = key_or_name.partition("@")
    if at:
        found = _described(cloud, execution)
        return found if found is not None and found.key == key_or_name else None
    found = _described(cloud, execution_arn(cloud, base, key_or_name))
    if found is not None:
        return found
    named = (execution_arn(cloud, one, key_or_name) for one in detached_machines(cloud, base))
    return next(filter(None, (_described(cloud, one) for one in named)), None)


def stop_run(cloud: Cloud, run: EngineRun) -> None:
    """Abort the execution; the sweeper records the end."""
    try:
        cloud.call(
            "stepfunctions", "stop_execution",
            executionArn=execution_of(run), error="Flowc.Stopped", cause="stopped by flowc stop",
        )  # fmt: skip
    except Refused as error:
        if error.code not in GONE:
            raise


def execution_of(run: EngineRun) -> str:
    """Return the ARN of a run's execution."""
    return run.key.partition("@")[0]


def execution_arn(cloud: Cloud, base: str, name: str) -> str:
    """Return the ARN of the execution of this name."""
    return cloud.arn("states", f"execution:{base}:{name}")


def run_key(execution: str, started: datetime) -> str:
    """Return a run's key: the execution's ARN, and its start as the context object has it."""
    from datetime import timezone

    at = started.astimezone(timezone.utc)
    return f"{execution}@{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _described(cloud: Cloud, execution: str) -> EngineRun | None:
    got = cloud.find("stepfunctions", "describe_execution", executionArn=execution)
    return None if got is None else _run(got)


def _run(got: dict[str, Any]) -> EngineRun:
    ended = got.get("stopDate")
    given = json.loads(got.get("input") or "{}")
    given = given if isinstance(given, dict) else {}
    trigger = given.get("trigger")
    words = [str(got[key]) for key in ("error", "cause") if got.get(key)]
    return EngineRun(
        key=run_key(got["executionArn"], got["startDate"]),
        name=got["name"],
        state=STATES[got["status"]],
        started=got["startDate"].timestamp(),
        ended=None if ended is None else ended.timestamp(),
        message=": ".join(words),
        tags=tuple(map(str, given.get("tags") or ())),
        scheduled=str(trigger.get("scheduledTime") or "") if isinstance(trigger, dict) else "",
    )
