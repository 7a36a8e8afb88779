"""The time of a whole run: kept by every shim, by the clock, from when the engine began it."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any

import pytest
from tests.runtime_shim.runner.world import Components, World, fails, plan_of, retry

from flowc_shim.components.limits import Limits
from flowc_shim.runner.commands import Request, perform
from flowc_shim.runner.deadline import time_left

STEPS: list[dict[str, Any]] = [{"id": "a"}, {"id": "b", "needs": ["a"]}]


def timed(seconds: str, steps: list[dict[str, Any]] = STEPS, **does: Any) -> World:
    return World(plan_of(steps, None, timeout=seconds), Components(does))


def begun(world: World, ago: float) -> World:
    """Let a run begin that its engine made some seconds ago."""
    began = datetime.fromtimestamp(time.time() - ago, timezone.utc).isoformat()
    request = Request("decide", input_text="{}", started=began.replace("+00:00", "Z"))
    perform(world.shim(), request)
    return world


def sleeps(call: Any, _host: Any) -> str:
    Limits(call).pause(30)
    return "slept"


def test_the_time_is_counted_from_when_the_engine_began_the_run() -> None:
    world = begun(timed("1h"), 600)
    left = time_left(world.shim())
    assert left is not None and 2990 < left <= 3000


def test_who_begins_second_changes_nothing() -> None:
    world = begun(begun(timed("1h"), 600), 0)
    left = time_left(world.shim())
    assert left is not None and left <= 3000


@pytest.mark.parametrize("said", [None, "", "soon", "2026-11-20T02:00:00"])
def test_an_engine_that_says_no_time_counts_from_now(said: str | None) -> None:
    world = timed("1h")
    perform(world.shim(), Request("decide", input_text="{}", started=said))
    left = time_left(world.shim())
    assert left is not None and 3590 < left <= 3600


def test_what_runs_is_stopped_and_nothing_starts() -> None:
    world = begun(timed("4s", a=sleeps), 0)
    started = time.monotonic()
    assert world.run("a").status.value == "not_started"
    assert time.monotonic() - started < 20
    assert world.outcome("a") == "stopped"
    world.run("b")
    assert world.components.called() == ["a"]
    assert world.finish("Failed") == "timed_out"
    end = world.shim().journal.end()
    assert end is not None and end.error is not None
    assert end.error["step"] is None
    assert end.error["error"]["code"] == "RUN_TIMEOUT"


def test_a_step_that_is_late_does_not_start() -> None:
    world = begun(timed("1m"), 61)
    world.run("a")
    assert (world.components.called(), world.outcome("a")) == ([], "not_started")
    assert world.finish() == "timed_out"


@pytest.mark.parametrize("status", ["Failed", "timed_out"])
def test_a_shim_that_was_killed_with_its_run_was_stopped(status: str) -> None:
    world = begun(timed("1m"), 61 if status == "Failed" else 0)
    world.shim().journal.begin_attempt((), "a", 1)
    assert world.finish(status) == "timed_out"
    assert (world.outcome("a"), world.outcome("b")) == ("stopped", "not_started")


def test_a_shim_that_was_killed_before_is_a_failure() -> None:
    world = begun(timed("1h"), 0)
    world.shim().journal.begin_attempt((), "a", 1)
    assert world.finish("Failed") == "failed"


def test_a_run_that_was_done_in_time_succeeds_however_late_that_is_said() -> None:
    world = timed("2s").begin()
    world.run("a")
    world.run("b")
    deadline = time_left(world.shim())
    assert deadline is not None
    time.sleep(max(0.0, deadline) + 0.05)
    assert world.finish("timed_out") == "succeeded"


def test_a_run_that_was_failing_before_has_failed() -> None:
    steps: list[dict[str, Any]] = [{"id": "bad"}, {"id": "a"}]
    world = begun(timed("1s", steps, bad=fails(), a=sleeps), 0)
    world.run("bad")
    world.run("a")
    assert world.outcome("a") in ("stopped", "not_started")
    assert world.finish() == "failed"


def test_a_retry_that_is_due_too_late_does_not_come() -> None:
    steps: list[dict[str, Any]] = [{"id": "a", "retry": retry(user=5)}]
    steps[0]["retry"]["user"]["delay"] = "20s"
    world = begun(timed("4s", steps, a=fails()), 0)
    started = time.monotonic()
    world.run("a")
    assert time.monotonic() - started < 15
    assert world.outcome("a") == "stopped"
    assert world.finish() == "timed_out"
