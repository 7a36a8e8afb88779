"""Deploying to AWS: what is there afterwards, what a plan says, and what runs."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.engines import observe
from tests.gates.test_cloudformation import trigger
from tests.targets.step_functions.clouds import Aws, deploy, plan, provider
from tests.targets.step_functions.flows import STACK, compiled

from flowc.deploy.changes import outstanding
from flowc.deploy.model import Kind
from flowc.deploy.provider import DeployError, RunState, Start
from flowc_shim.runner.journal import Journal
from flowc_targets.step_functions.deploy.logs import FOLLOW_SECONDS
from flowc_targets.step_functions.deploy.schedules import SCHEDULED_TIME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flowc.deploy.model import Change
    from flowc.deploy.provider import EngineRun, LogLine
    from flowc.target import Compilation
    from flowc_targets.step_functions.deploy.provider import AwsProvider

FLOW = """
steps:
  - id: a
    component: /t/COMPONENT
    input: {path: {$input: path}, value: {$input: n}}
    retry: {platform: {max: MAX, delay: 1s}}
    RESOURCES
  - {id: b, component: /t/echo, input: {$step: a}, RESOURCES}
output: {$step: b}
"""
OURS = STACK + "unit_image: 'units:1'\nregion: us-east-1\n"


def flow(
    retries: int = 2, component: str = "echo", resources: str = "resources: {}", **options: Any
) -> Compilation:
    text = FLOW.replace("MAX", str(retries)).replace("COMPONENT", component)
    text = text.replace("RESOURCES", resources)
    return compiled(text, OURS, **options)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Aws]:
    with Aws() as made:
        yield made


@pytest.fixture
def aws(cloud: Aws) -> Iterator[Aws]:
    """An account in which nothing is deployed."""
    yield cloud
    cloud.empty()


def start(there: AwsProvider, name: str, given: Any = None) -> EngineRun:
    return there.start(Start(name, json.dumps(given)))


def ended(there: AwsProvider, key: str) -> EngineRun:
    end = time.monotonic() + 90
    while True:
        run = there.run(key)
        assert run is not None
        if run.state.ended:
            return run
        assert time.monotonic() < end, "the run does not end"
        time.sleep(0.05)


def described(found: tuple[Change, ...]) -> dict[str, list[str]]:
    """What a plan says, without digests: what happens to which kinds, and to which fields."""
    return {
        f"{one.kind.value} {one.ref.kind}": [field.path for field in one.fields] for one in found
    }


def test_deploy_run_and_deploy_again(aws: Aws) -> None:
    there = provider(aws.engine.endpoint, flow())
    assert there.preflight(there_desired(flow())) == ()
    assert {change.kind for change in deploy(there, flow())} == {Kind.CREATE}
    left = outstanding(plan(there, flow()))
    assert left == (), described(left)
    run = start(there, "first", {"n": 7, "path": ""})
    assert (run.name, run.started is None) == ("first", False)
    done = ended(there, run.key)
    assert (done.key, done.state) == (run.key, RunState.SUCCEEDED), done.message
    seen = observe(flow().plan, aws.store(), run.key)
    assert seen.result == {"path": "", "value": 7}
    assert seen.outcomes == {"a": "succeeded", "b": "succeeded"}
    # a name is one run: what was asked for twice is started once
    assert start(there, "first", {"n": 8}).key == run.key
    assert [one.key for one in there.runs()] == [run.key]
    assert list(there.runs([RunState.FAILED])) == []
    assert there.run("never") is there.run(run.key + "x") is None


def there_desired(compilation: Compilation) -> Any:
    from flowc_targets.step_functions.deploy.deployer import AwsDeployer

    return AwsDeployer().desired(compilation)


def test_a_changed_retry_is_all_that_a_plan_shows(aws: Aws) -> None:
    there = provider(aws.engine.endpoint, flow())
    deploy(there, flow())
    shown = plan(there, flow(5))
    assert {str(one.ref) for one in shown if one.kind is Kind.UPDATE} == {
        "state-machine orders", "state-machine-alias orders:live"
    }  # fmt: skip
    fields = {str(field.path) for one in shown for field in one.fields}
    assert fields == {
        "Version",
        "Definition.States.start.Parameters.plan",
        "Definition.States.a.Retry[2].MaxAttempts",
    }
    others = [one for one in shown if one.kind is not Kind.UPDATE]
    assert [(one.kind.value, one.ref.name.rpartition("/")[2]) for one in others] == [
        ("create", flow(5).plan.digest)
    ]
    deploy(there, flow(5))
    assert outstanding(plan(there, flow(5))) == ()


def test_a_run_under_way_goes_on_with_its_plan(aws: Aws, tmp_path: Path) -> None:
    old = flow(2, "wait_for")
    new = flow(3, "wait_for", resources="resources: {memory: 2Gi}")
    there = provider(aws.engine.endpoint, old)
    deploy(there, old)
    gate = tmp_path / "gate"
    run = start(there, "under-way", {"n": 1, "path": str(gate)})
    assert outstanding(plan(there, old)) == ()
    kept = {one.ref: one.observed for one in deploy(there, new) if one.kind is Kind.KEEP}
    # no step of the new release is as small as the old ones
    names = {ref.name for ref in kept if ref.kind in ("function", "log-group")}
    assert names == {"orders-unit", "/aws/lambda/orders-unit"}
    assert {"function-alias", "role-policy"} <= {ref.kind for ref in kept}
    assert {one.needed_by for one in kept.values() if one} == {"run under-way is not finished"}
    gate.touch()
    assert ended(there, run.key).state is RunState.SUCCEEDED
    assert observe(old.plan, aws.store(), run.key).result == 1
    assert Journal(aws.store(), run.key).header()["plan"] == old.plan.digest
    after = start(there, "after", {"n": 2, "path": str(gate)})
    assert ended(there, after.key).state is RunState.SUCCEEDED
    assert Journal(aws.store(), after.key).header()["plan"] == new.plan.digest
    deleted = {one.ref for one in deploy(there, new)}
    assert deleted == set(kept)


def test_edits_by_hand_are_shown_as_such_and_taken_back(aws: Aws) -> None:
    there = provider(aws.engine.endpoint, flow())
    deploy(there, flow())
    aws.client("lambda").update_function_configuration(
        FunctionName="orders-decide", MemorySize=2048
    )
    aws.client("logs").put_retention_policy(
        logGroupName="/aws/lambda/orders-unit", retentionInDays=1
    )
    found = plan(there, flow())
    assert described(found) == {
        "update function": ["MemorySize"], "update log-group": ["RetentionInDays"]
    }  # fmt: skip
    assert all(one.is_drift for one in found)
    deploy(there, flow())
    assert outstanding(plan(there, flow())) == ()


def test_what_belongs_to_others_is_left_alone(aws: Aws) -> None:
    there = provider(aws.engine.endpoint, flow())
    deploy(there, flow())
    arn = "arn:aws:lambda:us-east-1:123456789012:function:orders-unit"
    aws.client("lambda").tag_resource(Resource=arn, Tags={"flowc:deployment": "other"})
    with pytest.raises(DeployError, match="orders-unit belongs to deployment `other`"):
        plan(there, flow())
    deploy(there, None)
    names = [one["FunctionName"] for one in aws.client("lambda").list_functions()["Functions"]]
    assert names == ["orders-unit"]
    aws.client("lambda").delete_function(FunctionName="orders-unit")


def test_undeploy_leaves_the_store(aws: Aws, tmp_path: Path) -> None:
    there = provider(aws.engine.endpoint, flow(2, "wait_for"))
    deploy(there, flow(2, "wait_for"))
    gate = tmp_path / "gate"
    run = start(there, "last", {"n": 1, "path": str(gate)})
    kept = {str(one.ref) for one in deploy(there, None) if one.kind is Kind.KEEP}
    # what a run under way needs stays, and nothing can be started any more
    assert "function orders-unit" in kept and "role orders-unit" in kept
    assert not any("live" in one for one in kept)
    with pytest.raises(DeployError, match="is not deployed here"):
        start(there, "late")
    gate.touch()
    assert ended(there, run.key).state is RunState.SUCCEEDED
    deploy(there, None)
    assert there.observe(()) == ()
    assert aws.objects() == [f"plans/{flow(2, 'wait_for').plan.digest}"]
    assert observe(flow(2, "wait_for").plan, aws.store(), run.key).result == 1


def test_schedules(aws: Aws) -> None:
    day = {"n": {"$trigger": "date"}, "path": "x"}
    triggers = (trigger("0 2 * * *", "Europe/Rome", day), trigger("0 0 13 * 5", None, None))
    scheduled = flow(triggers=triggers)
    there = provider(aws.engine.endpoint, scheduled)
    deploy(there, scheduled)
    assert outstanding(plan(there, scheduled)) == ()
    client = aws.client("scheduler")
    listed = client.list_schedules(GroupName="orders")["Schedules"]
    assert {one["Name"] for one in listed} == {"trigger-1", "trigger-2", "trigger-2-weekdays"}
    schedule = client.get_schedule(GroupName="orders", Name="trigger-1")
    assert schedule["ScheduleExpression"] == "cron(0 2 * * ? *)"
    # as the service starts it: twice, since it does so at least once
    text = schedule["Target"]["Input"].replace(SCHEDULED_TIME, "2027-03-01T23:30:00Z")
    alias = schedule["Target"]["Arn"]
    states = []
    for name in ("one", "two"):
        aws.client("stepfunctions").start_execution(stateMachineArn=alias, name=name, input=text)
        run = there.run(name)
        assert run is not None and run.scheduled == "2027-03-01T23:30:00Z"
        assert ended(there, run.key).state is RunState.SUCCEEDED
        end = Journal(aws.store(), run.key).end()
        assert end is not None
        states.append((end.outcome.value, end.output))
    assert states == [("succeeded", {"path": "x", "value": "2027-03-02"}), ("skipped", None)]
    # suspended they stay so, and so does what a deployment adds
    there.suspend(True)
    more = flow(triggers=(*triggers, trigger("5 5 * * *", None, None)))
    deploy(there, more)
    assert there.suspended()
    listed = client.list_schedules(GroupName="orders")["Schedules"]
    assert {one["State"] for one in listed} == {"DISABLED"} and len(listed) == 4
    there.suspend(False)
    assert not there.suspended()
    assert outstanding(plan(there, more)) == ()
    assert described(plan(there, flow())) == {
        "delete schedule": [], "delete schedule-group": [], "delete role": [],
        "delete role-policy": [], "create role-policy": [],
    }  # fmt: skip


def test_stopped_runs_are_swept(aws: Aws, tmp_path: Path) -> None:
    there = provider(aws.engine.endpoint, flow(2, "wait_for"))
    deploy(there, flow(2, "wait_for"))
    run = start(there, "stopped", {"n": 1, "path": str(tmp_path / "never")})
    journal = Journal(aws.store(), run.key)
    while not journal.header():
        time.sleep(0.05)
    there.stop(run)
    assert ended(there, run.key).state is RunState.STOPPED
    for process in aws.engine.processes.running:
        process.kill()
    assert aws.invoke("orders-sweep", {})["ended"] == [run.key]
    end = Journal(aws.store(), run.key).end()
    assert end is not None and end.outcome.value == "stopped"
    assert aws.invoke("orders-sweep", {})["ended"] == []


def test_logs(aws: Aws) -> None:
    there = provider(aws.engine.endpoint, flow(component="chat"))
    deploy(there, flow(component="chat"))
    runs = [ended(there, start(there, name, {"n": name, "path": ""}).key) for name in ("x", "y")]
    aws.write_logs()
    lines = list(there.logs(runs[1], (), follow=True))
    assert [(one.unit, one.text) for one in lines] == [("a", "said: y")]
    assert lines[0].time.endswith("+00:00")
    assert list(there.logs(runs[0], ("b",), follow=False)) == []


def test_logs_are_followed_until_the_run_ends(aws: Aws, tmp_path: Path) -> None:
    """The second step ends only once the first one's line was read."""
    text = """
    steps:
      - {id: a, component: /t/chat, input: {value: {$input: n}}}
      - {id: b, component: /t/wait_for, needs: [a], input: {path: {$input: path}}}
    output: {$step: a}
    """
    compilation = compiled(text, OURS)
    lines: list[LogLine] = []
    waits = 0

    def pause(seconds: float) -> None:
        nonlocal waits
        waits += 1
        assert seconds == FOLLOW_SECONDS
        aws.write_logs()
        if lines:
            (tmp_path / "go").touch()
        time.sleep(0.05)

    deploy(provider(aws.engine.endpoint, compilation), compilation)
    there = provider(aws.engine.endpoint, compilation, pause=pause)
    run = start(there, "followed", {"n": "here", "path": str(tmp_path / "go")})
    for line in there.logs(run, (), follow=True):
        lines.append(line)
        assert not (tmp_path / "go").exists(), "the run was still going on"
    assert [(one.unit, one.text) for one in lines] == [("a", "said: here")]
    assert waits > 1
    last = there.run(run.key)
    assert last is not None and last.state is RunState.SUCCEEDED


