"""`failure: failFast`: what runs is stopped within five seconds, and nothing else is."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.engines import compile_case, components_on_path, observe
from tests.conformance.model import Case
from tests.runtime_shim.runner.world import Components, World, fails, plan_of

from flowc_shim.components.limits import Limits
from flowc_shim.contract.plan import Plan
from flowc_shim.runner.entry import failing_keys, stopping_keys
from flowc_shim.runner.keys import failing_key
from flowc_shim.stores.api import StoreUnavailable
from flowc_shim.stores.memory import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_shim.stores.api import StateStore

BOUND = 5.0


def _sleeps(seconds: float) -> Any:
    def sleep(call: Any, _host: Any) -> str:
        Limits(call).pause(seconds)
        return "slept"

    return sleep


def _open_gate(store: StateStore, folder: Path) -> None:
    """Let the call behind gate `slow` end as soon as the run is failing."""
    while not any("/failing/" in key for key in store.list("runs")):
        time.sleep(0.05)
    (folder / "slow.open").touch()


@pytest.mark.parametrize("isolate", [False, True], ids=["in-process", "isolated"])
@pytest.mark.parametrize("mode", ["failFast", "failAfterRunning"])
def test_what_runs(isolate: bool, mode: str, tmp_path: Path) -> None:
    from flowc_targets.local.run import open_session

    shared = {"dir": str(tmp_path)}
    steps: list[dict[str, Any]] = [
        {"id": "slow", "component": "/t/gate", "input": {**shared, "name": "slow"}},
        {"id": "pause", "component": "/builtin/noop"},
        {
            "id": "bad",
            "component": "/t/fail",
            "needs": ["pause"],
            "input": {**shared, "after": "slow.came"},
        },
        {"id": "after", "component": "/builtin/noop", "input": {"$step": "slow"}},
    ]
    flow = {"schema": "flowc/v1", "name": "case", "failure": mode, "steps": steps}
    case = Case("case", flow, None, "failed", None, {}, None)
    compilation = compile_case(case, "local", "step", store=f"sqlite:///{tmp_path / 's.db'}")
    with components_on_path(), open_session(compilation) as session:
        if mode == "failAfterRunning":  # what runs may end, once the run is failing
            opener = threading.Thread(
                target=_open_gate, args=(session.store, tmp_path), daemon=True
            )
            opener.start()
        start = time.monotonic()
        result = session.run(None, isolate=isolate)
        took = time.monotonic() - start
        found = observe(compilation.plan, session.store, result.run)
    stopped = mode == "failFast"
    assert found.outcomes == {
        "slow": "stopped" if stopped else "succeeded",
        "pause": "succeeded",
        "bad": "failed",
        "after": "not_started",
    }
    assert (found.outcome, (found.error or {})["step"]) == ("failed", "bad")
    if stopped:
        assert took < BOUND + (10 if isolate else 2), "starting processes takes what it takes"


def test_a_tolerated_failure_stops_its_item_and_no_other() -> None:
    """One process runs several items: the signal of one is not the others'."""
    loop = {
        "id": "l",
        "foreach": {"items": [0, 1], "maxFailures": 1},
        "steps": [{"id": "slow", "input": {"$item": "$"}}, {"id": "bad"}],
        "output": {"$step": "slow"},
    }
    plan = plan_of([loop], failure="failFast")
    world = World(plan, Components({"slow": _sleeps(4.5), "bad": fails()})).begin()
    world.run("l:open")
    shim = world.shim()
    start = time.monotonic()
    others = [
        threading.Thread(target=world.run, args=("l/slow", str(index)), kwargs={"shim": shim})
        for index in (0, 1)
    ]
    for other in others:
        other.start()
    while world.components.called().count("slow") < 2:
        assert all(other.is_alive() for other in others)
        time.sleep(0.01)
    world.run("l/bad", "0", shim=shim)
    for other in others:
        other.join(timeout=30)
    assert world.outcome("l/slow", 0) == "stopped"
    assert world.outcome("l/slow", 1) == "succeeded"
    assert time.monotonic() - start < BOUND + 2
    assert not shim.cancelled.is_set()


