"""Emitted manifests with the shim itself as the program in every pod.

The DAGs go by the model of Argo's rules; pods are calls of ``flowc-shim``'s own entry point with
the arguments and the environment of their templates.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.targets.argo.dag_rules import Pod, Run
from tests.targets.argo.flows import STACK, emitted, template_of
from tests.targets.argo.test_dag_rules import HANDLED_HEAVY, HANDLED_LEAF, HANDLED_LOOP

from flowc_shim.__main__ import main
from flowc_shim.runner.journal import Journal
from flowc_shim.stores.open import open_store
from flowc_targets.argo.leaves import STATUS

if TYPE_CHECKING:
    from collections.abc import Mapping, Set
    from pathlib import Path

BUILTIN = STACK.replace(
    '"/{*component}": [{plugin: served}]', '"/{component}": [{plugin: builtin}]'
)


class Cluster:
    """Runs one Workflow of the emitted template; pods of the units in ``dead`` die at once."""

    def __init__(
        self, folder: Path, flow: str, given: Any, dead: Set[str], patch: pytest.MonkeyPatch
    ) -> None:
        files = emitted(flow, BUILTIN)
        self.spec = template_of(files)["spec"]
        self.templates = {template["name"]: template for template in self.spec["templates"]}
        self.folder, self.dead, self.patch = folder, dead, patch
        plan = yaml.safe_load(files["plan.yaml"])["data"]["plan.json"]
        (folder / "plan.json").write_text(plan, encoding="utf-8")
        self.globals = {
            "workflow.uid": "run-1",
            "workflow.name": "orders-x",
            "workflow.parameters.input": json.dumps(given),
            "workflow.parameters.trigger": "null",
            "workflow.parameters.start": "{}",
            "workflow.parameters.store": f"sqlite:///{folder}/state.db",
        }
        self.pods = 0
        self.run = Run(self.templates, self.ends)
        self.globals[STATUS.strip("{}")] = self.run.phase
        phase, _ = self.ends(Pod(self.spec["onExit"], {}))
        self.phase = phase if self.run.phase == "Succeeded" else self.run.phase

    def ends(self, pod: Pod) -> tuple[str, dict[str, Any]]:
        unit, scope = pod.unit
        if (f"{unit}@{scope}" if scope else unit) in self.dead and not pod.leaf.startswith("ask"):
            return "Failed", {}
        container = self.templates[pod.leaf]["container"]
        assert container["command"] == ["flowc-shim"]
        self.pods += 1
        verdict = self.folder / f"verdict-{self.pods}.json"
        for variable in container["env"]:
            value = self.filled(variable["value"], pod.inputs)
            if variable["name"] == "FLOWC_PLAN":
                value = str(self.folder / "plan.json")
            if variable["name"] == "FLOWC_VERDICT":
                value = str(verdict)
            self.patch.setenv(variable["name"], value)
        code = main([self.filled(argument, pod.inputs) for argument in container["args"]])
        for variable in container["env"]:
            self.patch.delenv(variable["name"])
        found = json.loads(verdict.read_text()) if verdict.exists() else {}
        return "Succeeded" if code == 0 else "Failed", found

    def filled(self, text: str, inputs: Mapping[str, str]) -> str:
        def value(match: re.Match[str]) -> str:
            tag = match[1]
            name = tag.removeprefix("inputs.parameters.")
            return inputs[name] if name != tag else self.globals[tag]

        return re.sub(r"\{\{([^{}]+)\}\}", value, text)

    def end(self) -> tuple[str, Any]:
        """Return outcome and output that the shim recorded."""
        store = open_store(self.globals["workflow.parameters.store"])
        try:
            end = Journal(store, "run-1").end()
        finally:
            store.close()
        assert end is not None
        return end.outcome.value, end.output


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def start(flow: str, given: Any = None, dead: Set[str] = frozenset()) -> Cluster:
        flow = flow.replace("/inside/m", "/inside/json:dumps").replace("/f,", "/noop,")
        return Cluster(tmp_path, flow, given, dead, monkeypatch)

    return start


LOOP = """
steps:
- {id: plan, component: /f, input: {$input: items}}
- id: each
  foreach: {items: {$step: plan}, concurrency: 2}
  steps:
  - {id: one, component: /f, input: {$item: ""}, onError: {action: useDefault, defaultValue: -1}}
  output: {$step: one}
- {id: end, component: /f, input: {got: {$step: each}}}
output: {$step: end}
"""


@pytest.mark.parametrize("items", [[], [1], [3, 4, 5]])
def test_a_loop(cluster: Any, items: list[int]) -> None:
    found = cluster(LOOP, {"items": items})
    assert (found.phase, found.end()) == ("Succeeded", ("succeeded", {"got": items}))


def test_a_dead_item_gets_its_default(cluster: Any) -> None:
    found = cluster(LOOP, {"items": [3, 4, 5]}, {"each/one@1~3"})
    assert (found.phase, found.end()) == ("Succeeded", ("succeeded", {"got": [3, -1, 5]}))


def test_a_dead_item_without_a_default_fails_the_loop(cluster: Any) -> None:
    flow = LOOP.replace(", onError: {action: useDefault, defaultValue: -1}", "")
    found = cluster(flow, {"items": [3, 4, 5]}, {"each/one@1~3"})
    assert (found.phase, found.end()[0]) == ("Failed", "failed")


@pytest.mark.parametrize("dead", ["each:open", "each:close"])
def test_a_handled_loop_outlives_its_own_pods(cluster: Any, dead: str) -> None:
    flow = HANDLED_LOOP.replace("input: 1", "input: [1, 2]")
    found = cluster(flow, None, {dead})
    assert found.phase == "Succeeded"
    assert found.end()[0] == "succeeded"


def test_a_handled_leaf_that_dies_is_defaulted(cluster: Any) -> None:
    found = cluster(HANDLED_LEAF, None, {"n"})
    assert (found.phase, found.end()) == ("Succeeded", ("succeeded", 1))


def test_an_unhandled_death_fails_run_and_workflow(cluster: Any) -> None:
    found = cluster(HANDLED_LEAF, None, {"a"})
    assert (found.phase, found.end()[0]) == ("Failed", "failed")


@pytest.mark.parametrize(("value", "output"), [(1, 0), (2, "2")])
def test_a_heavy_unit_that_is_skipped_never_starts(
    cluster: Any, value: int, output: object
) -> None:
    found = cluster(HANDLED_HEAVY.replace("input: 1", f"input: {value}"))
    started = [pod.leaf for pod in found.run.pods if pod.unit[0] == "big"]
    assert len(started) == value
    assert (found.phase, found.end()) == ("Succeeded", ("succeeded", output))


def test_a_heavy_unit_that_dies_is_defaulted(cluster: Any) -> None:
    found = cluster(HANDLED_HEAVY.replace("input: 1", "input: 2"), None, {"big"})
    assert (found.phase, found.end()) == ("Succeeded", ("succeeded", None))


def test_a_flow_without_steps(cluster: Any) -> None:
    flow = "schema: https://stepflow.org/schemas/v1/flow.json\nname: idle\n" + (
        "steps: [{id: idle, component: /f, input: 1}]\noutput: {$input: x}\n"
    )
    found = cluster(flow, {"x": 7})
    assert (found.phase, found.end()) == ("Succeeded", ("succeeded", 7))
