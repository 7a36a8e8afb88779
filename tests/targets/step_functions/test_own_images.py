"""Classes of type `container` as containers of ECS tasks: deployed, and run with a program each."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.engines import observe
from tests.targets.step_functions.clouds import Aws, deploy, plan, provider
from tests.targets.step_functions.flows import STACK, compiled
from tests.targets.step_functions.test_deploy import ended, start, there_desired

from flowc.deploy.changes import outstanding
from flowc_shim.runner.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowc.target import Compilation

PROGRAM = Path(__file__).with_name("own_image_program.py")
REGION_AND_ECS = """
unit_image: 'units:1'
region: us-east-1
ecs: {cluster: flows, subnets: [subnet-1], security_groups: [sg-1]}
"""


def stack(seen: Path, image: str = "ghcr.io/acme/do:1") -> str:
    """A stack whose `/own/do` has an image, of which the tests know the program."""
    program = {
        "image": image,
        "command": [sys.executable],
        "args": [str(PROGRAM)],
        "env": {"SEEN": str(seen), "OWN": "given"},
    }
    own = {"type": "container", "components": {"/do": program}}
    classes = f"  own: {json.dumps(own)}\nresources:\n"
    routes = 'routes:\n  "/own/{component}": [{plugin: own}]\n'
    text = STACK.replace("resources:\n", classes).replace("routes:\n", routes)
    return text + REGION_AND_ECS


def flow_of(seen: Path, steps: str, output: str, **options: Any) -> Compilation:
    return compiled(f"steps:\n{steps}output: {output}\n", stack(seen), **options)


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with Aws(concurrency=12) as made:
        made.client("ecs").create_cluster(clusterName="flows")
        yield made


def until(holds: Callable[[], Any], what: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"{what} did not come"
        time.sleep(0.02)


def ran(aws: Aws, compilation: Compilation, given: Any = None) -> tuple[Any, Journal]:
    """Deploy a flow, run it, and return what became of it."""
    there = provider(aws.engine.endpoint, compilation)
    deploy(there, compilation)
    run = start(there, f"run-{len(aws.engine.processes.all)}", given)
    ended(there, run.key)
    assert aws.engine.ecs.errors == []
    store = aws.store()
    return observe(compilation.plan, store, run.key), Journal(store, run.key)


def calls(seen: Path, step: str) -> list[dict[str, Any]]:
    """The calls that the program of a step had, by attempt."""
    files = sorted(seen.glob(f"{step}.*"), key=lambda path: int(path.suffixes[-2][1:]))
    return [json.loads(path.read_text()) for path in files]


def tasks(aws: Aws) -> int:
    return sum(process.kind == "ecs" for process in aws.engine.processes.all)


STEPS = """
  - {id: make, component: /own/do, input: {do: write}}
  - {id: use, component: /own/do, input: {do: read, file: {$step: make, path: file}}}
  - {id: boom, component: /own/do, input: {do: exit, code: 3},
     onError: {action: useDefault, defaultValue: 0}}
  - {id: again, component: /own/do, input: {do: fail twice}, retry: {user: {max: 2, delay: 0s}}}
  - {id: never, when: "false", component: /own/do, input: {do: write}}
  - {id: slow, component: /own/do, input: {do: sleep}, timeout: 2s, retry: {timeout: {max: 0}},
     onError: {action: useDefault, defaultValue: late}}
  - {id: hungry, component: /own/do, input: {do: be killed}, retry: {platform: {max: 0}},
     onError: {action: useDefault, defaultValue: killed}}
  - {id: env, component: /own/do, input: {do: environment}}
  - id: each
    foreach: {items: [1, 2, 3]}
    steps: [{id: one, component: /own/do, input: {n: {$item: ""}}}]
    output: {$step: one, path: n}
