"""Loops as large as the language allows; by `make large-loops` in full, else a small part of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.engines import Argo, StepFunctions, compile_case, run_local
from tests.conformance.model import Case, differences
from tests.runtime_shim.runner.world import World

from flowc_shim.contract.steps import PlanLoop

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engines.argo.engine import ArgoEngine

FULL = bool(os.environ.get("FLOWC_LARGE_LOOPS"))
ITEMS = 25_000 if FULL else 600
PASSES = 2_000 if FULL else 60
ENGINE_ITEMS = 2_000 if FULL else 6


def items_case(count: int, component: str = "/builtin/noop", concurrency: int = 50) -> Case:
    """A loop whose body is one unit, over ``count`` items that are known at run time only."""
    step = {
        "id": "each",
        "foreach": {"items": {"$input": "xs"}, "concurrency": concurrency},
        "component": component,
        "input": {"$item": "$"},
    }
    flow = {"schema": "flowc/v1", "name": "case", "steps": [step], "output": {"$step": "each"}}
    xs = list(range(count))
    return Case("items", flow, {"xs": xs}, "succeeded", xs, {"each": "succeeded"}, None)


def passes_case(count: int, component: str = "/builtin/noop") -> Case:
    """A loop of ``count`` passes."""
    step = {
        "id": "loop",
        "while": {"state": 0, "condition": f"state < {count}", "maxIterations": count},
        "component": component,
        "input": {"$expr": "state + 1"},
    }
    flow = {"schema": "flowc/v1", "name": "case", "steps": [step], "output": {"$step": "loop"}}
    return Case("passes", flow, None, "succeeded", count, {"loop": "succeeded"}, None)


@pytest.mark.parametrize("component", ["/builtin/noop", "/t/echo"])
@pytest.mark.parametrize("target", ["argo", "step-functions"])
def test_25_000_items_and_2_000_passes_are_within_limits(target: str, component: str) -> None:
    for case in (items_case(25_000, component), passes_case(2_000, component)):
        compiled: Any = compile_case(case, target, "step", store="s3://bucket/state")
        assert compiled.layout.units


def test_items_run_here(tmp_path: Path) -> None:
    case = items_case(ITEMS)
    assert differences(case, run_local(case, "step", tmp_path)) == []


@pytest.mark.parametrize("component", ["/builtin/noop", "/t/echo"])
def test_passes_run_here(component: str, tmp_path: Path) -> None:
    case = passes_case(PASSES, component)
    assert differences(case, run_local(case, "step", tmp_path)) == []


def test_items_run_in_lanes() -> None:
    """What Argo's tasks do, one after the other: 50 lanes, and a join of their roll-ups."""
    plan = compile_case(items_case(ITEMS), "argo", "step", store="s3://bucket/state").plan
    loop = plan.steps["each"].body
    assert isinstance(loop, PlanLoop) and loop.lanes == 500
    world = World(plan).begin({"xs": list(range(ITEMS))})
    tasks = world.run("each:open").count
    assert tasks == 50
    for lane in range(tasks):
        world.run("each/item", f"{lane}~{tasks}")
    world.run("each:close")
    record = world.shim().journal.record((), "each")
    assert record is not None
    assert world.shim().journal.value(record) == list(range(ITEMS))
    assert len(list(world.store.list("runs/run-1/rollups"))) <= 500


@pytest.mark.engine
def test_items_run_on_the_engine(tmp_path: Path) -> None:
    """A process per item, of which a machine stands few at a time."""
    with StepFunctions() as engine:
        case = items_case(ENGINE_ITEMS, concurrency=4)
        assert differences(case, engine.run(case, "step", tmp_path, seconds=7_200)) == []


@pytest.mark.argo
@pytest.mark.parametrize("case", [items_case(2_000), passes_case(2_000)], ids=["items", "passes"])
def test_2_000_on_argo(case: Case, argo_engine: ArgoEngine) -> None:
    """Items in 50 tasks, one for each of the loop's lanes; passes in one."""
    assert differences(case, Argo(argo_engine).run(case, "step", seconds=1_800)) == []
