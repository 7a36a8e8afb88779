"""One test per patch: what works with it, and that moto without it still needs it.

When a test says that moto no longer needs a patch, drop the patch.
"""

from __future__ import annotations

import json
import time
from typing import Any

import boto3
import pytest
from tests.engines.step_functions.conftest import CHILD, child, until
from tests.engines.step_functions.engine import StepFunctionsEngine
from tests.engines.step_functions.moto_patches import PATCHES

pytestmark = pytest.mark.engine

INVOKE = "arn:aws:states:::lambda:invoke"


def single(state: dict[str, Any], **states: Any) -> dict[str, Any]:
    return {"StartAt": "A", "States": {"A": state, **states}}


def task(payload: dict[str, Any], **fields: Any) -> dict[str, Any]:
    parameters = {"FunctionName": "unit", "Payload": payload}
    kept = {"ResultSelector": {"got.$": "$.Payload"}}
    return {"Type": "Task", "Resource": INVOKE, "Parameters": parameters, **kept, **fields}


def end(state: dict[str, Any]) -> dict[str, Any]:
    return {**state, "End": True}


def test_sync_integrations() -> None:
    environment = [{"Name": "EVENT", "Value": json.dumps({"exit": 0})}]
    parameters = {
        "JobName": "job",
        "JobQueue": "queue",
        "JobDefinition": "unit",
        "ContainerOverrides": {"Command": CHILD, "Environment": environment},
    }
    resource = "arn:aws:states:::batch:submitJob.sync"
    job = {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True}
    with StepFunctionsEngine() as engine:
        result = engine.run(single(job), {})
        assert result.output["Status"] == "SUCCEEDED", result.report()
    with StepFunctionsEngine(without=("sync_integrations",)) as engine:
        assert engine.run(single(job), {}).status == "FAILED"


def test_datetimes() -> None:
    copied = single({"Type": "Pass", "Parameters": {"at.$": "$$.Execution.StartTime"}, "End": True})
    with StepFunctionsEngine() as engine:
        started = engine.run(copied, {}).output["at"]
        assert time.strptime(started[:19], "%Y-%m-%dT%H:%M:%S")
        assert started[19] == "."
        assert len(started) == len("2026-01-02T03:04:05.678Z")
        engine.client("s3").create_bucket(Bucket="flows")
        resource = "arn:aws:states:::aws-sdk:s3:listBuckets"
        listed = {"Type": "Task", "Resource": resource, "Parameters": {}, "End": True}
        result = engine.run(single(listed), {})
        assert "T" in result.output["Buckets"][0]["CreationDate"]
    with (
        StepFunctionsEngine(without=("datetimes",)) as engine,
        pytest.raises(TypeError, match="not JSON serializable"),
    ):
        engine.run(copied, {})


def test_redrive_count() -> None:
    path = "$$.Execution.RedriveCount"
    copied = single({"Type": "Pass", "Parameters": {"count.$": path}, "End": True})
    with StepFunctionsEngine() as engine:
        assert engine.run(copied, {}).output == {"count": 0}
    with StepFunctionsEngine(without=("redrive_count",)) as engine:
        assert engine.run(copied, {}).status == "FAILED"


@pytest.mark.parametrize(
    "test", [{"StringEquals": "x"}, {"IsNull": True}, {"BooleanEqualsPath": "$.b"}]
)
def test_missing_variables(test: dict[str, Any]) -> None:
    rule = {"Variable": "$.absent", **test, "Next": "Yes"}
    choice = {"Type": "Choice", "Choices": [rule], "Default": "No"}
    guard = {"Variable": "$.absent", "IsPresent": False, "Next": "No"}
    states = {"Yes": {"Type": "Succeed"}, "No": {"Type": "Succeed"}}
    with StepFunctionsEngine() as engine:
        result = engine.run(single(choice, **states), {"b": True})
        assert (result.status, result.error) == ("FAILED", "States.Runtime")
        guarded = {**choice, "Choices": [guard, rule]}
        assert engine.run(single(guarded, **states), {}).states == ["A", "No"]
    with StepFunctionsEngine(without=("missing_variables",)) as engine:
        assert engine.run(single(choice, **states), {"b": True}).status == "SUCCEEDED"


def test_prompt_stop() -> None:
    slow = single(end(task({"sleep": 2})))
    for without in ((), ("prompt_stop",)):
        with StepFunctionsEngine(child, without=without) as engine:
            execution = engine.start(engine.deploy("m", slow), {})
            until(lambda: engine.processes.running)
            engine.stop(execution)
            assert engine.wait(execution).status == "ABORTED"
            assert bool(engine.processes.running) is not bool(without)
            until(lambda: not engine.processes.running)
            types = [event["type"] for event in engine.wait(execution).events]
            assert types.count("ExecutionAborted") == 1


def test_prompt_stop_keeps_timeouts_and_nested_programs() -> None:
    with StepFunctionsEngine(child) as engine:
        inner = {"StartAt": "B", "States": {"B": end(task({"sleep": 5}))}}
        other = {"StartAt": "C", "States": {"C": end(task({"sleep": 5}))}}
        both = {"Type": "Parallel", "Branches": [inner, other], "End": True}
        began = time.monotonic()
        result = engine.run({**single(both), "TimeoutSeconds": 1}, {})
        assert result.status == "TIMED_OUT"
        assert time.monotonic() - began < 3


