"""kill -9 at every commit point of every unit: the run ends as one that nobody disturbed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conformance.engines import compile_case, observe
from tests.conformance.model import Case, differences

from flowc_shim.contract.verdict import FINAL_CODES
from flowc_shim.runner.keys import indices_text
from flowc_shim.stores.open import open_store

if TYPE_CHECKING:
    from flowc.target import Compilation

KILLED = -9
PROGRAM = str(Path(__file__).with_name("killed_shim.py"))
FLOW = {
    "schema": "flowc/v1",
    "name": "case",
    "steps": [
        {"id": "a", "component": "/builtin/noop", "input": {"n": {"$input": "n"}}},
        {"id": "b", "component": "/builtin/noop", "input": {"$step": "a"}},
        {
            "id": "loop",
            "foreach": {"items": [1, 2], "maxFailures": 1},
            "steps": [
                {
                    "id": "bad",
                    "when": "item == 2",
                    "component": "/mock/greet",
                    "input": {"name": "bob"},
                },
                {"id": "ok", "component": "/builtin/noop", "needs": ["bad"], "input": 1},
                {"id": "v", "component": "/builtin/noop", "input": {"$item": "$"}},
            ],
            "output": {"$step": "v"},
        },
        {
            "id": "d",
            "component": "/mock/greet",
            "input": {"name": "bob"},
            "onError": {
                "action": "useDefault",
                "defaultValue": {"from": {"$step": "b", "path": "n"}},
            },
        },
    ],
    "output": {"loop": {"$step": "loop"}, "d": {"$step": "d"}},
}
CASE = Case(
    name="every kind of commit",
    flow=FLOW,
    input={"n": 3},
    outcome="succeeded",
    result={"loop": [1, None], "d": {"from": 3}},
    outcomes={
        "a": "succeeded", "b": "succeeded", "loop": "succeeded", "d": "defaulted",
        "loop/bad[0]": "skipped", "loop/bad[1]": "failed", "loop/v[0]": "succeeded",
    },
    error=None,
)  # fmt: skip


def commands(compilation: Compilation) -> list[list[str]]:
    """Every request of the run, in an order that respects the layout; loop bodies per item."""
    layout = compilation.layout
    out: list[list[str]] = []

    def walk(scope: str, indices: tuple[int, ...]) -> None:
        for unit_id in layout.scopes[scope]:
            out.append(["run-unit", "--unit", unit_id, "--scope", indices_text(indices)])
            unit = layout.units[unit_id]
            if unit.kind == "open":
                for index in range(2):
                    walk(unit.steps[0], (*indices, index))

    walk("", ())
    return [*out, ["finish", "--status", "Succeeded"]]


def shim(program: list[str], arguments: list[str], environ: dict[str, str]) -> int:
    done = subprocess.run(
        [sys.executable, *program, *arguments], env={**os.environ, **environ},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    return done.returncode


@pytest.mark.parametrize("granularity", ["step", "auto"])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_killed_at_a_write(number: int, moment: str, granularity: str, tmp_path: Path) -> None:
    """Each request is killed at its n-th write, then made again, as an engine would."""
    store = f"sqlite:///{tmp_path}/state.db"
    compilation = compile_case(CASE, "local", granularity, store=store)
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(compilation.plan.to_json()), encoding="utf-8")
    environ = {
        "FLOWC_STORE": store,
        "FLOWC_PLAN": str(plan),
        "FLOWC_RUN_INPUT": json.dumps(CASE.input),
    }
    killed = 0
    for request in commands(compilation):
        arguments = [*request, "--plan", compilation.plan.digest, "--run", "r"]
        code = shim([PROGRAM, str(number), moment], arguments, environ)
        if code == KILLED:
            killed += 1
            code = shim(["-m", "flowc_shim"], arguments, environ)
        assert code == 0 or code in FINAL_CODES, (request, code)
    assert killed > 0 or number > 4, "no request wrote so often: nothing was tested"
    opened = open_store(store)
    try:
        assert differences(CASE, observe(compilation.plan, opened, "r")) == []
    finally:
        opened.close()


def test_a_duplicate_attempt_changes_nothing(tmp_path: Path) -> None:
    """Every request made twice, the second by another process: the same results, none repeated."""
    store = f"sqlite:///{tmp_path}/state.db"
    compilation = compile_case(CASE, "local", "step", store=store)
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(compilation.plan.to_json()), encoding="utf-8")
    environ = {
        "FLOWC_STORE": store, "FLOWC_PLAN": str(plan), "FLOWC_RUN_INPUT": json.dumps(CASE.input)
    }  # fmt: skip
    for request in commands(compilation):
        arguments = [*request, "--plan", compilation.plan.digest, "--run", "r"]
        codes = {shim(["-m", "flowc_shim"], arguments, environ) for _ in range(2)}
        assert len(codes) == 1, (request, codes)
    opened = open_store(store)
    try:
        assert differences(CASE, observe(compilation.plan, opened, "r")) == []
        attempts = [key for key in opened.list("runs/r/attempts") if not key.endswith(".end")]
        # bad[1] and d fail once each; nothing was tried a second time
        assert all(key.endswith("/1") for key in attempts), attempts
    finally:
        opened.close()
