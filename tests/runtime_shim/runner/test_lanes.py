"""Lanes: exact bounds, restarts that repeat nothing, joins that read few rows."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.runtime_shim.runner.world import Components, World, fails, plan_of, retry

from flowc_shim.contract.steps import PlanLoop
from flowc_shim.runner.keys import parse_scope
from flowc_shim.runner.lanes import MOST_ROLLUPS, parts_of
from flowc_shim.stores.memory import MemoryStore

if TYPE_CHECKING:
    from flowc_shim.contract.plan import Plan

LANES = 5


def loop_plan(*, lanes: int = LANES, concurrency: int = 3, **keys: Any) -> Plan:
    """A loop over the input whose engine has at most ``lanes`` tasks for it."""
    body = {"id": "item", "input": {"$item": "$"}, **keys.pop("step", {})}
    foreach = {"items": {"$input": "xs"}, "concurrency": concurrency, **keys}
    loop = {"id": "loop", "foreach": foreach, "steps": [body], "output": {"$step": "item"}}
    plan = plan_of([loop])
    step = plan.steps["loop"]
    assert isinstance(step.body, PlanLoop)
    steps = {**plan.steps, "loop": replace(step, body=replace(step.body, lanes=lanes))}
    return replace(plan, steps=steps)


class CountingStore(MemoryStore):
    """How many rows were asked for; reading many reads each."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def read(self, key: str) -> bytes | None:
        self.reads += 1
        return super().read(key)


@pytest.mark.parametrize(
    ("lanes", "count"), [(1, 7), (3, 500), (100, 25_000), (500, 25_000), (499, 501)]
)
def test_every_item_is_in_one_part_of_one_lane(lanes: int, count: int) -> None:
    parts = [part for lane in range(lanes) for part in parts_of(lane, lanes, count)]
    assert sorted(item for part in parts for item in part) == list(range(count))
    assert len(parts) <= MOST_ROLLUPS


@pytest.mark.parametrize(("count", "tasks"), [(4, 4), (LANES, LANES), (6, 3), (25_000, 3)])
def test_the_opening_says_how_many_tasks_there_are(count: int, tasks: int) -> None:
    world = World(loop_plan()).begin({"xs": list(range(count))})
    assert world.run("loop:open").count == tasks


def test_lanes_run_all_items_and_a_restart_repeats_none() -> None:
    world = World(loop_plan()).begin({"xs": list(range(20))})
    tasks = world.run("loop:open").count
    for _ in range(2):
        for lane in range(tasks):
            assert world.run("loop/item", f"{lane}~{tasks}").status.value == "done"
    assert sorted(call.input for call in world.components.calls) == list(range(20))
    world.run("loop:close")
    record = world.shim().journal.record((), "loop")
    assert record is not None
    assert record.value == list(range(20))


def test_no_more_items_run_at_a_time_than_there_are_lanes() -> None:
    running, most, lock = [0], [0], threading.Lock()
    together = threading.Barrier(3)

    def work(call: Any, host: Any) -> Any:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        together.wait(timeout=20)  # three do run at a time: each waits for two others
        with lock:
            running[0] -= 1
        return call.input

    world = World(loop_plan(), Components({"item": work})).begin({"xs": list(range(12))})
    tasks = world.run("loop:open").count
    threads = [
        threading.Thread(target=world.run, args=("loop/item", f"{lane}~{tasks}"))
        for lane in range(tasks)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most[0], len(world.components.calls)) == (3, 12)


def test_failures_count_against_the_tolerance_and_stop_the_rest() -> None:
    def work(call: Any, host: Any) -> Any:
        if call.input % 2:
            raise fails("final")
        return call.input

    plan = loop_plan(concurrency=1, maxFailures=1)
    world = World(plan, Components({"item": work})).begin({"xs": list(range(10))})
    assert world.run("loop:open").count == 1
    assert world.run("loop/item", "0~1").status.value == "final"
    # the second failure is one too many
    assert [call.input for call in world.components.calls] == [0, 1, 2, 3]
    assert world.run("loop:close").status.value == "final"
    assert world.outcome("loop", 0) is None
    assert world.outcome("loop/item", 9) == "not_started"


def test_an_item_that_is_due_later_holds_up_no_other() -> None:
    step = {"retry": retry(user=1) | {"user": {"max": 1, "delay": "100s", "jitter": False}}}
    behaviour = {"item": [0, fails("user"), 2, 3, 4, 5, 1]}
    world = World(loop_plan(concurrency=1, step=step), Components(behaviour))
    world.begin({"xs": list(range(6))})
    world.run("loop:open")
    first = world.run("loop/item", "0~1")
    assert (first.status.value, first.retry_wait) == ("retry", 100)
    assert [call.input for call in world.components.calls] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("broken", ["never", "rollups"])
def test_a_join_reads_roll_ups_and_does_without_them(broken: str) -> None:
    store = CountingStore()
    world = World(loop_plan(concurrency=4), store=store).begin({"xs": list(range(2_000))})
    tasks = world.run("loop:open").count
    for lane in range(tasks):
        world.run("loop/item", f"{lane}~{tasks}")
    if broken == "rollups":
        for key in list(store.list("runs/run-1/rollups"))[::2]:
            store._entries.pop(key)
    store.reads = 0
    world.run("loop:close")
    assert store.reads < (MOST_ROLLUPS + 20 if broken == "never" else 2_000)
    record = world.shim().journal.record((), "loop")
    assert record is not None
    assert world.shim().journal.value(record) == list(range(2_000))


def test_a_lane_is_written_as_a_scope() -> None:
    assert [parse_scope(text) for text in ("", "3/0", "3/1~4", "2~9")] == [
        ((), 0), ((3, 0), 0), ((3, 1), 4), ((2,), 9),
    ]  # fmt: skip
