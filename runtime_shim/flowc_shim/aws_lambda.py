"""The Lambda handler: one invocation is one unit, one ``decide`` or the end of a run.

The event: ``{"op": "run-unit" | "decide" | "conclude" | "finish", "plan": digest, "run": id,
"started": time, "unit": id, "scope": "3/0", "start": {"input": …, "trigger": …}, "settle": {unit:
{"Error": …, "Cause": …}}, "status": …, "starts": {"machine": name}}``; ``start``, on root units, is
the execution's input, ``starts`` what a unit that starts a run needs to know.
The answer is the verdict. A retry that the engine has to wait for is the typed error
``Flowc.Retry``; a failure is not an error here, it is committed and in the verdict.
"""

from __future__ import annotations

import json
import os
from typing import Any

from flowc_shim.contract.verdict import Status
from flowc_shim.runner.commands import Request, perform
from flowc_shim.runner.session import RUN_NAME, STARTS, TURN_SECONDS, open_session

LONGEST_TURN = 7 * 60
"""Seconds after which a unit that runs many passes hands back: a function has 15 minutes in all."""

WORKS_FOR = "flowc works for "
"""How the line begins that says whose the output is that follows; a JSON object is behind it."""


class FlowcRetry(Exception):
    """Another attempt is due later; the state machine's Retry waits and invokes again."""


class FlowcContract(Exception):
    """Plan, digest, store or event are wrong; invoking again cannot help."""


# Step Functions matches the class name of a Python exception.
FlowcRetry.__name__ = FlowcRetry.__qualname__ = "Flowc.Retry"
FlowcContract.__name__ = FlowcContract.__qualname__ = "Flowc.Contract"


def run_key(event: dict[str, Any]) -> str:
    """Return the run's key: the execution's id with its start, since names come back."""
    return f"{event['run']}@{event['started']}" if event.get("started") else str(event["run"])


def handle(event: dict[str, Any], _context: object = None) -> dict[str, Any]:
    """Perform the request in ``event`` and return the verdict.

    Raises FlowcRetry and FlowcContract (as ``Flowc.Retry``, ``Flowc.Contract``).
    """
    from flowc_shim.runner.plans import PlanProblem

    environ = {TURN_SECONDS: str(LONGEST_TURN), **os.environ}
    environ[RUN_NAME] = str(event.get("name") or event["run"])
    if "starts" in event:
        environ[STARTS] = json.dumps({"engine": "step-functions", **event["starts"]})
    request = Request(
        command=event["op"],
        unit=event.get("unit"),
        scope=event.get("scope") or "",
        settled={unit: _death(error) for unit, error in (event.get("settle") or {}).items()},
        status=event.get("status") or "",
        started=event.get("started"),
        **_start(event),
    )
    works = {"run": run_key(event)} | {key: event.get(key) or "" for key in ("op", "unit", "scope")}
    print(WORKS_FOR + json.dumps(works), flush=True)  # noqa: T201 (the function's log)
    try:
        with open_session(event["plan"], run_key(event), environ) as runtime:
            verdict = perform(runtime, request)
    except (PlanProblem, ValueError) as error:
        raise FlowcContract(str(error)) from error
    if verdict.status is Status.RETRY and event["op"] == "run-unit":
        raise FlowcRetry(json.dumps(verdict.to_json()))
    return verdict.to_json()


def _start(event: dict[str, Any]) -> dict[str, Any]:
    """Return what the execution was started with, as texts; an input that is missing is null."""
    if "start" not in event:
        return {}
    start = event["start"] if isinstance(event["start"], dict) else {}
    trigger = start.get("trigger")
    return {
        "input_text": json.dumps(start.get("input")),
        "trigger_text": None if trigger is None else json.dumps(trigger),
        "input_key": str(start.get("input_key") or ""),
        "tags": tuple(map(str, start.get("tags") or ())),
    }


def _death(error: Any) -> tuple[str, str]:
    if not isinstance(error, dict):
        return "failed", str(error or "")
    return "failed", f"{error.get('Error', '')}: {error.get('Cause', '')}"
