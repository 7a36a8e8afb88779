"""What is emitted for classes of type `container`, and what is refused at its line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.gates.test_cloudformation import lint
from tests.targets.step_functions.flows import STACK as PLAIN
from tests.targets.step_functions.flows import bodies, compiled, emitted, statements, states
from tests.targets.step_functions.test_check import found, line_of

from flowc_targets.step_functions import TARGET
from flowc_targets.step_functions.deploy.cloudformation import cloudformation

if TYPE_CHECKING:
    from pathlib import Path

CLASS = """  own:
    type: container
    components:
      /scan:
        {image: "scan:2", command: [scan, -v], args: [--all], env: {A: "1", KEY: {secret: key}}}
      /plain: {image: "ghcr.io/acme/plain:1"}
"""
ROUTE = """  "/own/{component}": [{plugin: own}]
  "/mixed/{component}":
    - {plugin: own, component: /scan, conditions: [{path: $.big, value: true}]}
    - {plugin: served}
"""
STACK = (
    PLAIN.replace("resources:\n", CLASS + "resources:\n").replace("routes:\n", "routes:\n" + ROUTE)
    + "unit_image: 'units:1'\necs: {cluster: flows, subnets: [subnet-1]}\n"
)


def one(component: str = "/own/scan", more: str = "") -> str:
    step = f"  - id: a\n    component: {component}\n    input: {{big: true}}\n{more}"
    return f"steps:\n{step}output: {{$step: a}}\n"


def containers(flow: str, stack: str = STACK) -> list[dict[str, dict[str, Any]]]:
    """Return the containers of each task definition by name."""
    tasks = bodies(emitted(flow, stack), "task-definition").values()
    return [{each["Name"]: each for each in task["ContainerDefinitions"]} for task in tasks]


def test_three_containers_that_share_a_folder() -> None:
    (task,) = containers(one())
    assert list(task) == ["unit", "gate", "program"]
    assert [each["Essential"] for each in task.values()] == [True, False, False]
    assert task["program"]["DependsOn"] == [{"ContainerName": "gate", "Condition": "SUCCESS"}]
    assert task["gate"]["Command"] == ["flowc-shim", "await-file", "/flowc/.open"]
    assert task["gate"]["Environment"] == []
    for each in task.values():
        (mount,) = each["MountPoints"]
        assert (mount["SourceVolume"], mount["ContainerPath"]) == ("call", "/flowc")
    program = task["program"]
    assert (program["EntryPoint"], program["Command"]) == (["scan", "-v"], ["--all"])
    registry = "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}"
    assert program["Image"] == f"{registry}/scan:2"


def test_what_the_program_is_told() -> None:
    (task,) = containers(one())
    program = task["program"]
    told = {each["Name"]: each["Value"] for each in program["Environment"]}
    assert told == {
        "A": "1", "FLOWC_CALL": "/flowc/call.json", "FLOWC_INPUT": "/flowc/input.json",
        "FLOWC_OUTPUT": "/flowc/output.json", "FLOWC_FILES_IN": "/flowc/files-in",
        "FLOWC_FILES_OUT": "/flowc/files-out",
    }  # fmt: skip
    (_, override) = states(one(), STACK)["a"]["Parameters"]["Overrides"]["ContainerOverrides"]
    assert override == {
        "Name": "program", "Environment": [{"Name": "FLOWC_STEP", "Value": "a"}]
    }  # fmt: skip


def test_a_secret_goes_by_name_with_the_right_to_read_it() -> None:
    files = emitted(one(), STACK)
    ((program,),) = [
        [each for each in task["ContainerDefinitions"] if each["Name"] == "program"]
        for task in bodies(files, "task-definition").values()
    ]
    arn = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:key"
    assert program["Secrets"] == [{"Name": "KEY", "ValueFrom": arn}]
    reads = [s for s in statements(files, "orders-pull") if "secretsmanager" in s["Action"][0]]
    assert [s["Resource"] for s in reads] == [[f"{arn}-??????"]]
    # one of a component that is not called is nobody's to read
    other = statements(emitted(one("/own/plain"), STACK), "orders-pull")
    assert not [s for s in other if "secretsmanager" in s["Action"][0]]


def test_an_image_as_it_is() -> None:
    (task,) = containers(one("/own/plain"))
    program = task["program"]
    assert program["Image"] == "ghcr.io/acme/plain:1"
    assert not {"EntryPoint", "Command", "Secrets"} & set(program)


def test_the_size_is_the_programs_and_the_shims() -> None:
    more = "    resources: {cpu: 1, memory: 2Gi}\n"
    (task,) = bodies(emitted(one(more=more), STACK), "task-definition").values()
    assert (task["Cpu"], task["Memory"]) == ("1024", "3072")
    assert task["ContainerDefinitions"][-1]["Memory"] == 3072 - 256
    [(code, _, text)] = found(one(more=more), STACK, "note")
    assert code == "FC521" and "3072 MiB of memory" in text


def test_tasks_by_size_and_component_and_by_version() -> None:
    """What is in a task is in the version that a run keeps, what it is for in the family's name."""
    flow = (
        "steps:\n  - {id: a, component: /own/scan, input: 1}\n"
        "  - {id: b, component: /own/scan, input: {$step: a}}\n"
        "  - {id: c, component: /own/plain, input: {$step: b}}\noutput: {$step: c}\n"
    )
    names = sorted(bodies(emitted(flow, STACK), "task-definition"))
    assert len(names) == 2
    changed = sorted(bodies(emitted(flow, STACK.replace("scan:2", "scan:3")), "task-definition"))
    families = [[name.partition("-p-")[0] for name in each] for each in (names, changed)]
    versions = [{name.partition("-p-")[2] for name in each} for each in (names, changed)]
    assert families[0] == families[1]
    assert not versions[0] & versions[1]


