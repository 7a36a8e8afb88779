"""Two shims on one unit, and stores that lie: a step is decided once, and both report the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from tests.runtime_shim.runner.world import World, compile_flow, fails, plan_of, retry
from tests.runtime_shim.stores.faults import (
    BlindReads,
    LostRequest,
    LostResponse,
    Passing,
    SpuriousConflict,
)

from flowc_shim.runner.finish import begin_run
from flowc_shim.runner.journal import Journal
from flowc_shim.runner.runtime import Runtime
from flowc_shim.runner.variables import Variables
from flowc_shim.stores.api import StoreUnavailable
from flowc_shim.stores.memory import MemoryStore
from flowc_shim.stores.open import open_store

if TYPE_CHECKING:
    from pathlib import Path

SHIM = [sys.executable, "-m", "flowc_shim", "run-unit"]
FLOW: list[dict[str, Any]] = [
    {"id": "a", "component": "/builtin/create_messages", "input": {"user_prompt": "x"}},
    {"id": "b", "component": "/mock/greet", "input": {"name": "bob"}},
]


@pytest.mark.parametrize("scheme", ["sqlite", "file"])
def test_two_processes_race_on_every_unit(scheme: str, tmp_path: Path) -> None:
    """Each calls its component; what the second decides is thrown away, and it says so."""
    url = {"sqlite": f"sqlite:///{tmp_path / 's.db'}", "file": f"file://{tmp_path / 'st'}"}[scheme]
    plan = compile_flow(FLOW).plan
    (tmp_path / "plan.json").write_text(json.dumps(plan.to_json()), encoding="utf-8")
    store = open_store(url)
    runtime = Runtime(plan, Journal(store, "r"), None, Variables(()))
    begin_run(runtime, {})
    environ = {**os.environ, "FLOWC_STORE": url, "FLOWC_PLAN": str(tmp_path / "plan.json")}
    for unit, code in (("a", 0), ("b", 111)):
        shims = [
            subprocess.Popen(
                [*SHIM, "--unit", unit, "--plan", plan.digest, "--run", "r"],
                env=environ,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        answers = [shim.communicate(timeout=60)[0] for shim in shims]
        assert {shim.returncode for shim in shims} == {code}
        assert answers[0] == answers[1]
    record = Journal(store, "r").record((), "a")
    assert record is not None and record.outcome.value == "succeeded"
    store.close()


def test_many_threads_race_on_one_step() -> None:
    """Every shim that calls has an attempt of its own, all adopt one result."""
    world = World(plan_of([{"id": "a", "retry": retry(platform=20)}])).begin()
    barrier = threading.Barrier(6)
    made = iter(range(100))

    def slow(*_: object) -> int:
        barrier.wait(timeout=10)
        return next(made)

    world.components.does["a"] = slow
    values = []

    def shim() -> None:
        own = world.shim()
        world.run("a", shim=own)
        record = own.journal.record((), "a")
        assert record is not None
        values.append((record.value, record.writer))

    threads = [threading.Thread(target=shim) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(values) == 6 and len(set(values)) == 1
    attempts = Counter(call.attempt for call in world.components.calls)
    assert attempts == dict.fromkeys(range(1, 7), 1)


@pytest.mark.parametrize("fault", [SpuriousConflict, LostResponse, LostRequest])
@pytest.mark.parametrize("times", [1, 3])
def test_a_store_that_lies_changes_nothing(fault: type[Any], times: int) -> None:
    """At every write of a run in turn: begin, attempt, record, flags, end."""
    steps: list[dict[str, Any]] = [
        {"id": "a"},
        {"id": "l", "foreach": {"items": [1, 2], "maxFailures": 1}, "steps": [{"id": "s"}],
         "output": {"$step": "s"}},
        {"id": "b", "onError": {"action": "useDefault", "defaultValue": 7}},
    ]  # fmt: skip
    plan = plan_of(steps, output={"$step": "b"})
    units = [("a", ""), ("b", ""), ("l:open", ""), ("l/s", "0"), ("l/s", "1"), ("l:close", "")]
    for broken in [None, *range(len(units))]:
        world = World(plan, store=MemoryStore())
        bad = world.store if broken is not None else fault(world.store, times)
        begin_run(world.shim(store=bad), 1)
        world.components.does = {"b": fails(), "s": [fails(), 5]}
        for number, (unit, scope) in enumerate(units):
            store = fault(world.store, times) if number == broken else world.store
            assert world.run(unit, scope, shim=world.shim(store=store)).status.value in (
                "done", "final",
            )  # fmt: skip
        calls = Counter(world.components.called())
        assert calls == {"a": 1, "b": 1, "s": 2}, "no answer was lost, no attempt repeated"
        assert world.finish() == "succeeded"
        end = world.shim().journal.end()
        assert end is not None and end.output == 7
        record = world.shim().journal.record((), "l")
        assert record is not None and record.value == [None, 5]


def test_every_answer_is_lost() -> None:
    world = World(plan_of([{"id": "a"}])).begin()
    world.run("a", shim=world.shim(store=BlindReads(world.store, 0)))
    assert (world.outcome("a"), len(world.components.calls)) == ("succeeded", 1)


class Away(Passing):
    """A store that is gone from its ``after``-th write on."""

    def __init__(self, inner: Any, after: int) -> None:
        super().__init__(inner)
        self.after = after

    def create(self, key: str, body: bytes) -> bool:
        if self.creates >= self.after:
            raise StoreUnavailable("gone")
        return super().create(key, body)


@pytest.mark.parametrize(
    ("after", "calls", "attempt"), [(0, 1, 1), (1, 2, 2)], ids=["before the row", "behind it"]
)
def test_a_restart_after_an_outage_counts_the_attempt_if_it_had_begun(
    after: int, calls: int, attempt: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowc_shim.stores.commit._pause", lambda _: 0.0)
    world = World(plan_of([{"id": "a", "retry": retry(platform=1)}])).begin()
    with pytest.raises(StoreUnavailable):
        world.run("a", shim=world.shim(store=Away(world.store, after)))
    assert world.run("a").status.value == "done"
    record = world.shim().journal.record((), "a")
    assert record is not None and record.attempt == attempt
    assert len(world.components.calls) == calls


def test_an_outage_is_a_retry_for_the_engine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from flowc_shim.__main__ import main

    monkeypatch.setenv("FLOWC_STORE", f"sqlite:///{tmp_path}")  # a folder is no database
    code = main(["run-unit", "--plan", "d", "--run", "r", "--unit", "a"])
    assert code == 102
    assert json.loads(capsys.readouterr().out)["status"] == "retry"


def test_another_plan_than_the_named_one_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deployment during the run replaced the file: the run's shims must not read the new one."""
    from flowc_shim.__main__ import main

    mine, other = plan_of([{"id": "a"}]), plan_of([{"id": "a"}, {"id": "b"}])
    (tmp_path / "plan.json").write_text(json.dumps(other.to_json()), encoding="utf-8")
    monkeypatch.setenv("FLOWC_STORE", f"sqlite:///{tmp_path / 's.db'}")
    monkeypatch.setenv("FLOWC_PLAN", str(tmp_path / "plan.json"))
    arguments = ["run-unit", "--run", "r", "--unit", "a", "--plan"]
    assert main([*arguments, mine.digest]) == 115
    assert "not " + mine.digest in capsys.readouterr().err
    monkeypatch.delenv("FLOWC_PLAN")
    assert main([*arguments, mine.digest]) == 115
    assert "has no plan" in capsys.readouterr().err
