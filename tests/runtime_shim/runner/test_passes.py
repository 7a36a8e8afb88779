"""Passes of a ``while``: where a loop stands, who goes on, and what deaths make of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.runtime_shim.runner.world import Components, World, fails, plan_of, retry

from flowc_shim.runner.commands import Request, perform

if TYPE_CHECKING:
    from flowc_shim.runner.runtime import Runtime


def world(
    *, most: int = 9, served: bool = False, does: dict[str, Any] | None = None, **loop: Any
) -> World:
    """A loop of three passes whose body calls a function in its own container, or a mock."""
    step = {
        "id": "s",
        "component": "/mock/greet" if served else "/t/echo",
        "input": {"$expr": "state + 1"},
        "retry": retry(platform=1),
    }
    spec = {"state": 0, "condition": "state < 3", "maxIterations": most, **loop}
    plan = plan_of([{"id": "loop", "while": spec, "steps": [step], "output": {"$step": "s"}}])
    return World(plan, Components(does or {})).begin()


def test_each_answer_names_the_pass_that_follows() -> None:
    one = world()
    opened = one.run("loop:open")
    assert (opened.go, opened.count) == (True, 0)
    for number in range(3):
        one.run("loop/s", str(number))
        ended = one.run("loop:next", str(number))
        assert (ended.go, ended.count) == (number < 2, number + 1 if number < 2 else 0)
    assert one.run("loop:close").status.value == "done"
    assert (one.outcome("loop"), one.finish()) == ("succeeded", "succeeded")


def test_whoever_opens_again_learns_where_the_loop_stands() -> None:
    one = world()
    one.run("loop:open")
    for number in range(2):
        one.run("loop/s", str(number))
        one.run("loop:next", str(number))
        again = one.run("loop:open")
        assert (again.go, again.count) == (True, number + 1)
    assert one.run("loop:next", "0").count == 1  # asked twice: the same answer
    assert one.components.called() == ["s", "s"]


@pytest.mark.parametrize("dies_at", ["s", "next"])
def test_a_close_decides_for_what_died(dies_at: str) -> None:
    one = world()
    one.run("loop:open")
    if dies_at == "next":
        one.run("loop/s", "0")
    closed = one.run("loop:close")
    assert (closed.status.value, one.outcome("loop")) == ("final", "failed")
    assert one.outcome("loop/s", 0) == ("succeeded" if dies_at == "next" else "failed")


def test_a_run_that_was_stopped_stops_its_loop() -> None:
    one = world()
    one.run("loop:open")
    one.run("loop/s", "0")
    assert one.finish("Stopped") == "stopped"
    assert one.outcome("loop") == "stopped"


def test_a_process_hands_back_between_passes_when_its_turn_is_over() -> None:
    one = world(served=True)
    verdicts = [one.run("loop", shim=one.shim(turn_seconds=0.0)) for _ in range(3)]
    assert [(v.go, v.count) for v in verdicts] == [(True, 1), (True, 2), (False, 0)]
    assert one.components.called() == ["s", "s", "s"]


def test_a_retry_that_is_due_later_is_the_engines() -> None:
    one = world(served=True, does={"s": [fails("platform"), 3]})
    step = one.plan.steps["loop/s"]
    assert one.plan.units["loop"].inner == (step.path,)
    first = one.run("loop", shim=one.shim(hold_waits=-1.0))
    assert first.status.value == "retry"
    assert one.run("loop").status.value == "done"


def died(runtime: Runtime, job: str) -> str:
    """What `decide` says of a Batch job that ended badly."""
    cause = f"States.TaskFailed: {json.dumps({'JobId': job, 'Container': {'ExitCode': 137}})}"
    settled = {"loop": ("failed", cause)}
    return perform(runtime, Request("decide", settled=settled)).status.value


def test_a_job_that_died_in_a_pass_is_submitted_again_within_its_budget() -> None:
    one = world(served=True)
    one.run("loop", shim=one.shim(turn_seconds=0.0))  # one pass, then the job dies
    assert died(one.shim(), "1") == "retry"
    assert died(one.shim(), "1") == "retry"  # asked twice about the same job
    assert died(one.shim(), "2") == "final"
    assert one.outcome("loop") == "failed"