@pytest.mark.parametrize("granularity", ["step", "auto"])
def test_a_task_per_call(granularity: str) -> None:
    """No process makes two: neither a chain of steps, nor the passes of a loop."""
    flow = """
steps:
  - {id: a, component: /own/scan, input: 1}
  - {id: b, component: /own/scan, input: {$step: a}}
  - {id: c, component: /builtin/eval, input: {$step: b}}
  - id: many
    while: {state: {n: 0}, condition: state.n < 3, maxIterations: 5}
    steps: [{id: pass, component: /own/scan, input: {$state: ""}}]
    output: {$step: pass}
output: [{$step: c}, {$step: many}]
"""
    flow = flow.replace("/builtin/eval", "/t/echo")
    layout = compiled(flow, STACK, granularity=granularity).layout
    calling = {unit.id: unit for unit in layout.units.values() if unit.own_image is not None}
    assert [unit.steps for unit in calling.values()] == [("a",), ("b",), ("many/pass",)]


def test_placement_is_explained() -> None:
    said = TARGET.placements(compiled(one(), STACK))["a"]
    assert said == (
        "ECS on Fargate, 0.25 vCPU, 1024 MiB, beside scan:2; its component has an image of its own"
    )


@pytest.mark.parametrize(
    ("stack", "more", "line", "said"),
    [
        (STACK + "compute: lambda\n", "", "own:", "a function is one container"),
        (STACK + "compute: batch\n", "", "own:", "a Batch job of several containers"),
        (STACK, "    resources: large\n", "large:", "a Batch job of several containers"),
        (STACK.replace("compute: batch, queue: big", "queue: big"),
         "    resources: large\n", "large:", "a Batch job of several containers"),
        (STACK.replace("compute: batch, queue: big", "compute: lambda"),
         "    resources: large\n", "large:", "a function is one container"),
    ],
)  # fmt: skip
def test_where_there_is_no_place_for_it(stack: str, more: str, line: str, said: str) -> None:
    [(code, where, text)] = found(one(more=more), stack)
    assert code == "FC501"
    assert said in text and "compute: ecs" in text
    if line == "large:":
        assert where == f"stack.yaml:{line_of(stack, line)}"
    else:
        assert where.startswith("stack.yaml:")


def test_a_profile_may_choose_it_where_the_stack_says_something_else() -> None:
    stack = STACK.replace("compute: batch, queue: big", "compute: ecs") + "compute: lambda\n"
    assert found(one(more="    resources: large\n"), stack) == []


def test_a_network_is_needed() -> None:
    stack = STACK.replace("ecs: {cluster: flows, subnets: [subnet-1]}\n", "")
    [(code, where, text)] = found(one(), stack)
    assert (code, where) == ("FC501", "flow.yaml:4")
    assert "runs in an image of its own" in text and "ecs: {cluster, subnets" in text


@pytest.mark.parametrize(
    ("needs", "said"), [("{gpu: 1}", "1 GPU"), ("{memory: 120Gi}", "123136 MiB of memory")]
)
def test_more_than_fargate_has(needs: str, said: str) -> None:
    [(code, where, text)] = found(one(more=f"    resources: {needs}\n"), STACK)
    assert (code, where) == ("FC501", "flow.yaml:7")
    assert said in text and "type `command`" in text


def test_a_choice_among_components_is_made_too_late() -> None:
    [(code, where, text)] = found(one("/mixed/scan"), STACK)
    assert (code, where) == ("FC501", "flow.yaml:4")
    assert "known only when it runs" in text


def test_the_sweeper_starts_no_tasks() -> None:
    flow = one("/t/echo") + "finally: [{id: last, component: /own/scan, input: 1}]\n"
    [(code, where, text)] = found(flow, STACK)
    assert (code, where) == ("FC501", "flow.yaml:8")
    assert "`last` of `finally`" in text and "the sweeper" in text


def test_cloudformation(tmp_path: Path) -> None:
    path = tmp_path / "template.json"
    path.write_text(cloudformation(compiled(one(), STACK))["template.json"])
    (task,) = [
        each["Properties"]
        for each in json.loads(path.read_text())["Resources"].values()
        if each["Type"] == "AWS::ECS::TaskDefinition"
    ]
    assert [each["Name"] for each in task["ContainerDefinitions"]] == ["unit", "gate", "program"]
    assert lint(path) == ""
