"""Attempts: budgets by class, what died, `retry.if`, waits, and what comes after settlement."""

from __future__ import annotations

from typing import Any

import pytest
from tests.runtime_shim.runner.world import Components, World, fails, plan_of, retry

from flowc_shim.components.limits import stopped_error
from flowc_shim.contract.errors import ErrorClass, ErrorInfo
from flowc_shim.contract.policies import Budget, Tolerance
from flowc_shim.runner.keys import attempt_key


def _world(does: Any, **step: Any) -> World:
    return World(plan_of([{"id": "a", **step}]), Components({"a": does})).begin()


def _attempts(world: World) -> list[tuple[int, str | None]]:
    rows = world.shim().journal.attempts((), "a")
    return [(row.number, row.error.code if row.error else None) for row in rows]


@pytest.mark.parametrize(
    ("errors", "budgets", "calls", "outcome"),
    [
        (["user"], {}, 1, "failed"),
        (["user", None], {"user": 1}, 2, "succeeded"),
        (["user", "user", None], {"user": 1}, 2, "failed"),
        (["platform", "user", None], {"user": 1, "platform": 1}, 3, "succeeded"),
        (["platform", "platform", None], {"user": 5, "platform": 1}, 2, "failed"),
        (["timeout", None], {"user": 5}, 1, "timed_out"),
        (["timeout", None], {"timeout": 1}, 2, "succeeded"),
        (["final", None], {"user": 5}, 1, "failed"),
    ],
)
def test_budgets(
    errors: list[str | None], budgets: dict[str, int], calls: int, outcome: str
) -> None:
    """Each class has its own counter; what is final is never retried."""
    world = _world([1 if kind is None else fails(kind) for kind in errors], retry=retry(**budgets))
    world.run("a")
    assert (len(world.components.calls), world.outcome("a")) == (calls, outcome)
    assert [call.attempt for call in world.components.calls] == list(range(1, calls + 1))


def test_what_can_be_called_once_is_tried_again_by_another_process() -> None:
    world = _world([fails(), fails("platform"), 1], retry=retry(user=1, platform=1))
    world.components.one_call = True
    for status in ("user", "platform"):
        verdict = world.run("a")
        assert (verdict.status.value, verdict.error_class) == ("retry", status)
        assert len(world.components.calls) == 1, "no second call in a process"
        world.components.calls.clear()
    assert world.run("a").status.value == "done"
    assert _attempts(world) == [(1, "BAD"), (2, "BAD"), (3, None)]


def test_the_last_failure_of_what_can_be_called_once_is_final() -> None:
    world = _world([fails(), fails()], retry=retry(user=1))
    world.components.one_call = True
    world.run("a")
    world.components.calls.clear()
    assert (world.run("a").status.value, world.outcome("a")) == ("final", "failed")


def test_all_attempts_have_one_idempotency_key() -> None:
    world = _world([fails(), 1], retry=retry(user=1))
    world.run("a")
    keys = {call.idempotency_key for call in world.components.calls}
    assert keys == {f"{world.shim().run_uuid}/a"}


def test_the_idempotency_key_of_an_item_names_its_place() -> None:
    loop = {"id": "l", "foreach": {"items": [7, 8]}, "steps": [{"id": "s"}], "output": 1}
    world = World(plan_of([loop])).begin()
    world.run("l:open")
    world.run("l/s", "1")
    assert world.components.calls[0].idempotency_key == f"{world.shim().run_uuid}/1/l/s"


def test_an_attempt_that_died_counts_as_platform() -> None:
    """Killed shims leave rows without an end; with the budget used up nothing is called again."""
    world = _world(1, retry=retry(user=5, platform=1))
    for number in (1, 2):
        world.shim().journal.begin_attempt((), "a", number)
    world.run("a")
    assert (world.components.calls, world.outcome("a")) == ([], "failed")
    record = world.shim().journal.record((), "a")
    assert record is not None and record.error is not None
    assert (record.error.code, record.error.error_class) == ("SHIM_DIED", ErrorClass.PLATFORM)


def test_an_attempt_that_died_is_followed_by_the_next() -> None:
    world = _world(1, retry=retry(platform=1))
    world.shim().journal.begin_attempt((), "a", 1)
    world.run("a")
    assert [call.attempt for call in world.components.calls] == [2]
    assert world.outcome("a") == "succeeded"


def test_a_shim_killed_between_the_last_attempt_and_the_commit_calls_nothing_again() -> None:
    world = _world(1)
    journal = world.shim().journal
    journal.begin_attempt((), "a", 1)
    journal.end_attempt((), "a", ErrorInfo(ErrorClass.USER, "BAD", "no", attempt=1))
    assert world.run("a").status.value == "final"
    assert (world.components.calls, world.outcome("a")) == ([], "failed")


@pytest.mark.parametrize(
    ("condition", "calls"),
    [
        ('error.code == "BAD"', 2),
        ('error.code == "OTHER"', 1),
        ("error.attempt < 2", 2),
        ("error.nothing", 1),
    ],
)
def test_retry_if(condition: str, calls: int) -> None:
    world = _world([fails(), 1], retry=retry(user=3, **{"if": condition}))
    world.run("a")
    assert len(world.components.calls) == calls