def test_shared_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    original = boto3.client

    def counted(*names: str, **fields: Any) -> Any:
        made.append(fields.get("service_name", ""))
        return original(*names, **fields)

    monkeypatch.setattr(boto3, "client", counted)
    twice = single(task({}, Next="B"), B=end(task({})))
    with StepFunctionsEngine(child) as engine:
        engine.run(twice, {})
        assert made.count("lambda") == 1
    made.clear()
    with StepFunctionsEngine(child, without=("shared_clients",)) as engine:
        engine.run(twice, {})
        assert made.count("lambda") == 2


def test_every_patch_has_its_test() -> None:
    assert {f"test_{name}" for name in PATCHES} <= set(globals())


def test_versions() -> None:
    def echo(text: str) -> dict[str, Any]:
        return single({"Type": "Pass", "Result": {"said": text}, "End": True})

    with StepFunctionsEngine() as engine:
        client = engine.client("stepfunctions")
        arn = engine.deploy("m", echo("one"))
        first = client.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"]
        route = [{"stateMachineVersionArn": first, "weight": 100}]
        client.create_state_machine_alias(name="live", routingConfiguration=route)
        client.update_state_machine(stateMachineArn=arn, definition=json.dumps(echo("two")))
        second = client.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"]
        listed = client.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]
        assert [one["stateMachineVersionArn"] for one in listed] == [second, first]
        started = engine.start(f"{arn}:live", {})
        assert engine.wait(started).output == {"said": "one"}
        assert engine.wait(engine.start(arn, {})).output == {"said": "two"}
        own = client.describe_state_machine_for_execution(executionArn=started)["definition"]
        assert json.loads(own) == echo("one")
        client.delete_state_machine_version(stateMachineVersionArn=second)
        assert (
            len(client.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"])
            == 1
        )
    with StepFunctionsEngine(without=("versions",)) as engine:
        arn = engine.deploy("m", echo("one"))
        with pytest.raises(NotImplementedError, match="list_state_machine_versions"):
            engine.client("stepfunctions").list_state_machine_versions(stateMachineArn=arn)


def ecs_machine(exit_code: int) -> dict[str, Any]:
    override = {"Name": "unit", "Command": ["sh", "-c", f"exit {exit_code}"]}
    parameters = {
        "Cluster": "c",
        "TaskDefinition": "t",
        "LaunchType": "FARGATE",
        "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["subnet-1"]}},
        "Overrides": {"ContainerOverrides": [override]},
    }
    resource = "arn:aws:states:::ecs:runTask.sync"
    return single({"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True})


def test_ecs_failures() -> None:
    with StepFunctionsEngine() as engine:
        assert engine.run(ecs_machine(0), {}).status == "SUCCEEDED"
        failed = engine.run(ecs_machine(111), {})
        assert (failed.status, failed.error) == ("FAILED", "States.TaskFailed")
        assert json.loads(failed.cause or "")["Containers"][0]["ExitCode"] == 111
    with StepFunctionsEngine(without=("ecs_failures",)) as engine:
        assert engine.run(ecs_machine(111), {}).status == "SUCCEEDED"


def test_ecs_strategies() -> None:
    machine = ecs_machine(0)
    parameters = machine["States"]["A"]["Parameters"]
    del parameters["LaunchType"]
    parameters["CapacityProviderStrategy"] = [{"CapacityProvider": "FARGATE_SPOT", "Weight": 1}]
    with StepFunctionsEngine() as engine:
        assert engine.run(machine, {}).status == "SUCCEEDED"
    with (
        pytest.raises(RuntimeError, match="KeyError: 'launchType'"),
        StepFunctionsEngine(without=("ecs_strategies",)) as engine,
    ):
        assert engine.run(machine, {}).status == "FAILED"


def made_service(engine: StepFunctionsEngine) -> dict[str, Any]:
    client = boto3.client("ecs", endpoint_url=engine.endpoint, region_name="us-east-1")
    client.create_cluster(clusterName="flows")
    circuit = {"enable": True, "rollback": True}
    client.create_service(
        cluster="flows", serviceName="s", desiredCount=1,
        capacityProviderStrategy=[{"capacityProvider": "spot", "weight": 1, "base": 0}],
        deploymentConfiguration={"deploymentCircuitBreaker": circuit},
    )  # fmt: skip
    found: dict[str, Any] = client.describe_services(cluster="flows", services=["s"])["services"][0]
    return found


def test_services() -> None:
    with StepFunctionsEngine() as engine:
        made = made_service(engine)
        assert made["capacityProviderStrategy"][0]["capacityProvider"] == "spot"
        assert made["deploymentConfiguration"]["deploymentCircuitBreaker"]["rollback"]
    with StepFunctionsEngine(without=("services",)) as engine:
        assert "deploymentConfiguration" not in made_service(engine)


def made_definition(engine: StepFunctionsEngine) -> dict[str, Any]:
    client = boto3.client("batch", endpoint_url=engine.endpoint, region_name="us-east-1")
    ranges = [{"targetNodes": "0:", "container": {"image": "unit"}}]
    client.register_job_definition(
        jobDefinitionName="two", type="multinode",
        nodeProperties={"numNodes": 2, "mainNode": 0, "nodeRangeProperties": ranges},
    )  # fmt: skip
    found: dict[str, Any] = client.describe_job_definitions()["jobDefinitions"][0]
    return found


def test_nodes() -> None:
    with StepFunctionsEngine() as engine:
        assert made_definition(engine)["nodeProperties"]["numNodes"] == 2
    with StepFunctionsEngine(without=("nodes",)) as engine:
        assert "nodeProperties" not in made_definition(engine)
