"""A run of everything at once, killed at any of its writes: it ends as one that nobody disturbed.

Deaths are exceptions that nothing catches, so that hundreds of schedules fit into a test; those of
real processes are in test_kill_points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as some
from tests.conformance.engines import compile_case, observe
from tests.conformance.model import Case
from tests.faults.test_budgets import PATIENCE, DyingStore, Killed
from tests.runtime_shim.runner.world import Components, World, retry

from flowc_shim.contract.scopes import FINALLY, ROOT
from flowc_shim.contract.steps import PlanWhile
from flowc_shim.runner.commands import Request, perform
from flowc_shim.runner.keys import indices_text
from flowc_shim.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.model import Observed

    from flowc_shim.contract.plan import Plan
    from flowc_shim.contract.verdict import Verdict

# a death spends an attempt; here nothing shall fail for want of one
PATIENT = {"retry": retry(platform=99)}


def call(id: str, input: Any = None, **more: Any) -> dict[str, Any]:
    return {"id": id, "component": "/t/echo", "input": input, **PATIENT, **more}


SUB = {
    "schema": "flowc/v1",
    "steps": [call("s", {"$input": "n"}), call("t", {"v": {"$step": "s"}})],
    "output": {"$step": "t"},
}
FLOW: dict[str, Any] = {
    "schema": "flowc/v1",
    "name": "case",
    "steps": [
        call("a", {"$input": "n"}, cache={"ttl": "1h"}),
        call("b", {"$input": "n"}, cache={"ttl": "1h"}, needs=["a"]),
        {
            "id": "each",
            "foreach": {"items": [{"$step": "a"}, 2], "concurrency": 1},
            "steps": [{"id": "sub", "flow": "sub.yaml", "input": {"n": {"$item": "$"}}}],
            "output": {"$step": "sub"},
        },
        {
            "id": "turns",
            "while": {"state": 0, "condition": "state < 2", "maxIterations": 5},
            "steps": [call("next", {"$expr": "state + 1"})],
            "output": {"$step": "next"},
        },
        call("bad", onError={"action": "useDefault", "defaultValue": {"$step": "b"}}),
    ],
    "output": {
        "each": {"$step": "each"}, "turns": {"$step": "turns"}, "bad": {"$step": "bad"},
    },
    "finally": [
        call("tell", {"$run": "outcome"}),
        {"id": "f", "foreach": {"items": [{"$step": "tell"}]}, "steps": [call("g", {"$item": "$"})],
         "output": {"$step": "g"}},
    ],
}  # fmt: skip
CASE = Case("case", FLOW, {"n": 7}, "succeeded", None, {}, None, flows={"sub.yaml": SUB})
PLAN = compile_case(CASE, "local", "step", store="memory:").plan


def world_of(store: MemoryStore) -> World:
    from tests.runtime_shim.runner.world import fails

    return World(PLAN, Components({"bad": fails()}), store)


def surely(attempt: Callable[[], Verdict]) -> Verdict:
    """Ask again until somebody lives to answer, as an engine does."""
    for _ in range(PATIENCE):
        try:
            verdict = attempt()
        except Killed:
            continue
        if verdict.status.value != "retry":
            return verdict
    raise AssertionError("never decided")


def execute(world: World) -> Observed:
    """Run the whole plan, unit by unit, each in a shim of its own."""

    def ask(request: Request) -> Verdict:
        return surely(lambda: perform(world.shim(), request))

    def scope(plan: Plan, path: str, indices: tuple[int, ...]) -> Verdict | None:
        """Run one instance of a scope; of a pass, return which one follows."""
        waiting = [unit for unit in plan.units.values() if unit.scope == path]
        while waiting:
            ids = {unit.id for unit in waiting}
            unit = next(unit for unit in waiting if ids.isdisjoint(unit.after))
            waiting.remove(unit)
            verdict = ask(Request("run-unit", unit.id, indices_text(indices)))
            if unit.kind == "next":
                return verdict
            if unit.kind != "open":
                continue
            if isinstance(plan.steps[unit.steps[0]].body, PlanWhile):
                while verdict.go:
                    following = scope(plan, unit.steps[0], (*indices, verdict.count))
                    assert following is not None
                    verdict = following
            else:
                for index in range(verdict.count):
                    scope(plan, unit.steps[0], (*indices, index))
        return None

    begin = Request("decide", input_text='{"n": 7}')
    ask(begin)
    scope(world.plan, ROOT, ())
    ask(Request("conclude", status="Succeeded"))
    scope(world.plan, FINALLY, ())
    ask(Request("finish", status="Succeeded"))
    return observe(world.plan, world.store, world.run_key)


UNDISTURBED = execute(world_of(MemoryStore()))


def test_the_run_that_nobody_disturbs() -> None:
    assert (UNDISTURBED.outcome, UNDISTURBED.error) == ("succeeded", None)
    assert UNDISTURBED.result == {"each": [{"v": 7}, {"v": 2}], "turns": 2, "bad": 7}
    found = UNDISTURBED.outcomes
    assert {found[path] for path in ("a", "each", "turns", "finally/tell", "finally/f")} == {
        "succeeded"
    }
    assert (found["b"], found["bad"], found["each/sub/t[1.0]"]) == (
        "cached", "defaulted", "succeeded",
    )  # fmt: skip


deaths = some.dictionaries(
    some.integers(1, 160), some.sampled_from(["before", "after"]), max_size=40
)


@settings(max_examples=100, deadline=None)
@given(deaths)
def test_any_deaths_change_nothing(deaths: dict[int, str]) -> None:
    observed = execute(world_of(DyingStore(deaths)))
    assert (observed.outcome, observed.result) == (UNDISTURBED.outcome, UNDISTURBED.result)
    # who died before it could publish its result leaves nothing for others to use
    assert observed.outcomes["b"] in ("cached", "succeeded")
    assert {**observed.outcomes, "b": "cached"} == UNDISTURBED.outcomes


def test_a_death_at_every_single_write() -> None:
    store = DyingStore({})
    execute(world_of(store))
    assert store.writes > 30
    for number in range(1, store.writes + 1):
        for moment in ("before", "after"):
            observed = execute(world_of(DyingStore({number: moment})))
            assert {**observed.outcomes, "b": "cached"} == UNDISTURBED.outcomes, (number, moment)
            assert observed.result == UNDISTURBED.result, (number, moment)
