"""A sub-flow as a state machine of its own: the golden files, executed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from tests.conformance.engines import observe
from tests.engines.step_functions.engine import StepFunctionsEngine
from tests.targets.step_functions.flows import diagnose

from flowc.diagnostics import Severity
from flowc_shim.contract.plan import Plan
from flowc_shim.runner.plans import publish_plan
from flowc_shim.stores.open import open_store

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "golden" / "archive" / "step-functions"
PART = "today.state-machine.asl.json"


def machines() -> dict[str, Any]:
    """The emitted machines by the names that they are deployed under."""
    return {
        one["name"]: json.loads((GOLDEN / one["body"]["Definition"]["$file"]).read_text("utf-8"))
        for one in json.loads((GOLDEN / "objects.json").read_text("utf-8"))
        if one["kind"] == "state-machine"
    }


@pytest.mark.engine
def test_a_part_is_executed_and_waited_for(tmp_path: Path) -> None:
    plan = Plan.from_json(json.loads((GOLDEN / "plan.json").read_text("utf-8")))
    (tmp_path / "store").mkdir()
    url = f"file://{tmp_path / 'store'}"
    store = open_store(url)
    publish_plan(store, plan)
    environment = {"FLOWC_STORE": url, "PYTHONPATH": str(ROOT / "examples" / "archive")}
    program = str(Path(__file__).with_name("function.py"))

    def function(_name: str, _event: Any) -> tuple[list[str], dict[str, str]]:
        return [sys.executable, program], environment

    with StepFunctionsEngine(function) as engine:
        deployed = {name: engine.deploy(name, body) for name, body in machines().items()}
        given = {"input": {"day": "2026-03-01", "year": 2026}}
        result = engine.wait(engine.start(deployed["archive"], given), 120)
        assert result.status == "SUCCEEDED", result.report()
        parts = [arn for arn in engine.executions() if "-part:" in arn]
        started = [e for e in result.events if e["type"] == "TaskSubmitted"]
        assert [e["taskSubmittedEventDetails"]["resource"] for e in started] == [
            "startExecution.sync:2"
        ]
        assert [engine.wait(arn).status for arn in parts] == ["SUCCEEDED"]
    [run] = {key.split("/")[1] for key in store.list("runs")}
    seen = observe(plan, store, unquote(run))
    assert seen.result == {"today": 3, "this_year": None, "last_year": None}
    assert seen.outcomes["today/keep[0]"] == "succeeded"
    store.close()


def steps(count: int, indent: str = "  ") -> str:
    """Steps that do not read each other."""
    return "".join(f"{indent}- {{id: s{n}, component: /f, input: {n}}}\n" for n in range(count))


DAY = "steps:\n" + steps(2)
ITEMS = json.dumps(list(range(600)))
YEAR = f"steps:\n  - id: each\n    foreach: {{items: {ITEMS}}}\n    steps:\n" + steps(8, "      ")


def test_a_part_that_does_not_fit_by_itself_is_refused_with_its_numbers() -> None:
    flow = "steps:\n  - {id: big, flow: year.yaml}\n  - {id: small, flow: day.yaml}\n"
    found, diagnostics = diagnose(flow, flows={"year.yaml": YEAR, "day.yaml": DAY})
    assert found is None
    [one] = [d for d in diagnostics if d.severity is Severity.ERROR]
    assert one.message.startswith("sub-flow `big` writes "), one.message
    assert one.primary is not None
    assert (one.code.number, one.primary.span.line) == ("FC504", 4)
