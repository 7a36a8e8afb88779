"""kill -9 at every write of the step that starts a run: one run is started, with one input."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.conformance.engines import compile_case
from tests.conformance.model import Case
from tests.faults.test_kill_points import KILLED, PROGRAM, shim

from flowc_shim.runner.journal import Journal
from flowc_shim.stores.open import open_store
from flowc_targets.local.detached import HOW

if TYPE_CHECKING:
    from pathlib import Path

CASE = Case(
    name="a run is started",
    flow={
        "schema": "flowc/v1",
        "name": "case",
        "steps": [
            {"id": "go", "flow": "child.yaml", "detached": True, "input": {"n": {"$input": "n"}}}
        ],
        "output": {"$step": "go"},
    },
    flows={"child.yaml": {"name": "child", "steps": [], "output": {"$input": "n"}}},
    input={"n": 3},
    outcome="succeeded",
    result=None,
    outcomes={},
    error=None,
)
WRITES = 6
"""Input, header, name; attempt, start, result."""


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", range(1, WRITES + 1))
def test_killed_at_a_write(number: int, moment: str, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/state.db"
    compilation = compile_case(CASE, "local", "step", store=store)
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(compilation.plan.to_json()), encoding="utf-8")
    environ = {
        "FLOWC_STORE": store, "FLOWC_PLAN": str(plan), "FLOWC_RUN_INPUT": json.dumps(CASE.input),
        "FLOWC_STARTS": HOW,
    }  # fmt: skip
    arguments = ["run-unit", "--unit", "go", "--plan", compilation.plan.digest, "--run", "r"]
    assert shim([PROGRAM, str(number), moment], arguments, environ) == KILLED
    assert shim(["-m", "flowc_shim"], arguments, environ) == 0
    opened = open_store(store)
    try:
        [key] = opened.list("runs/r/starts")
        name = key.rpartition("/")[2]
        journal = Journal(opened, "r")
        assert journal.start(name) == {"input": {"n": 3}, "variables": {}}
        record = journal.record((), "go")
        assert record is not None and record.value == {"run": name}
    finally:
        opened.close()
