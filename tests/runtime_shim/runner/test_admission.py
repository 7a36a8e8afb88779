"""A schedule that fires twice for one time has one run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.runtime_shim.runner.world import World, plan_of

from flowc_shim.contract.trigger import schedule_trigger
from flowc_shim.runner.commands import Request, perform
from flowc_shim.stores.memory import MemoryStore

if TYPE_CHECKING:
    from flowc_shim.stores.api import StateStore

PLAN = plan_of([{"id": "a", "input": {"$input": "day"}}])


def fire(store: StateStore, run: str, time: str, schedule: str = "nightly") -> tuple[World, str]:
    trigger: Any = schedule_trigger(time, "Europe/Rome", {"day": {"$trigger": "date"}}, schedule)
    world = World(PLAN, store=store, run_key=run)
    request = Request("run-unit", "a", input_text="{}", trigger_text=json.dumps(trigger))
    perform(world.shim(), request)
    perform(world.shim(), request)  # its container is started again: it is the same run
    return world, world.finish()


def test_one_run_per_time() -> None:
    store = MemoryStore("memory:")
    first, ended = fire(store, "one", "2027-03-01T23:30:00Z")
    assert ended == "succeeded"
    assert first.components.calls[0].input == "2027-03-02"
    assert first.shim().journal.header()["scheduled"] == "2027-03-02T00:30:00+01:00"
    second, ended = fire(store, "two", "2027-03-01T23:30:00Z")
    assert (ended, second.components.calls) == ("skipped", [])
    end = second.shim().journal.end()
    assert end is not None and end.error is not None
    assert end.error["error"]["code"] == "ALREADY_STARTED"
    assert second.shim().journal.header()["run"] == "two"


def test_other_times_and_schedules_have_runs_of_their_own() -> None:
    store = MemoryStore("memory:")
    first, second = "2027-03-01T02:00:00Z", "2027-03-02T02:00:00Z"
    times = [("1", first, "a"), ("2", second, "a"), ("3", first, "b"), ("4", first, "")]
    assert [fire(store, *one)[1] for one in times] == ["succeeded"] * 4


def test_an_input_that_is_in_the_store() -> None:
    world = World(PLAN)
    world.store.create("inputs/x", b'{"day": "today"}')
    perform(world.shim(), Request("run-unit", "a", input_text="null", input_key="inputs/x"))
    assert world.components.calls[0].input == "today"
