"""`cache:`: entries that are put once, copied when they are used, and looked at while young."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.runtime_shim.runner.world import Components, World, fails, plan_of

from flowc_shim.runner import cache
from flowc_shim.runner.commands import Request, perform
from flowc_shim.stores.api import StoreUnavailable
from flowc_shim.stores.memory import MemoryStore

STEP: dict[str, Any] = {"id": "a", "input": {"n": 1}, "cache": {"ttl": "1h"}}


class Clock:
    """A time that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(cache, "time", made)
    return made


def run(store: Any, key: str, *, steps: Any = None, code: str = "", **does: Any) -> World:
    """One whole run of its own over a shared store."""
    world = World(
        plan_of(steps or [STEP], {"$step": "a"}), Components(does, code=code), store, key
    ).begin()
    world.run("a")
    world.finish()
    return world


def entries(store: MemoryStore) -> list[str]:
    return [key for key in store.list("cache") if "/blobs/" not in key]


def test_a_later_run_copies_the_result() -> None:
    store = MemoryStore()
    run(store, "r1", a="first")
    second = run(store, "r2", a="second")
    assert (second.outcome("a"), second.components.calls) == ("cached", [])
    # nothing is shared: the run that made it may be forgotten
    store.delete_run("runs/r1")
    end = second.shim().journal.end()
    assert end is not None and end.output == "first"
    assert run(store, "r3").outcome("a") == "cached"
    assert len(entries(store)) == 1


def test_a_large_result_is_copied_too() -> None:
    store, large = MemoryStore(), "x" * 200_000
    run(store, "r1", a=large)
    second = run(store, "r2")
    store.delete_run("cache")
    store.delete_run("runs/r1")
    end = second.shim().journal.end()
    assert end is not None and end.output == large


@pytest.mark.parametrize(
    ("after", "outcome"), [(0.0, "cached"), (3600.0, "cached"), (3601.0, "succeeded")]
)
@pytest.mark.parametrize("offset", [0.0, 1800.0, 3599.5])
def test_results_are_used_as_long_as_they_are_young(
    clock: Clock, offset: float, after: float, outcome: str
) -> None:
    store = MemoryStore()
    clock.now += offset  # anywhere in a window
    run(store, "r1")
    clock.now += after
    assert run(store, "r2").outcome("a") == outcome


def test_an_old_result_is_replaced_by_a_new_one(clock: Clock) -> None:
    store = MemoryStore()
    run(store, "r1", a=1)
    clock.now += 4000
    run(store, "r2", a=2)
    third = run(store, "r3", a=3)
    end = third.shim().journal.end()
    assert end is not None and end.output == 2


def test_the_first_of_two_producers_wins_and_both_keep_their_own() -> None:
    store = MemoryStore()

    def meanwhile(_call: Any, _host: Any) -> str:
        run(store, "r2", a="theirs")
        return "mine"

    first = run(store, "r1", a=meanwhile)
    end = first.shim().journal.end()
    assert (first.outcome("a"), end and end.output) == ("succeeded", "mine")
    third = run(store, "r3").shim().journal.end()
    assert third is not None and third.output == "theirs"


def test_a_failure_is_not_kept() -> None:
    store = MemoryStore()
    assert run(store, "r1", a=fails()).outcome("a") == "failed"
    assert run(store, "r2").outcome("a") == "succeeded"


def test_other_code_makes_other_results() -> None:
    store = MemoryStore()
    run(store, "r1", code="one")
    assert run(store, "r2", code="two").outcome("a") == "succeeded"
    assert run(store, "r3", code="one").outcome("a") == "cached"


def test_another_output_schema_makes_other_results() -> None:
    store = MemoryStore()
    run(store, "r1", a=7)
    steps = {"properties": {"a": {"type": "string"}}}
    schemas = {"properties": {"steps": steps}}
    world = World(
        plan_of([STEP], {"$step": "a"}, schemas=schemas), Components({"a": "text"}), store, "r2"
    ).begin()
    world.run("a")
    assert world.outcome("a") == "succeeded"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"created": 1e12}', b"\xff"])
def test_an_entry_that_cannot_be_read_is_none(body: bytes) -> None:
    store = MemoryStore()
    run(store, "r1")
    [key] = entries(store)
    found = store.read_versioned(key)
    assert found is not None and store.replace(key, body, found.version)
    assert run(store, "r2").outcome("a") == "succeeded"


def test_a_blob_that_is_gone_is_a_miss() -> None:
    store = MemoryStore()
    run(store, "r1", a="x" * 200_000)
    [key] = entries(store)
    store.delete_run(key.rpartition("/")[0] + "/blobs")
    assert run(store, "r2", a="x").outcome("a") == "succeeded"


def test_a_result_that_cannot_be_kept_is_no_failure() -> None:
    class NoCache(MemoryStore):
        def create(self, key: str, body: bytes) -> bool:
            if key.startswith("cache/"):
                raise StoreUnavailable("no such folder")
            return super().create(key, body)

    assert run(NoCache(), "r1").outcome("a") == "succeeded"


def test_who_settles_a_step_publishes_nothing() -> None:
    store = MemoryStore()

    def settled(_call: Any, _host: Any) -> str:
        other = World(world.plan, store=store, run_key="r1")
        other.finish("Failed")
        return "late"

    world = World(plan_of([STEP], {"$step": "a"}), Components({"a": settled}), store, "r1").begin()
    world.run("a")
    assert world.outcome("a") == "failed"
    assert entries(store) == []


def test_a_heavy_unit_is_not_started_for_a_result_that_is_known() -> None:
    store = MemoryStore()
    run(store, "r1", a="first")
    world = World(plan_of([STEP], {"$step": "a"}), Components(), store, "r2").begin()
    verdict = perform(world.shim(), Request("decide", "a"))
    assert (verdict.status.value, verdict.go) == ("done", False)
    assert world.outcome("a") == "cached"
    assert world.finish() == "succeeded"


def test_the_plan_says_what_is_known_of_the_component() -> None:
    plan = plan_of([STEP], {"$step": "a"})
    body = json.loads(json.dumps(plan.to_json()))["steps"]["a"]["call"]["cache"]
    assert body["ttl"] == 3600
    assert list(body["versions"]) == ["functions"]
