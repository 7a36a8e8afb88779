"""The Step Functions harness: each thing that a test of flowc relies on, on machines made by hand.

Every machine here also passes flowc's own checker, and where its path is the worst one its history
is as long as the estimate says.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.engines.step_functions.conftest import CHILD, child, until
from tests.engines.step_functions.engine import EngineTimeoutError, StepFunctionsEngine

from flowc_targets.step_functions.check_definition import check_definition, estimate_events

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.engine

INVOKE = "arn:aws:states:::lambda:invoke"
SUBMIT = "arn:aws:states:::batch:submitJob.sync"
CHILD_MACHINE = "arn:aws:states:::states:startExecution.sync:2"
DONE = {"Type": "Succeed"}
ALL = ["States.ALL"]


def machine(*states: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """Return a machine of these states, each leading to the next unless it says otherwise."""
    made = {}
    for (name, state), after in zip(states, [*states[1:], (None, None)], strict=True):
        closed = state.keys() & {"Next", "End"} or state["Type"] in ("Succeed", "Fail", "Choice")
        onward = {} if closed else {"Next": after[0]} if after[0] else {"End": True}
        made[name] = {**state, **onward}
    return {"StartAt": states[0][0], "States": made}


def invoke(payload: Any = None, **fields: Any) -> dict[str, Any]:
    """Return a task that keeps the function's answer; without a payload it passes its input on."""
    parameters = {"FunctionName": "unit:7", "Payload.$": "$"}
    if payload is not None:
        parameters = {"FunctionName": "unit", "Payload": payload}
    kept = {"ResultSelector": {"answer.$": "$.Payload"}, "ResultPath": "$.last"}
    return {"Type": "Task", "Resource": INVOKE, "Parameters": parameters, **kept, **fields}


def submit(event: Any, **fields: Any) -> dict[str, Any]:
    environment = [{"Name": "EVENT", "Value": json.dumps(event)}]
    parameters = {
        "JobName": "job",
        "JobQueue": "queue",
        "JobDefinition": "unit:3",
        "ContainerOverrides": {"Command": CHILD, "Environment": environment},
        **fields.pop("parameters", {}),
    }
    kept = {"ResultPath": "$.last", **fields}
    return {"Type": "Task", "Resource": SUBMIT, "Parameters": parameters, **kept}


def catch(*names: str, to: str = "Caught") -> list[dict[str, Any]]:
    return [{"ErrorEquals": list(names), "ResultPath": "$.caught", "Next": to}]


def run(engine: StepFunctionsEngine, definition: dict[str, Any], input: Any, **fields: Any) -> Any:
    assert check_definition(definition) == []
    return engine.run(definition, input, **fields)


def test_lambda_success(engine: StepFunctionsEngine) -> None:
    definition = machine(("A", invoke()))
    result = run(engine, definition, {"x": [1, "ä", None]})
    assert result.status == "SUCCEEDED", result.report()
    assert result.output["last"] == {"answer": {"x": [1, "ä", None]}}
    assert len(result.events) == estimate_events(definition, {})
    (process,) = result.processes
    assert (process.kind, process.name, process.exit_code) == ("lambda", "unit", 0)
    assert process.stdout.startswith("a line of log\n")
    assert process.stderr == "to stderr\n"


def test_no_output_is_null_and_garbage_an_error(engine: StepFunctionsEngine) -> None:
    result = engine.run(machine(("A", invoke({"garbage": True}))), {})
    assert (result.status, result.error) == ("FAILED", "Runtime.MarshalError")


@pytest.mark.parametrize(
    ("caught", "states"),
    [(["Transient"], ["A", "B"]), (["Other"], ["A"]), (ALL, ["A", "B"])],
)
def test_typed_errors_are_caught_by_name(
    engine: StepFunctionsEngine, caught: list[str], states: list[str]
) -> None:
    failing = invoke({"error": "Transient"}, Catch=catch(*caught, to="B"), End=True)
    result = run(engine, machine(("A", failing), ("B", {"Type": "Pass"})), {})
    assert result.states == states
    if states == ["A"]:
        assert (result.status, result.error) == ("FAILED", "Transient")
    else:
        error = result.output["caught"]
        assert error["Error"] == "Transient"
        assert json.loads(error["Cause"]) == {"errorType": "Transient", "errorMessage": "as told"}


