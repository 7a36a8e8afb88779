"""Budgets by class are exact, whatever dies: every attempt counts once, and none is forgotten.

A death is an exception that nothing catches, at a call or at a write of the store: what a killed
process leaves behind is what it had written until then. The engine starts it again.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some
from tests.runtime_shim.runner.world import Components, World, fails, plan_of, retry

from flowc_shim.stores.memory import MemoryStore

CLASSES = ("user", "platform", "timeout")
MOST = 3
PATIENCE = 200
"""Restarts after which an engine would have given up: a shim that never decides is a failure."""


class Killed(BaseException):
    """kill -9: no handler of the shim sees it."""


class DyingStore(MemoryStore):
    """Dies at the writes whose numbers it is told, before or after they land."""

    def __init__(self, deaths: dict[int, str]) -> None:
        super().__init__()
        self.deaths = deaths
        self.writes = 0

    def create(self, key: str, body: bytes) -> bool:
        self.writes += 1
        moment = self.deaths.get(self.writes)
        if moment == "before":
            raise Killed
        landed = super().create(key, body)
        if moment == "after":
            raise Killed
        return landed


def kill(_call: Any, _host: Any) -> None:
    raise Killed


def behaviour(kind: str) -> Any:
    """What a component does in one call."""
    if kind == "dies":
        return kill
    return "fine" if kind == "works" else fails(kind)


def expected(kinds: list[str], budgets: dict[str, int]) -> tuple[str, int]:
    """The outcome, and how many calls there are, by the language page alone."""
    used: Counter[str] = Counter()
    for number, kind in enumerate([*kinds, "works"], 1):
        if kind == "works":
            return "succeeded", number
        failed = "platform" if kind == "dies" else kind
        used[failed] += 1
        if used[failed] > budgets[failed]:
            return ("timed_out" if failed == "timeout" else "failed"), number
    raise AssertionError


def run(world: World) -> int:
    """Run the one unit as an engine does, until it is decided; how often it was started."""
    for start in range(1, PATIENCE):
        try:
            if world.run("a").status.value != "retry":
                return start
        except Killed:
            continue
    raise AssertionError("never decided")


def world_of(kinds: list[str], budgets: dict[str, int], store: MemoryStore) -> World:
    plan = plan_of([{"id": "a", "retry": retry(**budgets)}], {"$step": "a"})
    components = Components({"a": [behaviour(kind) for kind in [*kinds, "works"]]})
    return World(plan, components, store)


kinds = some.lists(some.sampled_from([*CLASSES, "dies"]), max_size=10)
budgets = some.fixed_dictionaries({name: some.integers(0, MOST) for name in CLASSES})


@settings(max_examples=150, deadline=None)
@given(kinds, budgets)
def test_calls_are_what_the_budgets_allow(kinds: list[str], budgets: dict[str, int]) -> None:
    world = world_of(kinds, budgets, MemoryStore()).begin()
    run(world)
    outcome, calls = expected(kinds, budgets)
    assert (world.outcome("a"), len(world.components.calls)) == (outcome, calls)
    assert [call.attempt for call in world.components.calls] == list(range(1, calls + 1))
    assert len({call.idempotency_key for call in world.components.calls}) == 1
    # whoever comes after it is decided calls nothing again
    run(world)
    assert len(world.components.calls) == calls


deaths = some.dictionaries(some.integers(1, 40), some.sampled_from(["before", "after"]), max_size=8)


@settings(max_examples=150, deadline=None)
@given(kinds, budgets, deaths)
def test_no_death_gives_or_takes_an_attempt(
    kinds: list[str], budgets: dict[str, int], deaths: dict[int, str]
) -> None:
    store = DyingStore(deaths)
    world = world_of(kinds, budgets, store)
    for _ in range(PATIENCE):
        try:
            world.begin()
            break
        except Killed:
            continue
    run(world)
    rows = world.shim().journal.attempts((), "a")
    # a death in between spends an attempt of class platform, and only one
    used = Counter(row.error.error_class.value if row.error else "platform" for row in rows)
    for name in CLASSES:
        assert used[name] <= budgets[name] + 1, (name, used)
    calls = [call.attempt for call in world.components.calls]
    assert calls == sorted(set(calls)), "an attempt was made twice"
    assert set(calls) <= {row.number for row in rows}, "a call without a row"
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    outcome = world.outcome("a")
    if outcome == "succeeded":
        assert rows[-1].error is None
    else:
        spent = {name for name in CLASSES if used[name] > budgets[name]}
        assert len(spent) == 1, "it failed with attempts left, or went on without"
        assert outcome == ("timed_out" if spent == {"timeout"} else "failed")
