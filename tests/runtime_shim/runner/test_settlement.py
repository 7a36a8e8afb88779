"""Settlement: what a dead shim left undecided becomes a failure or a default, once."""

from __future__ import annotations

from typing import Any

import pytest
from tests.runtime_shim.runner.world import Components, World, fails, plan_of, retry

from flowc_shim.contract.errors import user_error
from flowc_shim.contract.outcomes import Outcome
from flowc_shim.contract.steps import PlanVariable
from flowc_shim.runner.commands import Request, perform
from flowc_shim.runner.keys import failing_key
from flowc_shim.runner.records import StepRecord
from flowc_shim.runner.settle import settle
from flowc_shim.runner.variables import Variables

DEFAULTED = {"onError": {"action": "useDefault", "defaultValue": 7}}
CHAIN = [{"id": "a"}, {"id": "b", "input": {"$step": "a"}}, {"id": "c", "input": {"$step": "b"}}]


def _error(world: World, step: str) -> tuple[str, str]:
    record = world.shim().journal.record((), step)
    assert record is not None and record.error is not None
    return record.error.error_class.value, record.error.code


def test_a_reader_settles_a_dead_unit_to_its_default() -> None:
    world = World(plan_of([{"id": "a", **DEFAULTED}, {"id": "b", "input": {"$step": "a"}}])).begin()
    world.shim().journal.begin_attempt((), "a", 1)
    assert world.run("b", a="failed").status.value == "done"
    assert [world.outcome("a"), world.components.calls[0].input] == ["defaulted", 7]


@pytest.mark.parametrize("status", ["", "Succeeded", "Skipped", "Omitted", "Running"])
def test_only_a_death_settles(status: str) -> None:
    world = World(
        plan_of([{"id": "a", **DEFAULTED}, {"id": "b", "input": {"$literal": 1}}])
    ).begin()
    world.run("b", a=status)
    assert world.outcome("a") is None


def test_the_words_of_the_engine_say_what_it_died_of() -> None:
    world = World(plan_of([{"id": "a"}])).begin()
    world.shim().journal.begin_attempt((), "a", 1)
    cause = "States.TaskFailed: OutOfMemoryError: Container killed due to memory usage"
    perform(world.shim(), Request("decide", settled={"a": ("failed", cause)}))
    assert _error(world, "a") == ("platform", "OOM")


def test_the_last_failure_is_the_error_if_the_attempt_had_ended() -> None:
    world = World(plan_of([{"id": "a", "retry": retry(user=2)}])).begin()
    journal = world.shim().journal
    journal.begin_attempt((), "a", 1)
    journal.end_attempt((), "a", fails("user", "MINE").info.with_attempt(1))
    perform(world.shim(), Request("decide", settled={"a": ("failed", "")}))
    assert _error(world, "a") == ("user", "MINE")


def test_settlement_is_idempotent_and_never_changes_a_result() -> None:
    world = World(plan_of([{"id": "a"}])).begin()
    world.run("a")
    for _ in range(2):
        perform(world.shim(), Request("decide", settled={"a": ("failed", "")}))
    assert world.outcome("a") == "succeeded"


def test_a_chain_that_died_fails_where_it_began() -> None:
    """The first that never ran is the failure; what reads it only had a failed dependency."""
    world = World(plan_of(CHAIN)).begin()
    settle(world.shim(), world.plan.steps["c"], (), "test", "failed")
    assert [world.outcome(step) for step in "abc"] == ["failed"] + ["upstream_failed"] * 2


def test_a_chain_of_thousands_is_settled() -> None:
    count = 3_000
    steps: list[dict[str, Any]] = [{"id": "s0"}]
    steps += [{"id": f"s{n}", "input": {"$step": f"s{n - 1}"}} for n in range(1, count)]
    world = World(plan_of(steps)).begin()
    settle(world.shim(), world.plan.steps[f"s{count - 1}"], (), "test", "failed")
    assert world.outcome("s0") == "failed"
    assert world.outcome(f"s{count - 1}") == "upstream_failed"


@pytest.mark.parametrize("again", ["unit", "settled"])
def test_a_flag_that_was_lost_with_its_shim_is_set_by_the_next(again: str) -> None:
    """The record comes first: a kill behind it leaves a failure that nobody was told of."""
    world = World(plan_of([{"id": "a"}, {"id": "b"}])).begin()
    failed = StepRecord(Outcome.FAILED, error=fails().info)
    world.shim().journal.commit_record((), "a", failed)
    if again == "unit":
        world.run("a")
    else:
        settle(world.shim(), world.plan.steps["a"], (), "test", "failed")
    assert world.store.read(failing_key("run-1", "", ())) is not None
    assert world.run("b").status.value == "not_started"


@pytest.mark.parametrize("unit", ["l:open", "l:close"])
def test_a_loop_flags_again_too(unit: str) -> None:
    loop = {"id": "l", "foreach": {"items": {"$input": "xs"}}, "steps": [{"id": "s"}], "output": 1}
    world = World(plan_of([loop])).begin({"xs": 1})
    failed = StepRecord(Outcome.FAILED, error=fails().info)
    world.shim().journal.commit_record((), "l", failed)
    assert world.run(unit).status.value == "final"
    assert world.store.read(failing_key("run-1", "", ())) is not None


def test_a_unit_that_reads_what_died_unsaid_settles_it() -> None:
    """An engine may not say that a unit died; that its reader runs says it."""
    world = World(plan_of(CHAIN)).begin()
    assert world.run("b").status.value == "not_started"
    assert [world.outcome(step) for step in "ab"] == ["failed", "upstream_failed"]


def test_a_refused_request_settles_nothing() -> None:
    world = World(plan_of(CHAIN)).begin()
    for request in (
        Request("run-unit", "nobody"),
        Request("run-unit", "a", settled={"nobody": ("failed", "")}),
        Request("run-unit", "a", scope="3"),
        Request("run-unit", "a", scope="x"),
    ):
        with pytest.raises(ValueError, match=r"unit|loops|literal"):
            perform(world.shim(), request)
    assert world.outcome("a") is None


def test_a_secret_in_what_went_wrong_is_masked() -> None:
    """In every spelling that messages have."""
    variables = Variables(
        (PlanVariable("key", is_secret=True),), {"key": 's3cret "word"'}, environ={}
    )
    shown = 'url https://x/?k=s3cret%20%22word%22 and {"k": "s3cret \\"word\\""}'
    error = user_error("BAD", shown, data={"k": ['s3cret "word"']})
    world = World(plan_of([{"id": "a"}]), Components({"a": error})).begin()
    world.run("a", shim=world.shim(variables=variables))
    record = world.shim().journal.record((), "a")
    assert record is not None and record.error is not None
    assert "s3cret" not in str(record.error)
    assert record.error.data == {"k": ["***"]}
