"""kill -9 between and inside of passes that one process runs: nothing committed is repeated."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.conformance.engines import compile_case, observe
from tests.conformance.model import Case, differences
from tests.faults.test_kill_points import PROGRAM, shim

from flowc_shim.stores.open import open_store

if TYPE_CHECKING:
    from pathlib import Path

PASSES = 12
CALL = {
    "component": "/builtin/noop",
    "retry": {"platform": {"max": 3, "delay": "0s", "jitter": False}},
}
CASE = Case(
    name="passes",
    flow={
        "schema": "flowc/v1",
        "name": "case",
        "steps": [
            {
                "id": "loop",
                "while": {"state": 0, "condition": f"state < {PASSES}", "maxIterations": 50},
                "steps": [
                    {"id": "a", "input": {"$expr": "state + 1"}, **CALL},
                    {"id": "b", "input": {"$step": "a"}, **CALL},
                ],
                "output": {"$step": "b"},
            }
        ],
        "output": {"$step": "loop"},
    },
    input=None,
    outcome="succeeded",
    result=PASSES,
    outcomes={"loop": "succeeded", "loop/b[0]": "succeeded", f"loop/a[{PASSES - 1}]": "succeeded"},
    error=None,
)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", [9, 23])
def test_killed_again_and_again(number: int, moment: str, tmp_path: Path) -> None:
    """Each process is killed at its n-th write, until one gets to the end."""
    store = f"sqlite:///{tmp_path}/state.db"
    compilation = compile_case(CASE, "local", "step", store=store)
    assert [unit.kind for unit in compilation.plan.units.values()] == ["while"]
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(compilation.plan.to_json()), encoding="utf-8")
    environ = {"FLOWC_STORE": store, "FLOWC_PLAN": str(plan), "FLOWC_RUN_INPUT": "null"}
    request = ["--plan", compilation.plan.digest, "--run", "r"]
    kills = 0
    while shim([PROGRAM, str(number), moment], ["run-unit", "--unit", "loop", *request], environ):
        kills += 1
        assert kills < 60
    assert kills >= (PASSES * 5) // number
    assert shim(["-m", "flowc_shim"], ["finish", "--status", "Succeeded", *request], environ) == 0
    opened = open_store(store)
    try:
        assert differences(CASE, observe(compilation.plan, opened, "r")) == []
        tried = [key for key in opened.list("runs/r/attempts") if not key.endswith(".end")]
        # an attempt that was killed is tried again; nothing that has a result is
        assert 2 * PASSES <= len(tried) <= 2 * PASSES + kills
    finally:
        opened.close()
