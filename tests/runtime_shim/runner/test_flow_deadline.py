"""The time of a sub-flow: counted from when its step began, and its own in every loop."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from tests.conformance.engines import compile_case
from tests.conformance.model import Case
from tests.runtime_shim.runner.world import Components, World, fails, retry

from flowc_shim.components.limits import Limits
from flowc_shim.contract.plan import Plan
from flowc_shim.runner.deadline import time_left

if TYPE_CHECKING:
    from flowc_shim.contract.verdict import Verdict

CALL: dict[str, Any] = {"id": "a", "component": "/t/echo"}
AFTER: dict[str, Any] = {"id": "b", "component": "/t/echo", "needs": ["a"]}


def timed(
    sub: list[dict[str, Any]], flow_timeout: str | None = "1h", does: Any = None, **flow: Any
) -> World:
    """A run of a loop with two items, each of which is the step `sub`, a flow of these steps."""
    steps = [{"id": "sub", "flow": "sub.yaml"}]
    each = {"id": "each", "foreach": {"items": [1, 2]}, "steps": steps, "output": {"$step": "sub"}}
    whole = {"schema": "flowc/v1", "name": "case", "steps": [each], "output": {"$step": "each"}}
    inner: dict[str, Any] = {"steps": sub, "output": {"$step": sub[0]["id"]}}
    if flow_timeout is not None:
        inner["timeout"] = flow_timeout
    case = Case(
        "case", {**whole, **flow}, None, "failed", None, {}, None, flows={"sub.yaml": inner}
    )
    plan = compile_case(case, "local", "step", store="memory:").plan
    world = World(Plan.from_json(plan.to_json()), Components(does or {})).begin()
    world.run("each:open")
    return world


def opened(world: World, item: int, ago: float = 0.0) -> World:
    """Let the flow of an item begin, some seconds ago."""
    with patch("flowc_shim.runner.journal.time.time", return_value=time.time() - ago):
        world.run("each/sub:open", str(item))
    return world


def in_item(world: World, step: str, item: int) -> Verdict:
    return world.run(f"each/sub/{step}", f"{item}/0")


def sleeps(call: Any, _host: Any) -> str:
    Limits(call).pause(30)
    return "slept"


def error_of(world: World, item: int) -> Any:
    record = world.shim().journal.record((item,), "each/sub")
    assert record is not None
    return record.error


def test_each_flow_in_a_loop_has_its_own_time() -> None:
    world = opened(opened(timed([CALL]), 0, ago=600), 1)
    shim = world.shim()
    assert time_left(shim, "each/sub", (0, 0)) == pytest.approx(3000, abs=20)
    assert time_left(shim, "each/sub", (1, 0)) == pytest.approx(3600, abs=20)
    assert time_left(shim, "each", (0,)) is None
    assert time_left(shim) is None


def test_the_nearest_end_is_the_one_that_counts() -> None:
    world = opened(timed([CALL], "1h", timeout="10m"), 0)
    assert time_left(world.shim(), "each/sub", (0, 0)) == pytest.approx(600, abs=20)
    assert time_left(opened(timed([CALL], "5m", timeout="10m"), 0).shim(), "each/sub", (0, 0)) == (
        pytest.approx(300, abs=20)
    )


def test_what_runs_in_it_is_stopped_and_nothing_starts() -> None:
    world = opened(opened(timed([CALL, AFTER], "3s", {"a": [sleeps, "done"]}), 0), 1)
    started = time.monotonic()
    assert in_item(world, "a", 0).status.value == "not_started"
    assert time.monotonic() - started < 20
    in_item(world, "b", 0)
    world.run("each/sub:close", "0")
    assert world.components.called() == ["a"]
    assert world.outcome("each/sub/a", 0, 0) == "stopped"
    assert world.outcome("each/sub/b", 0, 0) == "not_started"
    assert world.outcome("each/sub", 0) == "timed_out"
    assert (error_of(world, 0).code, error_of(world, 0).final) == ("FLOW_TIMEOUT", True)
    assert error_of(world, 0).message == "flow `sub` took longer than 3 s"


def test_what_is_beside_it_goes_on() -> None:
    world = opened(opened(timed([CALL]), 0, ago=3601), 1)
    assert in_item(world, "a", 0).status.value == "not_started"
    assert in_item(world, "a", 1).status.value == "done"
    for item in (0, 1):
        world.run("each/sub:close", str(item))
    assert [world.outcome("each/sub", item) for item in (0, 1)] == ["timed_out", "succeeded"]


def test_a_flow_that_was_done_in_time_succeeds_however_late_that_is_said() -> None:
    world = opened(timed([CALL], "2s"), 0)
    in_item(world, "a", 0)
    left = time_left(world.shim(), "each/sub", (0, 0))
    assert left is not None
    time.sleep(max(0.0, left) + 0.05)
    world.run("each/sub:close", "0")
    assert world.outcome("each/sub", 0) == "succeeded"


def test_a_flow_that_was_failing_before_has_failed() -> None:
    steps: list[dict[str, Any]] = [{"id": "bad", "component": "/t/echo"}, CALL]
    world = opened(timed(steps, "1s", {"bad": fails(), "a": sleeps}), 0)
    in_item(world, "bad", 0)
    in_item(world, "a", 0)
    world.run("each/sub:close", "0")
    assert world.outcome("each/sub", 0) == "failed"
    assert error_of(world, 0).code == "BAD"


@pytest.mark.parametrize(("timeout", "most"), [("100s", 100), (None, 600)])
def test_an_engine_waits_for_a_retry_until_the_time_is_over(timeout: str, most: int) -> None:
    step = {**CALL, "retry": retry(user=5)}
    step["retry"]["user"]["delay"] = step["retry"]["user"]["cap"] = "600s"
    world = opened(timed([step], timeout, {"a": fails()}), 0)
    verdict = in_item(world, "a", 0)
    assert verdict.status.value == "retry"
    assert most - 30 <= verdict.retry_wait <= most
