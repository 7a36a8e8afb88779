"""The commands about what is deployed, on AWS: from a folder of files to runs, and down again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.targets.step_functions.clouds import Aws

from flowc_targets.step_functions.deploy.schedules import SCHEDULED_TIME

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = {
    "flowc.yaml": """
project: shop
default_environment: production
flows:
  prices:
    file: prices.yaml
    triggers: [{cron: "0 2 * * *", timezone: Europe/Rome, input: {day: {$trigger: date}}}]
environments:
  production: {stack: aws}
""",
    "prices.yaml": """
schema: flowc/v1
name: prices
steps:
  - id: load
    component: /t/chat
    input: {value: {$input: day}}
    retry: {platform: {max: 2, delay: 1s}}
  - {id: report, component: /t/echo, input: {$step: load}}
output: {$step: report}
""",
    "stack.yaml": """
stacks:
  aws:
    target: step-functions
    region: us-east-1
    unit_image: "units:1"
    state_store: s3://bucket/state
    plugins: {inside: {type: python, module: conformance_components}}
    routes: {"/t/{*component}": [{plugin: inside}]}
""",
}
BASE = "shop-main-prices"


@dataclass
class Commands:
    """`flowc` in a folder, with the environment of an AWS."""

    folder: Path
    aws: Aws

    def __call__(self, *words: str, code: int = 0) -> str:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        environment = {**kept, **self.aws.engine.child_environment(), "FLOWC_BRANCH": "main"}
        flowc = str(Path(sys.executable).with_name("flowc"))
        done = subprocess.run(
            [flowc, *words], cwd=self.folder, env=environment, capture_output=True, text=True
        )
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done.stdout

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self(*words, "--format", "json", code=code))


@pytest.fixture
def flowc(tmp_path: Path) -> Iterator[Commands]:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    with Aws() as aws:
        yield Commands(tmp_path, aws)


def test_from_files_to_production_and_back(flowc: Commands) -> None:
    assert f"+ state-machine {BASE}" in flowc("plan", code=3)
    assert "release 1" in flowc("deploy", "--yes")
    assert "nothing was written" in flowc("deploy", "--yes")
    flowc("plan")

    day = ("prices", "--input", '{"day": "monday"}', "--idempotency-key", "once", "--wait")
    assert flowc("trigger", *day).strip() == '"monday"'
    assert flowc("trigger", *day).strip() == '"monday"'
    (run,) = flowc.json("runs")
    assert (run["state"], run["deployment"]) == ("succeeded", f"step-functions/{BASE}")
    assert "report" in flowc("status", run["name"])
    flowc.aws.write_logs()
    assert flowc("logs", run["name"]) == "load  said: monday\n"

    flow = flowc.folder / "prices.yaml"
    flow.write_text(flow.read_text().replace("max: 2", "max: 4"))
    shown = flowc("plan", code=3)
    assert "steps.load.call.retry.platform.max: 2 → 4" in shown
    assert "Definition.States.load.Retry[2].MaxAttempts: 2 → 4" in shown
    changed = [line.split()[1] for line in shown.splitlines() if line.startswith("    ~ ")]
    assert changed == [
        "steps.load.call.retry.platform.max:",
        "state-machine",
        "state-machine-alias",
    ]
    flowc("deploy", "--yes")
    assert flowc("releases").splitlines()[0].split()[:2] == [BASE, "2"]

    # the schedule fires, as EventBridge Scheduler would
    scheduler, machines = flowc.aws.client("scheduler"), flowc.aws.client("stepfunctions")
    target = scheduler.get_schedule(GroupName=BASE, Name="trigger-1")["Target"]
    text = target["Input"].replace(SCHEDULED_TIME, "2027-03-01T23:30:00Z")
    machines.start_execution(stateMachineArn=target["Arn"], name="fired", input=text)
    flowc.aws.engine.wait(f"arn:aws:states:us-east-1:123456789012:execution:{BASE}:fired")
    fired = next(one for one in flowc.json("runs") if one["name"] == "fired")
    assert fired["state"] == "succeeded"
    flowc("suspend", "prices")
    assert scheduler.get_schedule(GroupName=BASE, Name="trigger-1")["State"] == "DISABLED"
    flowc("unsuspend", "prices")

    assert f"{BASE} on step-functions is down" in flowc("undeploy", "--yes")
    assert flowc.aws.client("lambda").list_functions()["Functions"] == []
    assert len(flowc.json("runs")) == 2, "the store has them still"
    flowc("undeploy", "--yes", "--purge")
    listed = flowc.aws.client("s3").list_objects_v2(Bucket="bucket").get("Contents", [])
    left = [one["Key"] for one in listed]
    assert [key for key in left if "/runs/" in key or "/plans/" in key or "/names/" in key] == []
