"""Units as ECS tasks: deployed, run, and deployed again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.conformance.engines import observe
from tests.gates.test_cloudformation import lint
from tests.targets.step_functions.clouds import Aws, deploy, plan, provider
from tests.targets.step_functions.flows import STACK, compiled
from tests.targets.step_functions.test_deploy import ended, start, there_desired

from flowc.deploy.changes import outstanding
from flowc.deploy.model import Kind
from flowc_targets.step_functions.containers import BOOT_SECONDS
from flowc_targets.step_functions.deploy.cloudformation import cloudformation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flowc.target import Compilation

ECS = (
    STACK
    + """
unit_image: 'units:1'
region: us-east-1
compute: ecs
ecs: {cluster: flows, subnets: [subnet-1, subnet-2], security_groups: [sg-1]}
"""
)
FLOW = """
steps:
  - {id: a, component: /t/echo, input: {n: {$input: n}}, resources: {cpu: 2, memory: 5Gi, disk: 30Gi}}
  - {id: b, component: /t/echo, input: {$step: a}, timeout: 10m}
output: {$step: b}
"""  # noqa: E501 (a step on a line)


def flow() -> Compilation:
    return compiled(FLOW, ECS)


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with Aws() as made:
        yield made


def test_deploy_run_and_deploy_again(aws: Aws) -> None:
    there = provider(aws.engine.endpoint, flow())
    missing = [str(one) for one in there.preflight(there_desired(flow()))]
    assert len(missing) == 1 and "there is no ECS cluster `flows`" in missing[0]
    aws.client("ecs").create_cluster(clusterName="flows")
    assert there.preflight(there_desired(flow())) == ()
    made = deploy(there, flow())
    assert {change.kind for change in made} == {Kind.CREATE}
    assert sum(change.ref.kind == "task-definition" for change in made) == 2
    assert outstanding(plan(there, flow())) == ()
    run = start(there, "first", {"n": 7})
    done = ended(there, run.key)
    assert done.state.value == "succeeded", done.message
    assert observe(flow().plan, aws.store(), run.key).result == {"n": 7}
    assert {process.kind for process in aws.engine.processes.all} == {"lambda", "ecs"}


def test_spot(aws: Aws) -> None:
    cheap = "resources:\n  cheap: {cpu: 2, preemptible: true}\n"
    text = FLOW.replace("{cpu: 2, memory: 5Gi, disk: 30Gi}", "cheap").replace("timeout: 10m", "")
    spot = compiled(text, ECS.replace("resources:\n", cheap))
    aws.client("ecs").create_cluster(clusterName="flows", capacityProviders=["FARGATE"])
    there = provider(aws.engine.endpoint, spot)
    (problem,) = there.preflight(there_desired(spot))
    assert "`flows` has no capacity provider `FARGATE_SPOT`" in problem.message
    aws.client("ecs").create_cluster(clusterName="flows", capacityProviders=["FARGATE_SPOT"])
    assert there.preflight(there_desired(spot)) == ()
    deploy(there, spot)
    done = ended(there, start(there, "spot", {"n": 7}).key)
    assert done.state.value == "succeeded", done.message
    (machine,) = [
        one.body["Definition"] for one in there_desired(spot) if one.ref.kind == "state-machine"
    ]
    chosen = machine["States"]["a"]["Parameters"]["CapacityProviderStrategy"]
    assert chosen == [{"CapacityProvider": "FARGATE_SPOT", "Weight": 1}]
    assert machine["States"]["b"]["Parameters"]["LaunchType"] == "FARGATE"


def test_states() -> None:
    found = there_desired(flow())
    (machine,) = [one.body["Definition"] for one in found if one.ref.kind == "state-machine"]
    state = machine["States"]["b"]
    assert state["Resource"] == "arn:aws:states:::ecs:runTask.sync"
    # four attempts of 10 minutes with their waits, and the time to start
    assert state["TimeoutSeconds"] == 4 * 600 + 35 + BOOT_SECONDS
    assert state["Parameters"]["NetworkConfiguration"] == {
        "AwsvpcConfiguration": {
            "Subnets": ["subnet-1", "subnet-2"],
            "AssignPublicIp": "DISABLED",
            "SecurityGroups": ["sg-1"],
        }
    }
    (large,) = [
        one.body for one in found if one.ref.kind == "task-definition" and "-d30-" in one.ref.name
    ]
    assert (large["Cpu"], large["Memory"]) == ("2048", "5120")
    assert large["EphemeralStorage"] == {"SizeInGiB": 30}


def test_the_role_may_run_these_tasks_and_no_others() -> None:
    (policy,) = [
        one.body["PolicyDocument"]
        for one in there_desired(flow())
        if one.ref.kind == "role-policy" and "-machine/" in one.ref.name
    ]
    allowed = {one["Action"][0]: one for one in policy["Statement"]}
    assert all("task-definition/orders-t" in name for name in allowed["ecs:RunTask"]["Resource"])
    assert allowed["iam:PassRole"]["Condition"] == {
        "StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    }
    assert "batch:SubmitJob" not in json.dumps(policy)


def test_cloudformation(tmp_path: Path) -> None:
    path = tmp_path / "template.json"
    path.write_text(cloudformation(flow())["template.json"])
    assert "AWS::ECS::TaskDefinition" in path.read_text()
    assert lint(path) == ""