def test_retry_by_name_and_its_budget(engine: StepFunctionsEngine, tmp_path: Path) -> None:
    retry = [
        {
            "ErrorEquals": ["Transient"],
            "IntervalSeconds": 2,
            "BackoffRate": 2.0,
            "MaxDelaySeconds": 5,
            "MaxAttempts": 3,
            "JitterStrategy": "FULL",
        },
        {"ErrorEquals": ALL, "MaxAttempts": 0},
    ]
    for failures, ends in ((3, "SUCCEEDED"), (4, "FAILED")):
        counter = tmp_path / str(failures)
        event = {"error": "Transient", "counter": str(counter), "failures": failures}
        definition = machine(("A", invoke(event, Retry=retry)))
        result = run(engine, definition, {})
        assert result.status == ends
        assert counter.read_text() == "...."
        left = 1 if ends == "FAILED" else 0  # TaskStateExited, which a failed state does not write
        assert len(result.events) == estimate_events(definition, {}) - left
    other = run(engine, machine(("A", invoke({"error": "Fatal"}, Retry=retry))), {})
    assert other.error == "Fatal"
    assert len(other.processes) == len(result.processes) + 1


def test_a_killed_function(engine: StepFunctionsEngine) -> None:
    dying = invoke({"die": True}, Catch=catch(*ALL))
    result = run(engine, machine(("A", {**dying, "End": True}), ("Caught", {"Type": "Pass"})), {})
    caught = result.output["caught"]
    assert caught["Error"] == "Runtime.ExitError"
    cause = json.loads(caught["Cause"])
    assert cause["errorType"] == "Runtime.ExitError"
    assert cause["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")
    assert result.processes[0].exit_code == -9


def test_a_function_that_exits_or_exceeds_its_time() -> None:
    with StepFunctionsEngine(child, function_timeout=0.5) as engine:
        result = run(engine, machine(("A", invoke({"exit": 3}))), {})
        assert result.error == "Runtime.ExitError"
        assert "Runtime exited with error: exit status 3" in result.cause
        result = run(engine, machine(("A", invoke({"sleep": 30}))), {})
        assert result.error == "Sandbox.Timedout"
        assert "Task timed out after 0.50 seconds" in result.cause


def test_a_running_function_can_be_killed_from_the_test(engine: StepFunctionsEngine) -> None:
    definition = machine(("A", invoke({"sleep": 30})))
    execution = engine.start(engine.deploy("kill", definition), {})
    until(lambda: engine.processes.running)
    engine.processes.all[0].kill()
    assert engine.wait(execution).error == "Runtime.ExitError"


def test_a_task_timeout_leaves_its_function_running(engine: StepFunctionsEngine) -> None:
    slow = invoke({"sleep": 1.5}, TimeoutSeconds=1)
    result = run(engine, machine(("A", slow)), {})
    assert (result.status, result.error) == ("FAILED", "States.Timeout")
    assert engine.processes.all[0].running


def test_batch_success(engine: StepFunctionsEngine) -> None:
    definition = machine(("A", submit({"silent": True})))
    result = run(engine, definition, {"x": 1})
    assert result.status == "SUCCEEDED", result.report()
    described = result.output["last"]
    assert described["Status"] == "SUCCEEDED"
    assert described["Container"]["ExitCode"] == 0
    assert len(result.events) == estimate_events(definition, {})
    assert result.processes[0].stdout == "a line of log\n"
    assert result.processes[0].name == "job"