"""
OUTPUT = (
    "{use: {$step: use, path: text}, file: {$step: make, path: file}, boom: {$step: boom}, "
    "again: {$step: again, path: step}, never: {$step: never, onSkip: none}, "
    "slow: {$step: slow}, hungry: {$step: hungry}, env: {$step: env, path: environment}, "
    "each: {$step: each}}"
)


def test_all_that_may_become_of_a_program(aws: Aws, tmp_path: Path) -> None:
    before = tasks(aws)
    observed, journal = ran(aws, flow_of(tmp_path, STEPS, OUTPUT))
    assert observed.outcome == "succeeded", observed.error
    result = observed.result
    assert result["use"] == "of a program"
    assert result["file"]["$artifact"].startswith("s3://bucket/state/artifacts/runs/")
    assert (result["boom"], result["slow"], result["hungry"]) == (0, "late", "killed")
    assert (result["again"], result["never"], result["each"]) == ("again", "none", [1, 2, 3])
    # nothing of the shim's environment
    assert "OWN" in result["env"]
    assert not [name for name in result["env"] if name.startswith("AWS")]
    contract = ("CALL", "FILES_IN", "FILES_OUT", "INPUT", "OUTPUT", "STEP")
    flowcs = [name for name in result["env"] if name.startswith("FLOWC_")]
    assert flowcs == [f"FLOWC_{name}" for name in contract]

    errors = {step: [row.error for row in journal.attempts((), step)]
              for step in ("boom", "again", "slow", "hungry", "never")}  # fmt: skip
    codes = {step: [e and e.code for e in found] for step, found in errors.items()}
    assert codes == {
        "boom": ["EXIT_3"], "again": ["EXIT_7", "EXIT_7", None], "slow": ["TIMEOUT"],
        "hungry": ["OOM"], "never": [],
    }  # fmt: skip
    # the same key in every attempt, and each in a task of its own
    assert [call["attempt"] for call in calls(tmp_path, "again")] == [1, 2, 3]
    assert len({call["idempotency_key"] for call in calls(tmp_path, "again")}) == 1
    assert calls(tmp_path, "never") == []
    assert len(calls(tmp_path, "one")) == 3
    assert tasks(aws) - before == 6 + 3 + 3, "a task per attempt, and per item"
    programs = [p for p in aws.engine.processes.all if p.kind == "ecs:program"]
    assert not [p for p in programs if p.running], "a program ends with its task"


def test_an_image_that_is_not_there_is_found_before_anything_is_written(
    aws: Aws, tmp_path: Path
) -> None:
    flow = "steps: [{id: a, component: /own/do}]\noutput: {$step: a}\n"
    problems = {}
    for image in ("own:1", "units:1", "ghcr.io/acme/do:1"):
        compilation = compiled(flow, stack(tmp_path, image))
        there = provider(aws.engine.endpoint, compilation)
        found = there.preflight(there_desired(compilation))
        problems[image] = [one.message.rpartition("/")[2] for one in found]
    assert problems == {"own:1": ["own:1`"], "units:1": [], "ghcr.io/acme/do:1": []}


def test_how_the_other_containers_end_decides_nothing(aws: Aws, tmp_path: Path) -> None:
    """Step Functions may look at all exit codes, as above, or at the essential container's."""
    steps = """
  - {id: a, component: /own/do, input: {n: 1}}
  - {id: b, component: /own/do, input: {do: exit, code: 3, a: {$step: a}},
     onError: {action: useDefault, defaultValue: 0}}
"""
    aws.engine.ecs.only_essential = True
    try:
        found, _ = ran(aws, flow_of(tmp_path, steps, "{$step: b}", granularity="auto"))
    finally:
        aws.engine.ecs.only_essential = False
    assert (found.result, found.outcomes) == (0, {"a": "succeeded", "b": "defaulted"})


def test_a_shim_is_killed_while_its_program_runs(aws: Aws, tmp_path: Path) -> None:
    steps = "  - {id: long, component: /own/do, input: {do: sleep once, n: 5}}\n"
    compilation = flow_of(tmp_path, steps, "{$step: long, path: n}")
    there = provider(aws.engine.endpoint, compilation)
    deploy(there, compilation)
    run = start(there, "killed")
    assert outstanding(plan(there, compilation)) == (), "what ECS says of it is what was written"
    until(lambda: calls(tmp_path, "long"), "the program")
    (shim,) = [p for p in aws.engine.processes.running if p.kind == "ecs"]
    (program,) = [p for p in aws.engine.processes.running if p.kind == "ecs:program"]
    shim.kill()
    ended(there, run.key)
    assert program.exit_code == -15, "it is told to end with its task"
    assert observe(compilation.plan, aws.store(), run.key).result == 5
    rows = Journal(aws.store(), run.key).attempts((), "long")
    assert [row.error and row.error.code for row in rows] == ["SHIM_DIED", None]


def test_a_task_that_need_not_run_does_not_open_its_gate(aws: Aws, tmp_path: Path) -> None:
    steps = "  - {id: once, component: /own/do, input: {n: 5}, cache: {ttl: 1h}}\n"
    compilation = flow_of(tmp_path, steps, "{$step: once, path: n}")
    before = tasks(aws)
    assert ran(aws, compilation)[0].outcomes == {"once": "succeeded"}
    there = provider(aws.engine.endpoint, compilation)
    second = start(there, "second")
    ended(there, second.key)
    found = observe(compilation.plan, aws.store(), second.key)
    assert (found.result, found.outcomes) == (5, {"once": "cached"})
    assert tasks(aws) - before == 1, "the second run needed no task"

    # nobody answers whether it should start, so that it does
    (machine,) = [
        one.body["Definition"]
        for one in there_desired(compilation)
        if one.ref.kind == "state-machine"
    ]
    for name, state in machine["States"].items():
        if name.endswith("go?"):
            state["Choices"] = [{**rule, "Next": "once"} for rule in state["Choices"]]
    for state in machine["States"].values():
        if state.get("Resource", "").endswith(":invoke"):
            event = state["Parameters"]["Payload"]
            assert event.pop("unit", "once") == "once"  # ask about nothing
    result = aws.engine.run(machine, {"input": None})
    assert (result.status, tasks(aws) - before) == ("SUCCEEDED", 2), result.report()
    assert len(calls(tmp_path, "once")) == 1, "a program began that nobody wanted"
    gates = [p.exit_code for p in aws.engine.processes.all if p.kind == "ecs:gate"]
    assert gates[-1] == 143, "the gate ends when it is told to"
