"""The blob endpoint of a deployment: a process of its own, a real server, a real shim process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from flowc_shim.blob_api.address import TOKEN, URL, blob_api_url
from flowc_shim.contract.errors import ErrorClass, ErrorInfo
from flowc_shim.contract.plan import Plan
from flowc_shim.contract.steps import Candidate, PlanCall, PlanStep, PlanUnit
from flowc_shim.language import values as v
from flowc_shim.runner.variables import Variables

SECRET = "open&sesame/1"


@pytest.fixture
def endpoint(tmp_path):
    """Start `flowc-shim blob-api`; yield its process and URL."""
    environment = {**os.environ, "FLOWC_STORE": f"file://{tmp_path}/state", TOKEN: SECRET}
    command = [sys.executable, "-m", "flowc_shim", "blob-api", "--port", "0"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    try:
        yield process, json.loads(process.stdout.readline())["url"]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def plan_of(url: str) -> Plan:
    call = PlanCall("/blobby", (Candidate("sdk", "/blobby"),), v.Literal({"payload": {"k": [1]}}))
    return Plan(
        name="blobs",
        steps={"a": PlanStep("a", "", call)},
        units={"a": PlanUnit("a", "steps", "", ("a",))},
        output=v.StepRef("a", ("echoed",)),
        classes={"sdk": {"type": "stepflow", "url": url}},
    )


def test_a_unit_tells_servers_of_the_endpoint(endpoint, sdk_server, tmp_path):
    _, url = endpoint
    plan = plan_of(sdk_server.url)
    (tmp_path / "plan.json").write_text(json.dumps(plan.to_json()))
    environment = {
        **os.environ,
        "FLOWC_PLAN": str(tmp_path / "plan.json"),
        "FLOWC_STORE": f"file://{tmp_path}/state",
        "FLOWC_RUN_INPUT": "null",
        URL: url,
        TOKEN: SECRET,
    }
    for command in (["run-unit", "--unit", "a"], ["finish"]):
        done = subprocess.run(
            [sys.executable, "-m", "flowc_shim", *command, "--plan", plan.digest, "--run", "r"],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert SECRET not in done.stdout + done.stderr
    assert any((tmp_path / "state" / "shared" / "blobs").iterdir())


def test_it_ends_when_it_is_told_to(endpoint):
    process, _ = endpoint
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0


def test_the_token_is_part_of_the_url_for_servers():
    environment = {URL: "http://blobs.ns.svc:7841/api/v1/blobs", TOKEN: SECRET}
    assert blob_api_url(environment) == (
        "http://flowc:open%26sesame%2F1@blobs.ns.svc:7841/api/v1/blobs"
    )
    assert blob_api_url({URL: "http://b"}) == "http://b"
    assert blob_api_url({TOKEN: SECRET}) is None


def test_the_token_is_masked_in_errors():
    told = f"no answer from {blob_api_url({URL: 'http://b', TOKEN: SECRET})}"
    error = ErrorInfo(ErrorClass.USER, "-32100", told)
    assert Variables((), {}, {TOKEN: SECRET}).masked(error).message == (
        "no answer from http://flowc:***@b"
    )
