"""What is emitted: states, names, sizes, roles; and every gate passes it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.engines import compile_case
from tests.conformance.model import Case, load_cases
from tests.gates.asl_validator import asl_validate
from tests.targets.step_functions.flows import (
    STACK,
    all_states,
    bodies,
    chain,
    compiled,
    emitted,
    machine,
    statements,
    states,
)

from flowc_targets.step_functions import TARGET
from flowc_targets.step_functions.check_definition import check_definition
from flowc_targets.step_functions.deploy.needs import Needs
from flowc_targets.step_functions.deploy.objects import objects
from flowc_targets.step_functions.files import written

if TYPE_CHECKING:
    from pathlib import Path

BATCH = STACK + "compute: batch\n"
TWO = "steps: [{id: a, component: /f, input: 1}, {id: b, component: /f, input: {$step: a}}]\n"
TWO += "output: {$step: b}\n"
LOOP = """
steps:
  - {id: rows, component: /f, input: 1}
  - id: each
    foreach: {items: {$step: rows}, concurrency: 4}
    steps: [{id: fit, component: /f, input: {$item: ""}}]
    output: {$step: fit}
output: {$step: each}
"""


@pytest.mark.parametrize(
    ("number", "granularity", "compute"),
    [(0, "step", None), (1, "step", "batch"), (2, "auto", None), (3, "auto", "batch")],
)
def test_gates_pass_every_machine(
    number: int, granularity: str, compute: str | None, tmp_path: Path
) -> None:
    paths: dict[Path, Case] = {}
    for index, case in enumerate(load_cases()):
        compilation = compile_case(
            case, "step-functions", granularity, store="s3://b/state", compute=compute
        )
        text = TARGET.emit(compilation)["state-machine.asl.json"]
        assert check_definition(json.loads(text), serialised=text) == [], case.name
        if index % 8 in (number, number + 4):  # npm's takes a third of a second for each
            path = tmp_path / f"{case.slug}.json"
            path.write_text(text, encoding="utf-8")
            paths[path] = case
    problems = {paths[path].name: found for path, found in asl_validate(list(paths)).items()}
    assert {name: found for name, found in problems.items() if found} == {}


def test_files() -> None:
    compilation = compiled(TWO)
    files = TARGET.emit(compilation)
    assert set(files) == {"state-machine.asl.json", "plan.json", "objects.json"}
    assert json.loads(files["plan.json"]) == compilation.plan.to_json()
    assert all(text.endswith("\n") for text in files.values())
    assert {(o.ref, str(o.body)) for o in written(files)} == {
        (o.ref, str(o.body)) for o in objects(compilation)
    }
    assert "123456789012" not in "".join(files.values()), "an account"
    assert TARGET.emit(compiled(TWO)) == files


def test_a_unit_is_a_task_that_never_stops_the_machine() -> None:
    found = states(TWO)
    a = found["a"]
    assert a["Parameters"]["FunctionName"] == "orders-unit"
    assert a["Parameters"]["Qualifier.$"] == "$.run.version"
    assert a["Parameters"]["Payload"] == {
        "op": "run-unit",
        "plan.$": "$.run.plan",
        "run.$": "$.run.id",
        "started.$": "$.run.started",
        "name.$": "$.run.name",
        "unit": "a",
        "start.$": "$$.Execution.Input",
    }
    assert [a["Retry"][i]["ErrorEquals"] for i in (0, -1)] == [["Flowc.Contract"], ["States.ALL"]]
    assert a["Retry"][0]["MaxAttempts"] == 0
    assert (a["ResultPath"], a["Catch"][0]["Next"], a["Next"]) == (None, "a (settle)", "b")
    settle = found["a (settle)"]
    assert settle["Parameters"]["Payload"]["settle"] == {"a.$": "$.error"}
    assert settle["Next"] == settle["Catch"][0]["Next"] == "b"
    assert "start.$" not in found["b"]["Parameters"]["Payload"]
    assert "start.$" in found["finish"]["Parameters"]["Payload"]


def test_an_edit_of_one_step_moves_few_lines() -> None:
    before = json.dumps(machine(TWO), indent=2).splitlines()
    after = json.dumps(machine(TWO.replace("input: 1", "input: 2")), indent=2).splitlines()
    changed = [line for one, line in zip(before, after, strict=True) if one != line]
    assert len(changed) == 1, changed  # the plan's digest


def test_budgets_become_retries() -> None:
    retry = "{user: {max: 2, delay: 120s, factor: 3, cap: 10m, jitter: false}}"
    flow = f"steps: [{{id: a, component: /f, retry: {retry}}}]\noutput: {{$step: a}}\n"
    entries = {entry["ErrorEquals"][0]: entry for entry in states(flow)["a"]["Retry"]}
    assert entries["Flowc.Retry"] == {
        "ErrorEquals": ["Flowc.Retry"],
        "IntervalSeconds": 120,
        "MaxAttempts": 5,
        "BackoffRate": 3.0,
        "MaxDelaySeconds": 600,
    }
    assert entries["States.ALL"] == {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 5,
        "MaxAttempts": 5,
        "BackoffRate": 2.0,
        "MaxDelaySeconds": 60,
        "JitterStrategy": "FULL",
    }


def test_no_retry_where_no_budget_is() -> None:
    flow = "steps: [{id: a, component: /f, retry: {platform: {max: 0}}}]\noutput: {$step: a}\n"
    errors = [error for entry in states(flow)["a"]["Retry"] for error in entry["ErrorEquals"]]
    assert "States.ALL" not in errors


def test_a_diamond_is_a_parallel() -> None:
    flow = """
    steps:
      - {id: a, component: /f}
      - {id: b, component: /f, input: {$step: a}}
      - {id: c, component: /f, input: {$step: a}}
      - {id: d, component: /f, input: [{$step: b}, {$step: c}]}
    output: {$step: d}
    """
    found = states(flow)
    parallel = found["b | c"]
    assert (found["a"]["Next"], parallel["Next"]) == ("b | c", "d")
    assert parallel["ResultPath"] is None
    assert [branch["StartAt"] for branch in parallel["Branches"]] == ["b", "c"]
    assert found["b"]["End"] is True
    assert found["b"]["OutputPath"] is None
    assert found["b (settle)"]["Catch"][0]["Next"] == "end of b"


def test_a_loop_of_known_size_is_inline() -> None:
    found = states(LOOP.replace("{$step: rows}, conc", "[1, 2, 3], conc"))
    each = found["each"]
    assert each["MaxConcurrency"] == 4
    assert each["ItemProcessor"]["ProcessorConfig"] == {"Mode": "INLINE"}
    assert each["ItemsPath"] == "$.indices.list"
    assert found["each (any?)"]["Default"] == "each:close"
    assert found["each/fit"]["Parameters"]["Payload"]["scope.$"] == "$.scope"


def test_a_loop_of_unknown_size_is_distributed() -> None:
    files = emitted(LOOP)
    each = dict(all_states(files["state-machine.asl.json"]))["each"]
    assert each["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
    assert each["MaxConcurrency"] == 4
    key = "state/indices/25000.json"
    assert each["ItemReader"]["Parameters"] == {"Bucket": "bucket", "Key": key}
    assert each["ItemReader"]["ReaderConfig"]["MaxItemsPath"] == "$.answer.verdict.count"
    assert bodies(files, "object")[f"s3://bucket/{key}"] == {"Range": 25000}
    assert ["states:StartExecution"] in [s["Action"] for s in statements(files, "orders-machine")]


def test_only_the_outermost_loop_is_distributed() -> None:
    flow = """
    steps:
      - {id: rows, component: /f}
      - id: outer
        foreach: {items: {$step: rows}}
        steps:
          - id: inner
            foreach: {items: {$item: ""}, concurrency: 3}
            steps:
              - {id: fit, component: /f, input: {$item: ""}}
              - {id: next, component: /f, input: {$step: fit}}
            output: {$step: next}
        output: {$step: inner}
    output: {$step: outer}
    """
    found = states(flow)
    assert found["outer"]["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
    inner = found["outer/inner"]
    assert inner["ItemProcessor"]["ProcessorConfig"]["Mode"] == "INLINE"
    assert inner["ItemSelector"]["scope.$"] == "States.Format('{}/{}', $.scope, $$.Map.Item.Value)"
    # as many items as fit into one item's history
    tests = found["outer/inner (any?)"]["Choices"][0]["And"]
    most = next(t["NumericLessThanEquals"] for t in tests if "NumericLessThanEquals" in t)
    assert 1000 >= most > 500


def test_a_store_elsewhere_keeps_loops_inline() -> None:
    stack = STACK.replace("s3://bucket/state", "gs://bucket/state")
    assert states(LOOP, stack)["each"]["ItemProcessor"]["ProcessorConfig"] == {"Mode": "INLINE"}


def test_batch_units_loop_over_their_attempts() -> None:
    found = states(TWO, BATCH)
    assert found["start"]["Next"] == "begin"
    assert found["begin"]["Parameters"]["Payload"]["start.$"] == "$$.Execution.Input"
    a = found["a"]
    assert a["Resource"] == "arn:aws:states:::batch:submitJob.sync"
    assert a["ResultPath"] is None
    assert all("States.ALL" not in entry["ErrorEquals"] for entry in a["Retry"])
    assert "--scope" not in a["Parameters"]["ContainerOverrides"]["Command.$"]
    assert a["Catch"][0]["Next"] == "a (settle)"
    assert found["a (settle)"]["Next"] == "a (again?)"
    assert found["a (again?)"]["Choices"][0]["Next"] == "a (wait)"
    seconds = "$.answer.verdict.retry_wait"
    assert found["a (wait)"] == {"Type": "Wait", "SecondsPath": seconds, "Next": "a"}
    # a job takes minutes to start: whether it should is asked first, unless nothing is before it
    assert "a (ask)" not in found
    assert found["b (ask)"]["Catch"][0]["Next"] == "b"
    assert found["b (go?)"]["Default"] == "b"


def test_profiles_choose_compute_and_size() -> None:
    flow = """
    steps:
      - {id: a, component: /t/echo, resources: large}
      - {id: b, component: /t/echo, resources: gpu, input: {$step: a}}
      - {id: c, component: /t/echo, resources: {memory: 3Gi, cpu: 1}, input: {$step: b}}
      - {id: d, component: /f, resources: {memory: 2Gi}, input: {$step: c}}
    output: {$step: d}
    """
    files = emitted(flow)
    jobs = {
        name.rpartition("-p-")[0]: job["ContainerProperties"]["ResourceRequirements"]
        for name, job in bodies(files, "job-definition").items()
    }
    assert jobs["orders-c2-m8192"] == [
        {"Type": "VCPU", "Value": "2"},
        {"Type": "MEMORY", "Value": "8192"},
    ]
    assert jobs["orders-c8-m32768-g1"][1:] == [
        {"Type": "MEMORY", "Value": "32768"},
        {"Type": "GPU", "Value": "1"},
    ]
    queues = Needs.of(compiled(flow)).queues
    assert queues == {"big": {}, "gpus": {"gpu_type": "a100", "spot": True}}
    sizes = {name: body["MemorySize"] for name, body in bodies(files, "function").items()}
    # what a component server needs is not put on the function that waits for it
    assert sizes == {
        "orders-decide": 512, "orders-sweep": 512, "orders-unit": 1024, "orders-unit-m3072": 3072
    }  # fmt: skip
    queue = states(flow)["a"]["Parameters"]["JobQueue"]
    assert queue == "big"


def test_secrets_are_names() -> None:
    flow = """
    schemas:
      properties: {variables: {properties: {key: {type: string, is_secret: true}}}}
    steps: [{id: a, component: /f, input: {$variable: key}}]
    output: {$step: a}
    """
    stack = STACK + "variables: {key: {secret: api-key}, other: {secret: 'ssm:/team/other'}}\n"
    stack = stack.replace(
        "state_store: s3://bucket/state",
        """state_store:
  {url: "postgresql://me@db/flowc", password: {secret: "ssm:/team/db"}}""",
    )
    files = emitted(flow, stack)
    for function in bodies(files, "function").values():
        variables = function["Environment"]["Variables"]
        assert json.loads(variables["FLOWC_AWS_SECRETS"]) == {
            "FLOWC_SECRET_API_KEY": "api-key",
            "FLOWC_SECRET_SSM__TEAM_DB": "ssm:/team/db",
        }
        assert json.loads(variables["FLOWC_STORE_OPTIONS"]) == {
            "password": {"secret": "ssm:/team/db"}
        }
    for role in ("orders-unit", "orders-decide", "orders-sweep"):
        told = str([s["Resource"] for s in statements(files, role)])
        assert "secret:api-key-??????" in told and "parameter/team/db" in told


def test_roles_may_what_they_need_and_only_the_sweeper_deletes() -> None:
    files = emitted(TWO, BATCH)
    actions: dict[str, list[str]] = {}
    for name, policy in bodies(files, "role-policy").items():
        for statement in policy["PolicyDocument"]["Statement"]:
            actions.setdefault(name.partition("/")[0], []).extend(statement["Action"])
            if statement["Resource"] == ["*"]:
                assert statement["Action"] in (
                    ["batch:DescribeJobs", "batch:TerminateJob"], ["ecr:GetAuthorizationToken"]
                )  # fmt: skip
    assert "batch:SubmitJob" in actions["orders-machine"]
    assert not any("*" in action for found in actions.values() for action in found)
    deleting = {role for role, found in actions.items() if "s3:DeleteObject" in found}
    assert deleting == {"orders-sweep"}
    put = [
        resource.split(":::")[1]
        for statement in statements(files, "orders-job")
        if "s3:PutObject" in statement["Action"]
        for resource in statement["Resource"]
    ]
    own = "bucket/state/deployments/step-functions%2Forders"
    assert put == [
        "bucket/state/runs/*", "bucket/state/uses/*", "bucket/state/names/*",
        f"{own}/runs/*", f"{own}/open/*", "bucket/state/artifacts/runs/*",
    ]  # fmt: skip


def test_names_are_short_unique_and_the_ids() -> None:
    long = "x" * 120
    odd = ["finish", "a", "a (settle)", "it's {odd} \\ $.x", "größe 日本"]
    steps: list[dict[str, Any]] = [
        {"id": name, "component": "/f"} for name in (long, f"{long}y", *odd)
    ]
    output = [{"$step": step["id"]} for step in steps]
    flow = json.dumps({"schema": "flowc/v1", "name": "n", "steps": steps, "output": output})
    found = states(flow)
    assert all(len(name) <= 80 for name in found)
    assert set(odd) <= set(found)
    assert found["a (settle)"]["Parameters"]["Payload"]["unit"] == "a (settle)"
    assert found["a"]["Catch"][0]["Next"] != "a (settle)"


def test_a_flow_without_steps_only_finishes() -> None:
    found = states("steps: []\noutput: {$input: x}\n")
    assert found["start"]["Next"] == "finish"


def test_hundreds_of_steps_fit() -> None:
    found = machine(chain(650))
    text = json.dumps(found, separators=(",", ":"))
    assert len(text) < 1_048_576
