"""Loops: their items are decided once, their failures tolerated, and what stopped is no failure."""

from __future__ import annotations

from typing import Any

import pytest
from tests.runtime_shim.runner.world import Components, World, fails, plan_of

from flowc_shim.contract.outcomes import Outcome
from flowc_shim.runner import loops
from flowc_shim.runner.journal import Journal
from flowc_shim.runner.keys import loop_failing_key
from flowc_shim.runner.records import LoopRecord, StepRecord
from flowc_shim.stores.memory import MemoryStore


def _loop(items: Any = (1, 2, 3), *, body: Any = None, **keys: Any) -> dict[str, Any]:
    more = {key: keys.pop(key) for key in ("onError", "when", "needs") if key in keys}
    items = list(items) if isinstance(items, tuple) else items
    return {
        "id": "l",
        "foreach": {"items": items, **keys},
        "steps": body or [{"id": "s", "input": {"$item": "$"}}],
        "output": {"$step": "s"},
        **more,
    }


def _world(loop: dict[str, Any], value: Any = None, **does: Any) -> World:
    return World(plan_of([loop], output={"$step": "l"}), Components(does)).begin(value)


def _fail_on(*bad: Any) -> Any:
    def behave(call: Any, _host: Any) -> Any:
        if call.input in bad:
            raise fails()
        return call.input

    return behave


def _items(world: World, count: int, unit: str = "l/s") -> list[str]:
    return [world.run(unit, str(index)).status.value for index in range(count)]


def _value(world: World) -> Any:
    record = world.shim().journal.record((), "l")
    assert record is not None
    return record.value


def test_open_items_close() -> None:
    world = _world(_loop())
    verdict = world.run("l:open")
    assert (verdict.go, verdict.count) == (True, 3)
    assert _items(world, 3) == ["done"] * 3
    assert world.run("l:close").status.value == "done"
    assert (world.outcome("l"), _value(world)) == ("succeeded", [1, 2, 3])


def test_items_are_decided_once() -> None:
    """Another opener, who would come to other items, adopts what is decided."""
    world = _world(_loop({"$input": "xs"}), {"xs": [1, 2]})
    world.shim().journal.commit_loop((), "l", LoopRecord(1, [5], []))
    assert world.run("l:open").count == 1
    world.run("l/s", "0")
    assert world.components.calls[0].input == 5


