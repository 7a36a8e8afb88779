"""What becomes of a step by what it reads, before it starts: the whole table."""

from __future__ import annotations

from typing import Any

import pytest
from tests.runtime_shim.runner.world import Components, World, fails, plan_of

from flowc_shim.contract.outcomes import EDGE_TRUE, Outcome
from flowc_shim.runner.entry import UndecidedDependency, decide_entry
from flowc_shim.runner.records import StepRecord

RUNS = None
READS = {"input": {"$step": "a"}}
TOLERATES = {"input": {"$step": "a", "onSkip": None}}
COALESCES = {"input": {"$coalesce": [{"$step": "a"}, 1]}}
NEEDS = {"needs": ["a"]}
ANY = {"needs": ["a"], "join": "any"}


def _record(outcome: Outcome) -> StepRecord:
    return StepRecord(outcome, 1 if outcome in EDGE_TRUE else None)


def _world(**reader: Any) -> World:
    return World(plan_of([{"id": "a", "when": "input.go"}, {"id": "b", **reader}])).begin({"go": 1})


@pytest.mark.parametrize("reader", [READS, TOLERATES, COALESCES, NEEDS, ANY])
@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome.SUCCEEDED, RUNS),
        (Outcome.DEFAULTED, RUNS),
        (Outcome.CACHED, RUNS),
        (Outcome.FAILED, Outcome.UPSTREAM_FAILED),
        (Outcome.TIMED_OUT, Outcome.UPSTREAM_FAILED),
        (Outcome.REJECTED, Outcome.UPSTREAM_FAILED),
        (Outcome.UPSTREAM_FAILED, Outcome.UPSTREAM_FAILED),
        (Outcome.NOT_STARTED, Outcome.NOT_STARTED),
        (Outcome.STOPPED, Outcome.NOT_STARTED),
    ],
)
def test_one_edge(reader: dict[str, Any], outcome: Outcome, expected: Outcome | None) -> None:
    """What failed is never forgiven, by no kind of edge."""
    world = _world(**reader)
    shim = world.shim()
    shim.journal.commit_record((), "a", _record(outcome))
    assert decide_entry(shim, world.plan.steps["b"], ()) == expected


@pytest.mark.parametrize(
    ("reader", "expected"),
    [
        (READS, Outcome.SKIPPED),
        (NEEDS, Outcome.SKIPPED),
        (ANY, Outcome.SKIPPED),
        (TOLERATES, RUNS),
        (COALESCES, RUNS),
        ({**TOLERATES, **NEEDS}, Outcome.SKIPPED),
    ],
)
def test_a_skipped_edge(reader: dict[str, Any], expected: Outcome | None) -> None:
    """What was skipped is forgiven by tolerant references, and by those alone."""
    world = _world(**reader)
    shim = world.shim()
    shim.journal.commit_record((), "a", _record(Outcome.SKIPPED))
    assert decide_entry(shim, world.plan.steps["b"], ()) == expected


def test_join_any_runs_if_one_edge_is_true() -> None:
    plan = plan_of(
        [
            {"id": "a", "when": "input.a"},
            {"id": "b", "when": "input.b"},
            {"id": "c", "needs": ["a", "b"], "join": "any"},
        ]
    )
    for one, other, expected in [
        (Outcome.SKIPPED, Outcome.SUCCEEDED, RUNS),
        (Outcome.SKIPPED, Outcome.SKIPPED, Outcome.SKIPPED),
        (Outcome.NOT_NEEDED, Outcome.SKIPPED, Outcome.SKIPPED),
        (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.UPSTREAM_FAILED),
    ]:
        shim = World(plan).begin({}).shim()
        shim.journal.commit_record((), "a", _record(one))
        shim.journal.commit_record((), "b", _record(other))
        assert decide_entry(shim, plan.steps["c"], ()) == expected