def test_a_large_input_goes_through_the_store(aws: Aws) -> None:
    there = provider(aws.engine.endpoint, flow())
    deploy(there, flow())
    large = "x" * 300_000
    aws.store().create("inputs/large", json.dumps({"n": large, "path": ""}).encode())
    run = there.start(Start("large", "", "inputs/large", ("tagged",)))
    assert ended(there, run.key).state is RunState.SUCCEEDED
    assert observe(flow().plan, aws.store(), run.key).result["value"] == large
    assert Journal(aws.store(), run.key).header()["tags"] == ["tagged"]
    assert there.run(run.key) is not None


def test_preflight_says_what_is_missing(aws: Aws) -> None:
    stack = STACK.replace("s3://bucket/state", "s3://nowhere/state")
    stack += "unit_image: 'unknown:2'\nvariables: {key: {secret: api-key}}\n"
    text = """
    schemas: {properties: {variables: {properties: {key: {type: string, is_secret: true}}}}}
    steps: [{id: a, component: /t/echo, resources: gpu, input: {$variable: key}}]
    output: {$step: a}
    """
    compilation = compiled(text, stack)
    there = provider(aws.engine.endpoint, compilation)
    found = {one.message: one.fix for one in there.preflight(there_desired(compilation))}
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/unknown:2"
    assert found == {
        "there is no bucket `nowhere`": "`aws s3 mb s3://nowhere`",
        f"there is no image `{image}`": f"`docker push {image}`",
        "there is no job queue `gpus`":
            "make it in Batch, or name another one with `queue:` in the profile",
        "there is no secret `api-key` in Secrets Manager":
            "`aws secretsmanager create-secret --name api-key --secret-string …`",
    }  # fmt: skip
    without = compiled("steps: [{id: a, component: /t/echo}]\n", STACK)
    (problem,) = there.preflight(there_desired(without))[1:]
    assert "names no image" in problem.message


