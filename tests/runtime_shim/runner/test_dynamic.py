"""Flows that arrive as data: malformed ones are the component's error, keys stay the same."""

from __future__ import annotations

from typing import Any

import pytest
from tests.runtime_shim.runner.world import Components, World, fails, plan_of

from flowc_shim.contract.errors import FlowError
from flowc_shim.runner.host import Host

FLOW: dict[str, Any] = {
    "steps": [
        {"id": "one", "component": "/builtin/x", "input": {"$input": "$"}},
        {"id": "two", "component": "/builtin/x", "input": {"$step": "one"}},
    ],
    "output": {"$step": "two"},
}


def _world(**does: Any) -> World:
    # a flow with a built-in that submits flows has its routes in the plan
    eval_step = {"id": "e", "component": "/builtin/eval", "input": {"flow_id": "x", "input": 1}}
    return World(plan_of([eval_step]), Components(does)).begin()


def _run(world: World, flow: Any, inputs: Any = (1,), **more: Any) -> Any:
    return Host(world.shim(), "key").run_flow(flow, list(inputs), None, **more)


def test_results_are_in_order_and_failures_are_results() -> None:
    def first(call: Any, _host: Any) -> Any:
        if call.input == 2:
            raise fails("user", "TWO")
        return call.input * 10

    found = _run(_world(one=first), FLOW, [1, 2, 3])
    assert [result["outcome"] for result in found] == ["success", "failed", "success"]
    assert (found[0]["result"], found[1]["error"]["code"], found[2]["result"]) == (10, "TWO", 30)


def test_keys_are_the_same_over_attempts_and_differ_everywhere_else() -> None:
    world = _world()
    for _ in range(2):
        host = Host(world.shim(), "key")
        host.run_flow(FLOW, [1, 1], 1)
        host.run_flow(FLOW, [1], 1)
    keys = [call.idempotency_key for call in world.components.calls]
    assert keys[:6] == keys[6:]
    assert keys[:6] == [f"key/{place}/{step}" for place in ("0/0", "0/1", "1/0")
                        for step in ("one", "two")]  # fmt: skip


@pytest.mark.parametrize(
    "flow",
    [
        None, 3, [], "flow", {"steps": 3}, {"steps": [3]}, {"steps": [{"id": "a"}]},
        {"steps": [{"id": 3, "component": "/x"}]},
        {"steps": [{"id": "a", "component": "/x"}] * 2},
        {"steps": [{"id": "a", "component": "/x", "onError": "retry"}]},
        {"steps": [{"id": "a", "component": "/x", "onError": {"action": "pray"}}]},
        {"steps": [{"id": "a", "component": "/x",
                    "onError": {"action": "retry", "maxRetries": "many"}}]},
        {"steps": [], "schemas": 3}, {"steps": [], "output": {"$nothing": 1}},
        {"steps": [], "schemas": {"properties": {"variables": {"properties": {"a": 1}}}}},
    ],
    ids=str,
)  # fmt: skip
def test_a_malformed_flow_is_a_final_error(flow: Any) -> None:
    with pytest.raises(FlowError) as caught:
        _run(_world(), flow)
    assert (caught.value.info.code, caught.value.info.final) == ("INVALID_INPUT", True)


@pytest.mark.parametrize("overrides", [{"steps": {"none": {}}}, {"one": 3}, [1], {"steps": 3}])
def test_malformed_overrides_are_a_final_error(overrides: Any) -> None:
    with pytest.raises(FlowError) as caught:
        _run(_world(), FLOW, overrides=overrides)
    assert caught.value.info.final


def test_a_flow_that_submits_itself_ends() -> None:
    def again(_call: Any, host: Any) -> Any:
        (result,) = host.run_flow(FLOW, [1], 1)
        if result["outcome"] == "failed":
            raise fails("final", result["error"]["code"])
        return result["result"]

    (found,) = _run(_world(one=again), FLOW)
    assert found["error"]["code"] == "TOO_DEEP"


def test_a_long_chain_does_not_recurse() -> None:
    steps: list[dict[str, Any]] = [{"id": "s0", "component": "/builtin/x", "input": 7}]
    steps += [
        {"id": f"s{n}", "component": "/builtin/x", "input": {"$step": f"s{n - 1}"}}
        for n in range(1, 2_000)
    ]
    (found,) = _run(_world(), {"steps": steps, "output": {"$step": "s1999"}})
    assert found == {"outcome": "success", "result": 7}


def test_a_stop_ends_the_waits_between_attempts() -> None:
    flow = {"steps": [{"id": "one", "component": "/builtin/x",
                       "onError": {"action": "retry", "maxRetries": 99}}],
            "output": {"$step": "one"}}  # fmt: skip
    world = _world(one=fails())
    shim = world.shim()
    shim.cancel()
    (found,) = Host(shim, "key").run_flow(flow, [1], 1)
    assert (found["error"]["code"], len(world.components.calls)) == ("STOPPED", 1)
