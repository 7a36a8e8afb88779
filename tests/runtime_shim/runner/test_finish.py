"""The end of a run: everything decided, one end record, inputs that are wrong or never landed."""

from __future__ import annotations

from typing import Any

import pytest
from tests.runtime_shim.runner.world import Components, World, fails, plan_of, retry

from flowc_shim.contract.outcomes import Outcome
from flowc_shim.runner.commands import Request, perform

SCHEMAS = {"type": "object", "properties": {"input": {"type": "object", "required": ["x"]}}}


def _end(world: World) -> Any:
    end = world.shim().journal.end()
    assert end is not None
    return end


def test_a_run_ends_once() -> None:
    world = World(plan_of([{"id": "a", "input": 3}], output={"$step": "a"})).begin()
    world.run("a")
    assert world.finish() == "succeeded"
    assert world.finish("Failed") == "succeeded"
    assert _end(world).output == 3


def test_what_nobody_ran_is_a_failure_of_the_platform() -> None:
    """An image that cannot be pulled leaves no row at all."""
    world = World(plan_of([{"id": "a"}, {"id": "b", "input": {"$step": "a"}}])).begin()
    assert world.finish("Failed") == "failed"
    assert _end(world).error["step"] == "a"
    assert _end(world).error["error"]["class"] == "platform"
    assert world.outcome("b") == "upstream_failed"


def test_the_error_is_the_first_failure_in_written_order() -> None:
    does = {"a": fails("user", "A"), "b": fails("user", "B")}
    world = World(plan_of([{"id": "a"}, {"id": "b"}]), Components(does)).begin()
    first, second = world.shim(), world.shim()
    world.run("b", shim=first)
    second.journal.commit_record((), "a", first.journal.record((), "b"))
    world.finish()
    assert _end(world).error["step"] == "a"


@pytest.mark.parametrize("status", ["Stopped", "Aborted", "Terminated"])
def test_a_stopped_run(status: str) -> None:
    waits = {"id": "waits", "retry": retry(user=3)}
    reads = {"id": "reads", "input": {"$step": "going"}}
    steps: list[dict[str, Any]] = [{"id": "done"}, {"id": "going"}, waits, {"id": "new"}, reads]
    world = World(plan_of(steps)).begin()
    world.run("done")
    journal = world.shim().journal
    journal.begin_attempt((), "going", 1)
    journal.begin_attempt((), "waits", 1)
    journal.end_attempt((), "waits", fails().info.with_attempt(1))
    assert world.finish(status) == "stopped"
    assert [world.outcome(step["id"]) for step in steps] == [
        "succeeded", "stopped", "stopped", "not_started", "not_started",
    ]  # fmt: skip


def test_a_stopped_run_with_a_loop_under_way() -> None:
    """Items that were cut off make the loop stopped, not failed, whatever its default."""
    loop = {
        "id": "l",
        "foreach": {"items": [1, 2]},
        "steps": [{"id": "s"}],
        "output": 1,
        "onError": {"action": "useDefault", "defaultValue": []},
    }
    world = World(plan_of([loop])).begin()
    world.run("l:open")
    world.shim().journal.begin_attempt((0,), "l/s", 1)
    assert world.finish("Stopped") == "stopped"
    assert [world.outcome("l"), world.outcome("l/s", 0), world.outcome("l/s", 1)] == [
        "stopped", "stopped", "not_started",
    ]  # fmt: skip


def test_a_failure_before_the_stop_is_the_outcome() -> None:
    world = World(plan_of([{"id": "a"}, {"id": "b"}]), Components({"a": fails()})).begin()
    world.run("a")
    assert world.finish("Stopped") == "failed"


def test_a_step_that_never_ran_keeps_the_run_from_succeeding() -> None:
    from flowc_shim.runner.records import StepRecord

    world = World(plan_of([{"id": "a"}])).begin()
    world.shim().journal.commit_record((), "a", StepRecord(Outcome.STOPPED))
    assert world.finish() == "stopped"


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", '{"x": 1e999}', '{"x": -Infinity}', "[" * 100_000]
)
def test_an_input_that_is_no_json_ends_the_run(text: str) -> None:
    """The engine takes any text; the run says what is wrong, in a record."""
    plan = plan_of([{"id": "a", "when": "input.x > 1"}, {"id": "b", "input": {"$input": "x"}}])
    world = World(plan)
    verdict = perform(world.shim(), Request("run-unit", "a", input_text=text))
    assert verdict.status.value == "not_started"
    assert world.finish("Failed") == "failed"
    assert _end(world).error["error"]["code"] == "INVALID_INPUT"
    assert world.shim().journal.header()["plan"] == plan.digest
    assert world.components.calls == []


def test_an_input_against_its_schema_starts_nothing() -> None:
    world = World(plan_of([{"id": "a"}], schemas=SCHEMAS))
    assert perform(world.shim(), Request("run-unit", "a", input_text="{}")).status.value == (
        "not_started"
    )
    assert world.finish() == "failed"
    assert _end(world).error["error"]["code"] == "INVALID_INPUT"


def test_every_root_unit_brings_the_input_and_the_first_one_counts() -> None:
    world = World(plan_of([{"id": "a", "input": {"$input": "$"}}, {"id": "b"}]))
    perform(world.shim(), Request("run-unit", "b", input_text='{"n": 1}'))
    perform(world.shim(), Request("run-unit", "a", input_text='{"n": 2}'))
    assert world.components.calls[1].input == {"n": 1}


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_run_whose_input_never_landed(status: str) -> None:
    """No root unit ever lived: the end is recorded all the same."""
    steps = [
        {"id": "a", "when": "input.x > 1"},
        {"id": "b", "input": {"$input": "x"}},
        {"id": "l", "foreach": {"items": {"$input": "xs"}}, "steps": [{"id": "s"}], "output": 1},
    ]
    world = World(plan_of(steps))
    assert world.finish(status) == {"Failed": "failed", "Stopped": "stopped"}[status]


def test_a_name_that_an_engine_uses_again_has_two_runs() -> None:
    from flowc_targets.local.inspect import list_runs

    world = World(plan_of([{"id": "a"}]))
    for key in ("uid-1", "uid-2"):
        world.run_key = key
        runtime = world.shim(run_name="nightly")
        perform(runtime, Request("run-unit", "a", input_text="1"))
    assert {summary.run for summary in list_runs(world.store)} == {"uid-1", "uid-2"}