def test_batch_and_large_loops(aws: Aws) -> None:
    text = """
    steps:
      - {id: rows, component: /t/echo, input: [1, 2, 3]}
      - id: each
        foreach: {items: {$step: rows}, concurrency: 2}
        steps: [{id: fit, component: /t/echo, resources: large, input: {$item: ""}}]
        output: {$step: fit}
    output: {$step: each}
    """
    compilation = compiled(text, OURS)
    there = provider(aws.engine.endpoint, compilation)
    deploy(there, compilation)
    left = outstanding(plan(there, compilation))
    assert left == (), [(str(one.ref), one.fields) for one in left]
    run = ended(there, start(there, "jobs", {}).key)
    assert run.state is RunState.SUCCEEDED, run.message
    assert observe(compilation.plan, aws.store(), run.key).result == [1, 2, 3]
    deploy(there, None)
    assert there.observe(()) == ()


def test_secrets_are_read_when_a_unit_starts(aws: Aws) -> None:
    aws.client("secretsmanager").create_secret(Name="api-key", SecretString="s3cret")
    text = """
    schemas: {properties: {variables: {properties: {key: {type: string, is_secret: true}}}}}
    steps: [{id: a, component: /t/length, input: {$variable: key}}]
    output: {$step: a}
    """
    compilation = compiled(text, OURS + "variables: {key: {secret: api-key}}\n")
    there = provider(aws.engine.endpoint, compilation)
    deploy(there, compilation)
    run = ended(there, start(there, "secret", {}).key)
    assert run.state is RunState.SUCCEEDED, run.message
    assert observe(compilation.plan, aws.store(), run.key).result == 6
    listed = str([one.body for one in there.observe(there_desired(compilation))])
    assert "s3cret" not in listed and "s3cret" not in str(aws.objects())


