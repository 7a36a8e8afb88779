"""Runs of what is deployed, on Argo's own controller: started once, looked at, stopped, swept."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.deploy.project import NAME

from flowc_targets.argo.deploy.connection import MERGE
from flowc_targets.argo.deploy.kinds import ARGO, KINDS, WORKFLOWS

if TYPE_CHECKING:
    from tests.deploy.project import Project

    from flowc_targets.argo.deploy.connection import Connection

pytestmark = pytest.mark.argo
LARGE = "x{{workflow.uid}}" * 9000
"""More than a variable of a process holds, and full of what Argo would expand."""


@pytest.fixture
def deployed(live: Project) -> Project:
    said = live.flowc("deploy", "--yes")
    assert said.code == 0, said.err
    return live


def until(project: Project, run: str, state: str, seconds: float = 240) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while True:
        said = project.flowc("status", run, "--format", "json")
        found: dict[str, Any] = said.json() if said.code == 0 else {"state": said.err}
        if found["state"] == state or time.monotonic() > end:
            assert found["state"] == state, found
            return found
        time.sleep(1)


def started(project: Project, **value: Any) -> str:
    said = project.flowc("trigger", "prices", "--input", json.dumps(value), "--format", "json")
    assert said.code == 0, said.err
    return str(said.json()["name"])


def test_items_are_started_once_however_large(deployed: Project) -> None:
    items = [{"text": "short", "seconds": 0}, {"text": LARGE, "seconds": 0}]
    file = deployed.folder / "items.jsonl"
    file.write_text("".join(json.dumps(item) + "\n" for item in items))
    command = (
        "trigger",
        "prices",
        "--items",
        str(file),
        "--idempotency-key",
        "day-1",
        "--tag",
        "n",
    )
    first = deployed.flowc(*command, "--format", "json")
    assert first.code == 0, first.err
    again = deployed.flowc(*command, "--wait")
    assert again.code == 0, again.err + again.out
    names = [json.loads(line)["name"] for line in first.out.splitlines()]
    ended = [json.loads(line) for line in again.out.splitlines()]
    assert [one["name"] for one in ended] == names
    assert [one["output"]["size"] for one in ended] == [5, len(LARGE)]
    rows = deployed.flowc("runs", "--tag", "n", "--status", "succeeded", "--format", "json").json()
    assert sorted(row["name"] for row in rows) == sorted(names)
    file.write_text(json.dumps({"text": "other", "seconds": 0}) + "\n")
    other = deployed.flowc(*command)
    assert (other.code, "another input" in other.err) == (1, True)


def test_runs_that_are_stopped_terminated_and_deleted(deployed: Project, api: Connection) -> None:
    """The exit handler records the first; the sweeper, as the cluster runs it, the others."""
    runs = [started(deployed, text="a", seconds=600) for _ in range(3)]
    stopped, terminated, deleted = runs
    for run in runs:
        until(deployed, run, "running")
    while "waiting 600" not in deployed.flowc("logs", stopped, "wait").out:
        time.sleep(1)
    assert deployed.flowc("stop", stopped).code == 0
    space = deployed.namespace
    patch = {"spec": {"shutdown": "Terminate"}}
    api.write("PATCH", WORKFLOWS.path(space, terminated), patch, content=MERGE)
    api.write("DELETE", WORKFLOWS.path(space, deleted), None)
    found = until(deployed, stopped, "stopped")
    assert [step["outcome"] for step in found["steps"]] == ["succeeded", "stopped"]
    until(deployed, terminated, "stopped")
    sweep(deployed, api)
    for run in (terminated, deleted):
        ended = until(deployed, run, "stopped")
        assert ended["ended"] is not None, "the end is recorded"
    listed = deployed.flowc("runs", "--format", "json").json()
    assert {row["name"]: row["state"] for row in listed} == dict.fromkeys(runs, "stopped")


def sweep(project: Project, api: Connection) -> None:
    """Let the sweeper do now what its schedule does later."""
    space, name = project.namespace, f"{NAME}-sweeper"
    cron = api.get(KINDS["CronWorkflow"].path(space, name))
    assert cron is not None
    metadata = {"name": "sweep-now", **cron["spec"]["workflowMetadata"]}
    document = {
        "apiVersion": ARGO, "kind": "Workflow", "metadata": metadata,
        "spec": cron["spec"]["workflowSpec"],
    }  # fmt: skip
    api.write("POST", WORKFLOWS.path(space), document)
    for _ in range(240):
        status = (api.get(WORKFLOWS.path(space, "sweep-now")) or {}).get("status") or {}
        if status.get("phase") in ("Succeeded", "Failed", "Error"):
            assert status["phase"] == "Succeeded", status
            return
        time.sleep(1)
    raise AssertionError("the sweeper did not end")
