"""Deploying to an AWS that is another process, found by the environment alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.targets.step_functions.clouds import address_of, deploy
from tests.targets.step_functions.flows import STACK, compiled

from flowc.deploy.provider import DeployError, Start
from flowc_targets.step_functions.deploy.deployer import AwsDeployer

if TYPE_CHECKING:
    from collections.abc import Iterator

FLOW = "steps: [{id: a, component: /t/echo, input: {$input: n}}]\noutput: {$step: a}\n"
OURS = STACK + "unit_image: 'units:1'\nregion: us-east-1\n"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    words = [sys.executable, "-m", "tests.targets.step_functions.aws_server"]
    process = subprocess.Popen(
        words, cwd=Path(__file__).parents[3], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    for name, value in json.loads(process.stdout.readline()).items():
        monkeypatch.setenv(name, value)
    yield process
    process.communicate()


def test_deploy_start_and_undeploy(server: Any) -> None:
    compilation = compiled(FLOW, OURS)
    deployer = AwsDeployer()
    there = deployer.connect(address_of(compilation))
    assert there.place == "account 123456789012 in us-east-1"
    assert there.preflight(deployer.desired(compilation)) == ()
    deploy(there, compilation)
    run = there.start(Start("first", '{"n": 1}'))
    end = time.monotonic() + 60
    while not (found := there.run(run.key)) or not found.state.ended:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert found.state.value == "succeeded"
    server.stdin.write("orders-sweep {}\n")
    server.stdin.flush()
    assert json.loads(server.stdout.readline())["closed"] == 1
    assert {line.unit for line in there.logs(found, (), False)} <= {"a", "finish"}
    deploy(there, None)
    assert there.observe(()) == ()


def test_where_nothing_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    address = address_of(compiled(FLOW, OURS))
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(DeployError, match="no credentials for AWS") as none:
        AwsDeployer().connect(address)
    assert "AWS_PROFILE" in none.value.fix
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("flowc_targets.step_functions.deploy.cloud.TRIES", 1)
    with pytest.raises(DeployError, match="AWS does not answer"):
        AwsDeployer().connect(address)
    without = address_of(compiled(FLOW, STACK))
    with pytest.raises(DeployError, match="nothing says in which region"):
        AwsDeployer().connect(without)