PARENT = """
steps:
  - {id: a, component: /t/wait_for, input: {path: {$input: path}, value: {$input: n}}}
  - {id: go, flow: child.yaml, detached: true, needs: [a], input: {n: {$input: n}}}
output: {$step: go, path: run}
"""
CHILD = "steps: [{id: b, component: /t/echo, input: [%s, {$input: n}]}]\noutput: {$step: b}\n"


def test_a_run_under_way_starts_what_it_was_built_with(aws: Aws, tmp_path: Path) -> None:
    old, new = (compiled(PARENT, OURS, flows={"child.yaml": CHILD % n}) for n in ("old", "new"))
    there = provider(aws.engine.endpoint, old)
    deploy(there, old)
    assert outstanding(plan(there, old)) == ()
    gate = tmp_path / "gate"
    run = start(there, "under-way", {"n": 1, "path": str(gate)})
    kept = {one.ref for one in deploy(there, new) if one.kind is Kind.KEEP}
    assert [ref.name for ref in kept if ref.kind == "state-machine"] == [
        f"orders-{old.plan.digest[:8]}-{old.detached['go'].plan.digest[:8]}"
    ]
    gate.touch()
    assert ended(there, run.key).state is RunState.SUCCEEDED
    child = ended(there, observe(old.plan, aws.store(), run.key).result)
    assert child.state is RunState.SUCCEEDED
    assert observe(old.detached["go"].plan, aws.store(), child.key).result == ["old", 1]
    assert {one.name for one in there.runs()} == {"under-way", child.name}
    # asked for once more, as by a shim that died before it said so: it is the same run
    from flowc_shim.engines.start_execution import start_execution

    machine = child.key.partition(":execution:")[2].partition(":")[0]
    for key, value in aws.engine.child_environment().items():
        os.environ.setdefault(key, value)
    start_execution({"machine": machine}, run.key, child.name, {"run": "x"})
    assert {one.name for one in there.runs()} == {"under-way", child.name}
    assert kept <= {one.ref for one in deploy(there, new)}
    after = start(there, "after", {"n": 2, "path": str(gate)})
    assert ended(there, after.key).state is RunState.SUCCEEDED
    child = ended(there, observe(new.plan, aws.store(), after.key).result)
    assert observe(new.detached["go"].plan, aws.store(), child.key).result == ["new", 2]