@pytest.mark.parametrize(("event", "code"), [({"exit": 3}, 3), ({"die": True}, 137)])
def test_a_failing_job_is_task_failed(engine: StepFunctionsEngine, event: Any, code: int) -> None:
    failing = submit(event, Catch=catch("States.TaskFailed"), ResultPath=None, End=True)
    result = run(engine, machine(("A", failing), ("Caught", {"Type": "Pass"})), {})
    caught = result.output["caught"]
    assert caught["Error"] == "States.TaskFailed"
    cause = json.loads(caught["Cause"])
    assert cause["Status"] == "FAILED"
    assert cause["Container"]["ExitCode"] == code


def test_batch_retries_its_attempts(engine: StepFunctionsEngine, tmp_path: Path) -> None:
    event = {"exit": 1, "counter": str(tmp_path / "n"), "failures": 2}
    definition = machine(("A", submit(event, parameters={"RetryStrategy": {"Attempts": 3}})))
    result = run(engine, definition, {})
    assert result.status == "SUCCEEDED", result.report()
    assert len(result.output["last"]["Attempts"]) == 3


def test_batch_refuses_what_batch_refuses(engine: StepFunctionsEngine) -> None:
    definition = machine(("A", submit({}, parameters={"Timeout": {"AttemptDurationSeconds": 5}})))
    result = engine.run(definition, {})
    assert (result.status, result.error) == ("FAILED", "Batch.ClientException")
    definition = machine(("A", submit({}, parameters={"ContainerOverrides": {"Command": ["/no"]}})))
    result = run(engine, definition, {})
    assert result.error == "States.TaskFailed"
    assert "CannotStartContainerError" in result.cause


def test_batch_jobs_can_be_listed_and_terminated(engine: StepFunctionsEngine) -> None:
    execution = engine.start(engine.deploy("m", machine(("A", submit({"sleep": 30})))), {})
    batch = engine.service_client("batch")
    until(lambda: engine.processes.running)
    jobs = batch.list_jobs(jobQueue="queue", jobStatus="RUNNING")["jobSummaryList"]
    batch.terminate_job(jobId=jobs[0]["jobId"], reason="enough")
    result = engine.wait(execution)
    assert result.error == "States.TaskFailed"
    assert json.loads(result.cause or "")["StatusReason"] == "enough"


def test_parallel_runs_at_once_and_drops_its_output(engine: StepFunctionsEngine) -> None:
    branches = [machine((f"B{i}", invoke({"sleep": 0.4}))) for i in range(4)]
    both = {"Type": "Parallel", "Branches": branches, "ResultPath": None}
    definition = machine(("Both", both), ("End", DONE))
    result = run(engine, definition, {"kept": 1})
    assert most_at_once(result.processes) == 4
    assert result.output == {"kept": 1}
    assert len(result.events) == estimate_events(definition, {})


def test_a_failing_branch_fails_the_parallel(engine: StepFunctionsEngine) -> None:
    branches = [machine(("A", invoke({"error": "Boom"}))), machine(("B", invoke({"sleep": 30})))]
    both = {"Type": "Parallel", "Branches": branches, "ResultPath": None, "Catch": catch(*ALL)}
    definition = machine(("Both", {**both, "End": True}), ("Caught", {"Type": "Pass"}))
    assert run(engine, definition, {}).output["caught"]["Error"] == "Boom"


