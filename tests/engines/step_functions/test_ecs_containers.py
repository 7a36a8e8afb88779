"""Tasks of several containers in the harness: what ECS promises of their order is kept."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.engines.step_functions.engine import StepFunctionsEngine
from tests.engines.step_functions.test_moto_patches import ecs_machine

if TYPE_CHECKING:
    from pathlib import Path

ASK = (
    "import json, os, sys, time, urllib.request\n"
    "def task():\n"
    "    at = os.environ['ECS_CONTAINER_METADATA_URI_V4'] + '/task'\n"
    "    return {one['Name']: one for one in json.load(urllib.request.urlopen(at))['Containers']}\n"
)


def container(name: str, script: str, *after: tuple[str, str], essential: bool = False) -> Any:
    depends = [{"containerName": other, "condition": condition} for other, condition in after]
    return {
        "name": name,
        "essential": essential,
        "entryPoint": [sys.executable, "-c", script],
        "environment": [{"name": "FOLDER", "value": "/shared"}],
        "mountPoints": [{"sourceVolume": "v", "containerPath": "/shared"}],
        "dependsOn": depends,
    }


def run(containers: list[Any], **settings: Any) -> tuple[Any, dict[str, Any], Any]:
    """Run a task; return the execution's result, and what is said of each container."""
    definition = {"containerDefinitions": containers, "volumes": [{"name": "v"}]}
    with StepFunctionsEngine(task_definition=lambda _: definition) as engine:
        engine.ecs.only_essential = settings.get("only_essential", False)
        result = engine.run(ecs_machine(0), {})
        (task,) = engine.ecs.tasks.values()
        assert engine.ecs.errors == []
        return result, {one["name"]: one for one in task["containers"]}, engine.processes.all


def test_order_and_the_shared_folder() -> None:
    """A program waits for the end of one that waits for a file, and its code is read outside."""
    path = "os.path.join(os.environ['FOLDER'], 'open')"
    unit = (
        f"{ASK}time.sleep(0.3); before = task()\n"
        "assert before['program'] == {'Name': 'program', 'KnownStatus': 'PENDING'}, before\n"
        f"open({path}, 'w').close()\n"
        "while 'ExitCode' not in task()['program']: time.sleep(0.02)\n"
        "assert task()['gate']['ExitCode'] == 0\n"
        "sys.exit(task()['program']['ExitCode'] - 4 or sys.argv[1:] != ['sh', '-c', 'exit 0'])\n"
    )
    gate = f"import os, time\nwhile not os.path.exists({path}): time.sleep(0.02)"
    result, said, processes = run([
        container("unit", unit, essential=True),
        container("gate", gate),
        container("program", f"import os; assert os.path.exists({path}); raise SystemExit(4)",
                  ("gate", "SUCCESS"), ("unit", "START")),
    ], only_essential=True)  # fmt: skip
    assert result.status == "SUCCEEDED", result.report()
    assert said == {"unit": {"name": "unit", "lastStatus": "STOPPED", "exitCode": 0}}
    assert [process.kind for process in processes] == ["ecs", "ecs:gate", "ecs:program"]


@pytest.mark.parametrize(
    ("condition", "code", "starts"),
    [("COMPLETE", 1, True), ("SUCCESS", 1, False), ("SUCCESS", 0, True), ("START", 1, True)],
)
def test_conditions(condition: str, code: int, starts: bool) -> None:
    unit = f"{ASK}time.sleep(0.5); sys.exit(10 + ('ExitCode' in task()['program']))"
    result, said, _ = run([
        container("first", f"raise SystemExit({code})"),
        container("program", "", ("first", condition)),
        container("unit", unit, essential=True),
    ])  # fmt: skip
    assert said["unit"]["exitCode"] == 10 + starts, result.report()
    assert ("exitCode" in said["program"]) == starts
    assert result.error == "States.TaskFailed"
    assert len(json.loads(result.cause)["Containers"]) == 3


def test_the_essential_one_ends_the_others(tmp_path: Path) -> None:
    polite = "import signal, time\nsignal.signal(15, lambda *_: exit(9))\ntime.sleep(60)"
    stubborn = "import signal, time\nsignal.signal(15, lambda *_: None)\nwhile True: time.sleep(1)"
    began = time.monotonic()
    _, said, _ = run([
        container("unit", "import time; time.sleep(0.5)", essential=True),
        container("polite", polite),
        container("stubborn", stubborn),
        container("late", "", ("polite", "COMPLETE")),
    ])  # fmt: skip
    assert said["polite"]["exitCode"] == 9
    assert said["stubborn"]["exitCode"] == 137
    assert "exitCode" not in said["late"], "nothing begins in a task that ends"
    assert time.monotonic() - began < 30


def test_a_program_has_nothing_of_the_harness() -> None:
    """Neither the store's credentials nor what the shim was told."""
    unit = f"{ASK}\nwhile 'ExitCode' not in task()['program']: time.sleep(0.02)\n"
    unit += "sys.exit(task()['program']['ExitCode'])"
    result, _, processes = run([
        container("unit", unit, essential=True),
        container("program", "import os; print(sorted(os.environ))"),
    ])  # fmt: skip
    assert result.status == "SUCCEEDED", result.report()
    (program,) = [process for process in processes if process.kind == "ecs:program"]
    assert "AWS_" not in program.stdout
    assert "ECS_CONTAINER_METADATA_URI_V4" in program.stdout