def test_join_any_without_dependencies_runs() -> None:
    plan = plan_of([{"id": "a", "join": "any", "input": 1}])
    assert decide_entry(World(plan).begin({}).shim(), plan.steps["a"], ()) is None


def test_not_needed_comes_before_a_failed_dependency() -> None:
    """An engine that never started the step, because its dependency failed, says the same."""
    plan = plan_of(
        [{"id": "a"}, {"id": "b", "input": {"$step": "a"}}, {"id": "keep", "needs": ["a"]}],
        output={"$if": {"$input": "flag"}, "then": {"$step": "b"}, "else": 0},
    )
    world = World(plan, Components({"a": fails()})).begin({"flag": False})
    world.run("a")
    assert decide_entry(world.shim(), plan.steps["b"], ()) is Outcome.NOT_NEEDED
    assert world.finish() == "failed"
    assert [world.outcome(step) for step in ("b", "keep")] == ["not_needed", "upstream_failed"]


@pytest.mark.parametrize(
    ("before", "branch", "expected"),
    [
        (fails(), "then", "not_needed"),
        (fails(), "else", "upstream_failed"),
        (None, "then", "not_needed"),
        (True, "then", "succeeded"),
    ],
)
def test_a_guard_whose_own_reads_failed(before: Any, branch: str, expected: str) -> None:
    """A condition over a failure is not true; whoever it decides about never runs after one."""
    other = "else" if branch == "then" else "then"
    output = {"$if": {"$step": "c"}, branch: {"$step": "x"}, other: 0}
    plan = plan_of([{"id": "c"}, {"id": "x", "input": 1}], output=output)
    world = World(plan, Components({"c": before})).begin()
    world.run("c")
    world.run("x", c="failed")
    assert world.outcome("x") == expected


def test_a_failing_run_starts_nothing_new() -> None:
    plan = plan_of([{"id": "a"}, {"id": "b", "when": "input.go > 1"}])
    world = World(plan, Components({"a": fails()})).begin({})
    world.run("a")
    assert world.run("b").status.value == "not_started"
    assert world.outcome("b") == "not_started", "and its condition, which would fail, is not asked"


@pytest.mark.parametrize(
    ("when", "expected"),
    [("input.x > 1", "succeeded"), ("input.x > 5", "skipped"), ("input.x", "failed"),
     ("input.nothing", "failed")],
)  # fmt: skip
def test_conditions(when: str, expected: str) -> None:
    world = World(plan_of([{"id": "a", "when": when}])).begin({"x": 2})
    world.run("a")
    assert world.outcome("a") == expected


def test_an_undecided_dependency_decides_nothing() -> None:
    world = _world(**READS)
    with pytest.raises(UndecidedDependency):
        decide_entry(world.shim(), world.plan.steps["b"], ())


@pytest.mark.parametrize(
    ("ask", "input_value", "go", "decided"),
    [("b", {"go": True}, True, None), ("b", {"go": False}, False, "skipped")],
)
def test_decide_answers_and_commits_what_never_starts(
    ask: str, input_value: Any, go: bool, decided: str | None
) -> None:
    from flowc_shim.runner.commands import Request, perform

    plan = plan_of([{"id": "a", "when": "input.go"}, {"id": "b", **READS}])
    world = World(plan).begin(input_value)
    world.run("a")
    verdict = perform(world.shim(), Request("decide", ask))
    assert (verdict.go, world.outcome(ask)) == (go, decided)


def test_decide_leaves_a_condition_that_fails_to_its_unit() -> None:
    """Also when what it reads has to be settled first."""
    from flowc_shim.runner.commands import Request, perform

    steps = [
        {"id": "a", "onError": {"action": "useDefault", "defaultValue": 1}},
        {"id": "b", "when": "input.nothing", **READS},
    ]
    world = World(plan_of(steps)).begin({})
    verdict = perform(world.shim(), Request("decide", "b"))
    assert (verdict.go, world.outcome("a"), world.outcome("b")) == (True, "defaulted", None)