def test_a_late_opening_finds_its_loop_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settled while it evaluated its items: it starts none, and says what was decided."""
    world = _world(_loop(onError={"action": "useDefault", "defaultValue": []}))
    evaluate = loops._items

    def slow(*place: Any) -> LoopRecord:
        record = evaluate(*place)
        world.run("l:close")
        return record

    monkeypatch.setattr(loops, "_items", slow)
    verdict = world.run("l:open")
    assert (verdict.status.value, verdict.go, verdict.count) == ("done", False, 0)
    assert world.outcome("l") == "defaulted"


def test_an_empty_list() -> None:
    world = _world(_loop({"$input": "xs"}), {"xs": []})
    verdict = world.run("l:open")
    assert (verdict.go, verdict.count) == (False, 0)
    world.run("l:close")
    assert _value(world) == []


@pytest.mark.parametrize(
    ("tolerance", "bad", "outcome", "value"),
    [
        (0, [], "succeeded", [1, 2, 3]),
        (0, [2], "failed", None),
        (1, [2], "succeeded", [1, None, 3]),
        (1, [1, 3], "failed", None),
        ("34%", [2], "succeeded", [1, None, 3]),
        ("33%", [2], "failed", None),
        ("100%", [1, 2, 3], "succeeded", [None, None, None]),
    ],
)
def test_tolerance(tolerance: Any, bad: list[int], outcome: str, value: Any) -> None:
    world = _world(_loop(maxFailures=tolerance), s=_fail_on(*bad))
    world.run("l:open")
    _items(world, 3)
    world.run("l:close")
    assert (world.outcome("l"), _value(world)) == (outcome, value)


def test_what_is_too_much_keeps_further_items_from_starting() -> None:
    world = _world(_loop(maxFailures=1), s=_fail_on(1, 2))
    world.run("l:open")
    assert _items(world, 3) == ["final", "final", "not_started"]
    assert world.components.called() == ["s", "s"]
    world.run("l:close")
    record = world.shim().journal.record((), "l")
    assert record is not None and record.error is not None
    assert (record.error.code, record.error.data["failed"]) == ("ITEMS_FAILED", [0, 1])


def test_a_failed_item_counts_once() -> None:
    """Two failing steps of an item, its units run again, other processes: still one item."""
    body = [{"id": "s", "input": {"$item": "$"}}, {"id": "t", "input": {"$item": "$"}}]
    world = _world(_loop(maxFailures=1, body=body), s=_fail_on(1), t=_fail_on(1))
    world.run("l:open")
    shim = world.shim()
    world.run("l/s", "0", shim=shim)
    world.run("l/t", "0", shim=shim)
    for _ in range(2):
        world.run("l/s", "0")
        world.run("l/t", "0")
    assert world.store.read(loop_failing_key("run-1", "l", ())) is None
    assert world.run("l/s", "1").status.value == "done"


def test_failed_items_are_counted_without_reading_all_of_them() -> None:
    reads: list[int] = []

    class Counting(MemoryStore):
        def read_many(self, keys: Any) -> Any:
            reads.append(len(keys))
            return super().read_many(keys)

    store = Counting()
    for index in range(300):
        number = Journal(store, "r").count_failed_item("l", (), index, 400, maybe_counted=False)
        assert number == index + 1
    assert max(reads) <= 9 and len(reads) <= 300 * 9
    journal = Journal(store, "r")
    assert journal.count_failed_item("l", (), 7, 400, maybe_counted=True) == 300
    assert journal.count_failed_item("l", (), 900, 300, maybe_counted=False) == 300


def test_a_failed_loop_may_have_a_default() -> None:
    world = _world(_loop(onError={"action": "useDefault", "defaultValue": []}), s=fails())
    world.run("l:open")
    _items(world, 3)
    assert world.run("l:close").status.value == "done"
    assert (world.outcome("l"), _value(world)) == ("defaulted", [])


def test_items_that_died_are_settled_by_close() -> None:
    """In any order of the body: a reader before what it reads."""
    body = [{"id": "s", "input": {"$step": "first"}}, {"id": "first", "input": {"$item": "$"}}]
    world = _world(_loop(body=body, maxFailures=3))
    world.run("l:open")
    world.run("l:close")
    assert [world.outcome(f"l/{step}", 0) for step in ("first", "s")] == [
        "failed", "upstream_failed",
    ]  # fmt: skip
    assert _value(world) == [None] * 3


def test_a_loop_that_was_never_opened_is_settled_by_close() -> None:
    world = _world(_loop())
    assert world.run("l:close").status.value == "final"
    assert world.outcome("l") == "failed"


@pytest.mark.parametrize(("before", "outcome"), [(fails(), "upstream_failed"), (1, "skipped")])
def test_a_loop_whose_open_was_omitted(before: Any, outcome: str) -> None:
    loop = _loop(needs=["a"], when="steps.a > 1")
    plan = plan_of([{"id": "a"}, loop], output={"$step": "l", "onSkip": None})
    world = World(plan, Components({"a": before})).begin()
    world.run("a")
    world.run("l:close")
    assert world.outcome("l") == outcome


@pytest.mark.parametrize("value", [3, "ab", {"a": 1}, None])
def test_items_have_to_be_a_list(value: Any) -> None:
    world = _world(_loop({"$input": "xs"}), {"xs": value})
    verdict = world.run("l:open")
    assert (verdict.status.value, verdict.go, verdict.count) == ("final", False, 0)


def _nested(**keys: Any) -> World:
    inner = {
        "id": "in",
        "foreach": {"items": {"$item": "$"}, **keys},
        "steps": [{"id": "s", "input": {"$item": "$"}}],
        "output": {"$step": "s"},
    }
    outer = {
        "id": "out",
        "foreach": {"items": [[1, 2], [3]], "maxFailures": 1},
        "steps": [inner],
        "output": {"$step": "in"},
    }
    return World(plan_of([outer], output={"$step": "out"})).begin()


def _run_nested(world: World) -> str:
    world.run("out:open")
    for row, count in enumerate((2, 1)):
        world.run("out/in:open", str(row))
        for cell in range(count):
            world.run("out/in/s", f"{row}/{cell}")
        world.run("out/in:close", str(row))
    world.run("out:close")
    return world.finish()


@pytest.mark.parametrize(
    ("bad", "value"), [((), [[1, 2], [3]]), ((2,), [None, [3]]), ((1, 2), [None, [3]])]
)
def test_nested_loops(bad: tuple[int, ...], value: Any) -> None:
    """A failed inner loop is one failed item of the outer one; rows do not touch each other."""
    world = _nested()
    world.components.does["s"] = _fail_on(*bad)
    assert _run_nested(world) == "succeeded"
    end = world.shim().journal.end()
    assert end is not None and end.output == value


def test_inner_tolerance_is_the_inner_loops() -> None:
    world = _nested(maxFailures=1)
    world.components.does["s"] = _fail_on(2, 3)
    assert _run_nested(world) == "succeeded"
    end = world.shim().journal.end()
    assert end is not None and end.output == [[1, None], [None]]


def test_a_closed_inner_loop_whose_open_died() -> None:
    world = _nested()
    world.run("out:open")
    world.run("out:close")
    assert world.outcome("out/in", 0) == "failed"
    assert (world.outcome("out"), world.finish()) == ("failed", "failed")


def test_items_that_never_ran_because_the_run_fails_do_not_fail_the_loop() -> None:
    """The error of the run is what failed, not the loop that it kept from ending."""
    plan = plan_of([_loop(), {"id": "bad"}])
    world = World(plan, Components({"bad": fails()})).begin()
    world.run("l:open")
    world.run("l/s", "0")
    world.run("bad")
    assert [world.run("l/s", index).status.value for index in "12"] == ["not_started"] * 2
    assert world.run("l:close").status.value == "not_started"
    assert (world.outcome("l"), world.finish()) == ("stopped", "failed")
    end = world.shim().journal.end()
    assert end is not None and end.error is not None and end.error["step"] == "bad"


def test_close_reads_many_records_at_a_time() -> None:
    reads: list[str] = []

    class Counting(MemoryStore):
        def read(self, key: str) -> bytes | None:
            reads.append("one")
            return super().read(key)

        def read_many(self, keys: Any) -> Any:
            reads.append("many")
            found = {key: self._entries[key][0] for key in keys if key in self._entries}
            assert len(keys) <= 512
            return found

    count = 1_200
    world = _world(_loop({"$input": "xs"}), {"xs": list(range(count))})
    world.store = Counting()
    world.begin({"xs": list(range(count))})
    world.run("l:open")
    journal = world.shim().journal
    for index in range(count):
        journal.commit_record((index,), "l/s", StepRecord(Outcome.SUCCEEDED, index))
    reads.clear()
    world.run("l:close")
    assert _value(world) == list(range(count))
    assert len(reads) < 20