def each(inner: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Type": "Map", "ItemProcessor": inner, "ResultPath": None, **fields}


def most_at_once(processes: list[Any]) -> int:
    moments = [(p.started, 1) for p in processes] + [(p.ended, -1) for p in processes]
    running = most = 0
    for _, change in sorted(moments):
        running += change
        most = max(most, running)
    return most


@pytest.mark.parametrize("limit", [1, 2])
def test_map_keeps_its_concurrency(engine: StepFunctionsEngine, limit: int) -> None:
    item = machine(("Item", invoke({"sleep": 0.1, "i.$": "$"}, ResultPath=None)))
    definition = machine(("Each", each(item, MaxConcurrency=limit, ItemsPath="$.items")))
    result = run(engine, definition, {"items": [0, 1, 2, 3]})
    assert result.status == "SUCCEEDED", result.report()
    assert sorted(process.request["i"] for process in result.processes) == [0, 1, 2, 3]
    assert most_at_once(result.processes) == limit
    assert len(result.events) == estimate_events(definition, {"Each": 4})


def test_the_harness_bounds_the_processes() -> None:
    item = machine(("Item", invoke({"sleep": 0.05}, ResultPath=None)))
    with StepFunctionsEngine(child, concurrency=3) as engine:
        result = run(engine, machine(("Each", each(item, ItemsPath="$.n"))), {"n": [0] * 12})
        assert most_at_once(result.processes) == 3


def test_distributed_map_runs_children(engine: StepFunctionsEngine) -> None:
    config = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    item = machine(("Item", invoke({"i.$": "$"}, ResultPath=None, OutputPath=None)))
    far = each({**item, **config}, MaxConcurrency=4, ItemsPath="$.items", Label="far")
    result = run(engine, machine(("Each", far)), {"items": [5, 6, 7]})
    assert result.status == "SUCCEEDED", result.report()
    assert sorted(process.request["i"] for process in result.processes) == [5, 6, 7]


def test_parallel_inside_map(engine: StepFunctionsEngine) -> None:
    branches = [
        machine(("Left", invoke({"i.$": "$", "side": "left"}, ResultPath=None))),
        machine(("Right", invoke({"i.$": "$", "side": "right"}, ResultPath=None))),
    ]
    both = {"Type": "Parallel", "Branches": branches, "ResultPath": None}
    item = machine(("Both", both), ("Last", invoke({"i.$": "$", "side": "last"}, ResultPath=None)))
    definition = machine(("Each", each(item, ItemsPath="$.items")), ("End", DONE))
    result = run(engine, definition, {"items": [1, 2, 3]})
    assert result.status == "SUCCEEDED", result.report()
    seen = sorted((p.request["i"], p.request["side"]) for p in result.processes)
    assert seen == [(i, side) for i in (1, 2, 3) for side in ("last", "left", "right")]
    assert len(result.events) == estimate_events(definition, {"Each": 3})


@pytest.mark.parametrize(
    ("input", "states"),
    [
        ({}, ["Go", "Unknown"]),
        ({"verdict": {"go": True}}, ["Go", "Yes"]),
        ({"verdict": {"go": False}}, ["Go", "No"]),
    ],
)
def test_choice_begins_with_is_present(
    engine: StepFunctionsEngine, input: Any, states: list[str]
) -> None:
    rules = [
        {"Not": {"Variable": "$.verdict.go", "IsPresent": True}, "Next": "Unknown"},
        {"Variable": "$.verdict.go", "BooleanEquals": True, "Next": "Yes"},
    ]
    definition = machine(
        ("Go", {"Type": "Choice", "Choices": rules, "Default": "No"}),
        ("Yes", DONE),
        ("No", DONE),
        ("Unknown", DONE),
    )
    assert run(engine, definition, input).states == states


def test_child_executions(engine: StepFunctionsEngine) -> None:
    inner = engine.deploy("inner", machine(("A", invoke())))
    parameters = {"StateMachineArn": inner, "Name.$": "$.name", "Input": {"a.$": "$.a"}}
    call = {"Type": "Task", "Resource": CHILD_MACHINE, "Parameters": parameters}
    definition = machine(("Call", {**call, "ResultSelector": {"out.$": "$.Output"}}))
    for name, a in (("child-1", 1), ("child-2", 2)):
        result = run(engine, definition, {"name": name, "a": a})
        assert result.status == "SUCCEEDED", result.report()
        assert result.output["out"]["last"]["answer"] == {"a": a}
    failing = engine.deploy("failing", machine(("A", {"Type": "Fail", "Error": "Boom"})))
    parameters["StateMachineArn"] = failing
    result = run(engine, machine(("Call", call)), {"name": "child-3", "a": 1})
    assert result.error == "States.TaskFailed"


def test_wait_for_task_token(engine: StepFunctionsEngine) -> None:
    payload = {"token.$": "$$.Task.Token"}
    parameters = {"FunctionName": "unit", "Payload": payload}
    waiting = {"Type": "Task", "Resource": f"{INVOKE}.waitForTaskToken", "Parameters": parameters}
    execution = engine.start(engine.deploy("m", machine(("A", waiting))), {})
    until(lambda: engine.processes.all)
    token = engine.processes.all[0].request["token"]
    engine.client("stepfunctions").send_task_success(taskToken=token, output='{"said": 1}')
    assert engine.wait(execution).output == {"said": 1}


def test_waits_are_scaled(engine: StepFunctionsEngine) -> None:
    definition = machine(
        ("Long", {"Type": "Wait", "Seconds": 30}),
        ("Told", {"Type": "Wait", "SecondsPath": "$.seconds"}),
    )
    began = time.monotonic()
    assert run(engine, definition, {"seconds": 20}).status == "SUCCEEDED"
    assert 0.5 <= time.monotonic() - began < 3


def test_what_a_child_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_REGION", "FUNCTION"]
    hidden = ["AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL_BATCH", "AWS_PROFILE"]
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    with StepFunctionsEngine(child) as engine:
        result = run(engine, machine(("A", invoke({"environment": names + hidden}))), {})
        seen = result.output["last"]["answer"]
        assert seen == {
            "AWS_ENDPOINT_URL": engine.endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_REGION": "us-east-1",
            "FUNCTION": "unit",
            **dict.fromkeys(hidden),
        }


def test_children_share_the_store(tmp_path: Path) -> None:
    script = tmp_path / "put.py"
    script.write_text(
        "import json, obstore\n"
        "from obstore.store import S3Store\n"
        "store = S3Store('flows', region='us-east-1', client_options={'allow_http': True})\n"
        "obstore.put(store, 'a/b', b'one', mode='create')\n"
        "try:\n"
        "    obstore.put(store, 'a/b', b'two', mode='create')\n"
        "except Exception as error:\n"
        "    print(json.dumps(type(error).__name__))\n"
    )

    def command(name: str, event: Any) -> tuple[list[str], dict[str, str]]:
        return [sys.executable, str(script)], {}

    with StepFunctionsEngine(command) as engine:
        engine.client("s3").create_bucket(Bucket="flows")
        result = run(engine, machine(("A", invoke())), {})
        assert result.output["last"]["answer"] == "AlreadyExistsError", result.report()
        found = engine.client("s3").get_object(Bucket="flows", Key="a/b")
        assert found["Body"].read() == b"one"


def test_an_execution_that_does_not_end_is_stopped(engine: StepFunctionsEngine) -> None:
    definition = machine(("A", invoke({"sleep": 30})))
    with pytest.raises(EngineTimeoutError, match=r"still running after 0\.5 s") as caught:
        run(engine, definition, {}, timeout=0.5)
    assert "TaskStarted" in str(caught.value)
    (arn,) = engine.executions()
    result = engine.wait(arn, timeout=5)
    assert result.status == "ABORTED"
    assert result.events[-1]["type"] == "ExecutionAborted"
    until(lambda: engine.processes.running)


def test_a_fault_of_the_harness_is_no_result_of_the_flow() -> None:
    def command(name: str, event: Any) -> tuple[list[str], dict[str, str]]:
        raise KeyError(name)

    with (
        StepFunctionsEngine(command) as engine,
        pytest.raises(RuntimeError, match="the harness failed"),
    ):
        engine.run(machine(("A", invoke())), {})


def test_closing_leaves_nothing_behind() -> None:
    before = dict(os.environ)
    with StepFunctionsEngine(child) as engine:
        execution = engine.start(engine.deploy("m", machine(("A", invoke({"sleep": 60})))), {})
        until(lambda: engine.processes.running)
        process = engine.processes.all[0]
        assert execution
    assert process.popen is not None
    assert process.popen.wait(5) == -9
    assert dict(os.environ) == before
    assert not [t for t in threading.enumerate() if "serve_forever" in t.name]
