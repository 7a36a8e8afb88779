"""The journal: what is kept, what is read when, and in which order things are written."""

from __future__ import annotations

from typing import Any

import pytest
from tests.runtime_shim.runner.world import Components, World, fails, plan_of
from tests.runtime_shim.stores.faults import Passing

from flowc_shim.contract.outcomes import Outcome
from flowc_shim.runner.journal import LARGE_KEPT, Journal
from flowc_shim.runner.records import StepRecord
from flowc_shim.runner.rows import BLOB_THRESHOLD
from flowc_shim.stores.api import StoreUnavailable
from flowc_shim.stores.memory import MemoryStore

LARGE = "x" * (BLOB_THRESHOLD + 1)


class Log(Passing):
    """Keeps what kind of key was written and read."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.written: list[str] = []
        self.read_keys: list[str] = []

    def create(self, key: str, body: bytes) -> bool:
        self.written.append(key.split("/")[2])
        return super().create(key, body)

    def read(self, key: str) -> bytes | None:
        self.read_keys.append(key.split("/")[2])
        return super().read(key)


def test_blob_before_record_before_flag() -> None:
    world = World(plan_of([{"id": "a"}, {"id": "b"}]), Components({"a": LARGE, "b": fails()}))
    log = Log(world.begin().store)
    world.run("a", shim=world.shim(store=log))
    assert log.written == ["attempts", "blobs", "steps"]
    log.written.clear()
    world.run("b", shim=world.shim(store=log))
    assert log.written == ["attempts", "attempts", "steps", "failing"]


def test_loop_items_that_are_large() -> None:
    loop = {"id": "l", "foreach": {"items": {"$input": "$"}}, "steps": [{"id": "s"}], "output": 1}
    world = World(plan_of([loop])).begin([LARGE])
    log = Log(world.store)
    world.run("l:open", shim=world.shim(store=log))
    assert log.written == ["blobs", "loops"]


def test_large_values_are_read_only_where_they_are_used() -> None:
    steps = [{"id": "a"}, {"id": "after", "needs": ["a"]}, {"id": "uses", "input": {"$step": "a"}}]
    world = World(plan_of(steps), Components({"a": LARGE, "uses": 1})).begin()
    world.run("a")
    log = Log(world.store)
    world.run("after", shim=world.shim(store=log))
    assert "blobs" not in log.read_keys
    world.run("uses", shim=world.shim(store=log))
    assert log.read_keys.count("blobs") == 1
    assert world.components.calls[-1].input == LARGE


def test_few_large_values_are_kept() -> None:
    store = MemoryStore()
    journal = Journal(store, "r")
    for index in range(LARGE_KEPT * 2):
        record = StepRecord(Outcome.SUCCEEDED, f"{index}{LARGE}")
        decided = journal.commit_record((index,), "l/s", record)
        assert journal.value(decided) == f"{index}{LARGE}"
    assert len(journal._large) == LARGE_KEPT
    again = Journal(store, "r").record((0,), "l/s")
    assert again is not None and journal.value(again) == f"0{LARGE}"


def test_a_blob_that_is_gone_is_an_outage() -> None:
    journal = Journal(MemoryStore(), "r")
    with pytest.raises(StoreUnavailable, match="is gone"):
        journal.value(StepRecord(Outcome.SUCCEEDED, blob="0" * 64))


def test_a_record_is_adopted_with_its_writer() -> None:
    store = MemoryStore()
    first, second = Journal(store, "r"), Journal(store, "r")
    first.commit_record((), "a", StepRecord(Outcome.SUCCEEDED, 1))
    adopted = second.commit_record((), "a", StepRecord(Outcome.FAILED, error=fails().info))
    assert (adopted.outcome, adopted.value, adopted.writer) == (
        Outcome.SUCCEEDED, 1, first.writer,
    )  # fmt: skip


def test_attempts_are_claimed_by_one_writer_each() -> None:
    store = MemoryStore()
    first, second = Journal(store, "r"), Journal(store, "r")
    assert first.begin_attempt((), "a", 1) == 1
    assert second.begin_attempt((), "a", 1) == 2
    first.end_attempt((), "a", fails().info.with_attempt(1))
    rows = second.attempts((), "a")
    assert [(row.number, row.writer, row.error is None) for row in rows] == [
        (1, first.writer, False), (2, second.writer, True),
    ]  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 40])
def test_all_attempts_are_found(count: int) -> None:
    """Also more than the budgets allow: shims that raced have claimed one each."""
    store = MemoryStore()
    for number in range(1, count + 1):
        Journal(store, "r").begin_attempt((), "a", number)
    rows = Journal(store, "r").attempts((), "a")
    assert [row.number for row in rows] == list(range(1, count + 1))


def test_two_runs_share_nothing() -> None:
    store = MemoryStore()
    one, other = Journal(store, "r/1"), Journal(store, "r")
    one.commit_record((1,), "a/b", StepRecord(Outcome.SUCCEEDED, 1))
    one.set_failing("", (), {"step": "a"})
    assert other.record((1,), "a/b") is None
    assert other.failing_reason("", ()) is None
    assert other.record((), "1/a/b") is None
