"""`retention` of a stack, on every target: what is told to whom, and what a local run forgets."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.deploy.project import Project
from tests.runtime_shim.sweeper.test_sweep import DEPLOYMENT
from tests.targets.argo import flows as argo
from tests.targets.step_functions import flows as aws

from flowc_shim.stores.open import open_store
from flowc_shim.sweeper import step_functions
from flowc_shim.sweeper.sweep import RETENTION, Swept
from flowc_targets.step_functions.deploy.objects import FUNCTION, LOG_GROUP, objects

if TYPE_CHECKING:
    from pathlib import Path

FLOW = "steps: [{id: a, component: /t/echo, input: {}}]\noutput: {$step: a}\n"


@pytest.mark.parametrize(
    ("retention", "argument", "kept"),
    [
        ("", [], 604800),
        ("retention: 90d\n", ["--retention=7776000"], 604800),
        ("retention: 12h\n", ["--retention=43200"], 43200),
    ],
)
def test_argo(retention: str, argument: list[str], kept: int) -> None:
    files = argo.emitted(FLOW, argo.STACK + retention)
    documents = list(yaml.safe_load_all(files["sweeper.yaml"]))
    [cron] = [one for one in documents if one["kind"] == "CronWorkflow"]
    [template] = cron["spec"]["workflowSpec"]["templates"]
    words = template["container"]["args"]
    assert [word for word in words if word.startswith("--retention")] == argument
    spec = argo.template_of(files)["spec"]
    assert spec["ttlStrategy"] == {"secondsAfterCompletion": kept}


@pytest.mark.parametrize(
    ("retention", "variable", "days"),
    [
        ("", None, 30),
        ("retention: 1h\n", "3600", 1),
        ("retention: 30d\n", "2592000", 30),
        ("retention: 30d1h\n", "2595600", 60),
        ("retention: 3653d\n", "315619200", 3653),
    ],
)
def test_step_functions(retention: str, variable: str | None, days: int) -> None:
    found = objects(aws.compiled(FLOW, aws.STACK + retention))
    groups = {one.body["RetentionInDays"] for one in found if one.ref.kind == LOG_GROUP}
    assert groups == {days}
    functions: dict[str, Any] = {
        one.ref.name: one.body for one in found if one.ref.kind == FUNCTION
    }
    told = {
        name: body["Environment"]["Variables"].get("FLOWC_RETENTION")
        for name, body in functions.items()
    }
    assert told.pop("orders-sweep") == variable
    assert set(told.values()) == {None}, "units do not sweep"


@pytest.mark.parametrize(("variable", "kept"), [("3600", 3600.0), ("", RETENTION)])
def test_the_sweeping_function_reads_it(
    monkeypatch: pytest.MonkeyPatch, variable: str, kept: float
) -> None:
    asked: list[float] = []

    def sweep(*given: Any, retention: float) -> Swept:
        asked.append(retention)
        return Swept()

    environ = {
        "FLOWC_STORE": "memory:", "FLOWC_DEPLOYMENT": DEPLOYMENT, "FLOWC_RETENTION": variable,
        "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(step_functions, "sweep", sweep)
    step_functions.handle({})
    assert asked == [kept]


def test_here_a_run_forgets_older_ones_of_its_flow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(tmp_path, "shop", environ={"FLOWC_BRANCH": "main"}).write()
    run = ("run", "prices", "--input", '{"name": "Ada"}', "--env", "dev")

    def names() -> list[str]:
        rows = project.flowc("runs", "--env", "dev", "--format", "json").json()
        return [row["name"] for row in rows]

    assert project.flowc(*run).code == 0
    first = names()
    store = open_store(f"sqlite:///{tmp_path}/.flowc/state.db")
    assert any(first[0] in key for key in store.list("runs"))
    stack = yaml.safe_load((tmp_path / "stack.yaml").read_text())
    stack["stacks"]["laptop"]["retention"] = "2h"
    (tmp_path / "stack.yaml").write_text(yaml.safe_dump(stack))
    assert project.flowc(*run).code == 0
    assert set(first) < set(names()), "the first is younger than two hours"

    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3 * 3600)
    assert project.flowc(*run).code == 0
    assert len(names()) == 1 and names() != first
    assert not [key for key in store.list("runs") if first[0] in key]
    store.close()