def test_a_store_that_is_away_does_not_end_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowc_shim.runner.units.POLL_SECONDS", 0.05)
    asked = []

    class Flaky(MemoryStore):
        def read(self, key: str) -> bytes | None:
            if key == failing_key("run-1", "", ()) and threading.current_thread().name == "watcher":
                asked.append(key)
                if len(asked) == 1:
                    raise StoreUnavailable("away")
            return super().read(key)

    plan = plan_of([{"id": "slow"}, {"id": "bad"}], failure="failFast")
    world = World(plan, Components({"slow": _sleeps(20), "bad": fails()}), Flaky()).begin()
    thread = threading.Thread(target=world.run, args=("slow",))
    thread.start()
    while not asked:
        assert thread.is_alive(), "nobody looked"
        time.sleep(0.01)
    world.run("bad")
    thread.join(timeout=10)
    assert world.outcome("slow") == "stopped"


def test_cancelling_a_process_stops_all_its_units() -> None:
    runtime = World(plan_of([{"id": "a"}])).shim()
    with runtime.part() as one, runtime.part() as other:
        one.cancel()
        assert not other.cancelled.is_set() and not runtime.cancelled.is_set()
        runtime.cancel()
        assert other.cancelled.is_set()
    with runtime.part() as late:
        assert late.cancelled.is_set()


def test_a_wait_for_a_retry_is_cut_short() -> None:
    budget = {"max": 3, "delay": "20s", "jitter": False}
    plan = plan_of([{"id": "a", "retry": {"user": budget}}, {"id": "bad"}], failure="failFast")
    world = World(plan, Components({"a": fails(), "bad": fails()})).begin()
    thread = threading.Thread(target=world.run, args=("a",))
    start = time.monotonic()
    thread.start()
    while not world.components.calls:
        time.sleep(0.01)
    world.run("bad")
    thread.join(timeout=15)
    assert world.outcome("a") == "stopped"
    assert time.monotonic() - start < BOUND


NESTED: dict[str, Any] = {
    "steps": [
        {
            "id": "l",
            "foreach": {"items": [1]},
            "steps": [{"id": "quick", "flow": "quick.yaml"}, {"id": "calm", "flow": "calm.yaml"}],
        }
    ]
}
EACH = {"id": "each", "foreach": {"items": [1, 2]}, "component": "/builtin/noop"}
FLOWS: dict[str, Any] = {
    "quick.yaml": {"failure": "failFast", "steps": [{"id": "calm", "flow": "calm.yaml"}]},
    "calm.yaml": {"steps": [EACH]},
}


@pytest.mark.parametrize("mode", ["failFast", "failAfterRunning"])
def test_a_flow_that_says_so_means_what_is_in_it(mode: str) -> None:
    """Which flags are looked at: those up to the outermost flow that says `failFast`."""
    flow = {"schema": "flowc/v1", "name": "case", "failure": mode, **NESTED}
    case = Case("case", flow, None, "failed", None, {}, None, flows=FLOWS)
    plan = Plan.from_json(compile_case(case, "local", "step", store="memory:").plan.to_json())
    shim = World(plan).shim()
    inside = stopping_keys(shim, "l/quick/calm/each", (0, 0, 0, 1))
    beside = stopping_keys(shim, "l/calm/each", (0, 0, 1))
    if mode == "failFast":
        assert inside == failing_keys(shim, "l/quick/calm/each", (0, 0, 0, 1))
        assert beside == failing_keys(shim, "l/calm/each", (0, 0, 1))
        return
    assert beside == []
    assert inside[0] == failing_key("run-1", "l/quick/calm/each", (0, 0, 0, 1))
    assert inside[-1] == failing_key("run-1", "l/quick", (0, 0))
    assert len(inside) == 5, "of three scopes, and of the two loops in the outermost"