def test_retry_if_is_asked_again_after_a_restart() -> None:
    """By the row of the attempt, as the shim that died would have asked."""
    world = _world(1, retry=retry(user=3, **{"if": 'error.code != "BAD"'}))
    journal = world.shim().journal
    journal.begin_attempt((), "a", 1)
    journal.end_attempt((), "a", fails().info.with_attempt(1))
    world.run("a")
    assert (world.components.calls, world.outcome("a")) == ([], "failed")


def test_what_retry_if_reads_is_an_edge() -> None:
    steps = [{"id": "limit"}, {"id": "a", "retry": retry(user=2, **{"if": "steps.limit.go"})}]
    plan = plan_of(steps)
    assert plan.steps["a"].reads == ("limit",)
    world = World(plan, Components({"limit": {"go": True}, "a": [fails(), 1]})).begin()
    world.run("limit")
    world.run("a")
    assert world.outcome("a") == "succeeded"


def test_retry_if_over_a_skipped_step_fails_the_step() -> None:
    steps = [
        {"id": "limit", "when": "false"},
        {"id": "a", "retry": retry(user=2, **{"if": "steps.limit.go"})},
    ]
    world = World(plan_of(steps), Components({"a": [fails(), 1]})).begin()
    world.run("limit")
    assert world.run("a").status.value == "final"
    assert world.outcome("a") == "failed"


def test_a_long_wait_is_handed_to_the_engine_and_changes_nothing() -> None:
    budget = {"max": 2, "delay": "100s", "cap": "1000s", "jitter": False}
    world = _world([fails("platform"), 1], retry={"platform": budget})
    verdict = world.run("a")
    assert (verdict.status.value, verdict.error_class, verdict.retry_wait) == (
        "retry", "platform", 100,
    )  # fmt: skip
    assert world.outcome("a") is None
    assert world.run("a").status.value == "done", "the engine waited: no wait before the next"
    assert _attempts(world) == [(1, "BAD"), (2, None)]


def test_a_step_settled_during_its_attempt_is_not_tried_again() -> None:
    """The fence: a late attempt changes nothing, and reports what was decided."""
    world = _world(None, retry=retry(user=5))

    def settle_then_fail(*_: object) -> None:
        world.finish("Failed")
        raise fails()

    world.components.does["a"] = settle_then_fail
    verdict = world.run("a")
    assert (verdict.status.value, verdict.error_class) == ("final", "platform")
    assert world.components.called() == ["a"]
    assert world.outcome("a") == "failed"


def test_a_late_success_reports_the_failure_that_was_decided() -> None:
    world = _world(None)

    def settle_then_succeed(*_: object) -> int:
        world.finish("Failed")
        return 1

    world.components.does["a"] = settle_then_succeed
    assert world.run("a").status.value == "final"
    assert world.outcome("a") == "failed"


def test_a_component_cannot_call_itself_stopped() -> None:
    """Its own code may be anything; only a call that was stopped is outcome `stopped`."""
    world = _world(fails("user", "STOPPED"))
    assert world.run("a").status.value == "final"
    assert (world.outcome("a"), world.finish()) == ("failed", "failed")


def test_a_stopped_call_is_no_failure_and_has_no_default() -> None:
    world = _world(
        stopped_error(), retry=retry(platform=3), onError={"action": "useDefault"}
    )  # fmt: skip
    assert world.run("a").status.value == "not_started"
    assert (world.outcome("a"), len(world.components.calls)) == ("stopped", 1)
    assert world.finish("Stopped") == "stopped"


def test_output_that_is_no_json_fails_the_step() -> None:
    world = _world(float("inf"))
    assert world.run("a").status.value == "final"
    record = world.shim().journal.record((), "a")
    assert record is not None and record.error is not None
    assert record.error.code == "INVALID_OUTPUT"


def test_rows_are_written_before_the_work_begins() -> None:
    world = _world(None)
    key = attempt_key("run-1", (), "a", 1)
    world.components.does["a"] = lambda *_: world.store.read(key) is not None
    world.run("a")
    record = world.shim().journal.record((), "a")
    assert record is not None and record.value is True


@pytest.mark.parametrize(
    ("tolerance", "items", "most"),
    [(Tolerance(2), 10, 2), (Tolerance(share=0.29), 100, 29), (Tolerance(share=0.57), 100, 57),
     (Tolerance(share=0.1), 9, 0), (Tolerance(share=1.0), 3, 3), (Tolerance(), 3, 0)],
)  # fmt: skip
def test_tolerances_count_in_whole_items(tolerance: Tolerance, items: int, most: int) -> None:
    assert tolerance.most(items) == most
    assert tolerance.allows(most, items) and not tolerance.allows(most + 1, items)


def test_waits_grow_up_to_their_cap() -> None:
    budget = Budget(max=3, delay=1.0, factor=1e300, cap=60.0)
    assert [budget.wait(n) for n in (1, 2, 3)] == [1.0, 60.0, 60.0]
    assert budget.total_wait() == 121.0


def test_the_sum_of_very_many_waits_is_not_added_up_one_by_one() -> None:
    budget = Budget(max=1_000_000_000, delay=1.0, factor=2.0, cap=4.0)
    assert budget.total_wait() == 1 + 2 + 4.0 * (1_000_000_000 - 2)
