"""What goes wrong on a cluster, on Argo's own controller: each run ends as the language says."""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
from lightkube.resources.core_v1 import Pod
from lightkube.types import PatchType
from tests.conformance.engines import Argo, Started
from tests.conformance.model import Case, Observed, differences
from tests.engines.argo.api import Workflow
from tests.engines.argo.cluster import GIVEN, current
from tests.engines.argo.controller import start_controller
from tests.engines.argo.engine import ENDED
from tests.engines.argo.programs import programs

from flowc_shim.runner.journal import Journal
from flowc_shim.stores.open import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engines.argo.engine import ArgoEngine

pytestmark = pytest.mark.argo

RETRY = {"platform": {"max": 2, "delay": "100ms", "jitter": False}}


@pytest.fixture
def argo(argo_engine: ArgoEngine) -> Argo:
    return Argo(argo_engine)


def case(name: str, *steps: dict[str, Any], expect: dict[str, Any], output: Any = None) -> Case:
    flow = {"schema": "flowc/v1", "name": "case", "steps": list(steps), "output": output}
    return Case(
        name,
        flow,
        None,
        expect.get("outcome", "succeeded"),
        expect.get("result"),
        expect["outcomes"],
        expect.get("error"),
    )


def call(
    id: str, function: str, given: dict[str, Any] | None = None, **keys: Any
) -> dict[str, Any]:
    return {"id": id, "component": f"/t/{function}", "input": given or {}, **keys}


def gated(id: str, **keys: Any) -> dict[str, Any]:
    return call(id, "gate", {"dir": {"$input": "dir"}, "name": id, "value": f"{id} done"}, **keys)


def until(what: str, condition: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"{what}: not within {seconds:g} s"
        time.sleep(0.1)
    return found


def came(started: Started, gate: str) -> None:
    until(f"gate {gate}", (started.folder / f"{gate}.came").exists)


def opened(started: Started, *gates: str) -> None:
    for gate in gates:
        (started.folder / f"{gate}.open").touch()


def ended(argo: Argo, started: Started, expected: Case) -> Observed:
    result = argo.engine.wait(started.workflow)
    observed = argo.observe(started, result)
    assert differences(expected, observed) == [], result.report()
    assert (result.phase == "Succeeded") == (observed.outcome == "succeeded"), result.report()
    return observed


def pod_of(argo: Argo, started: Started, unit: str) -> Any:
    """Return the newest pod of a unit."""
    found = [
        pod
        for pod in argo.engine.pods(started.workflow)
        if (pod.metadata.annotations or {}).get("flowc.dev/unit") == unit
    ]
    return max(found, key=lambda pod: pod.metadata.creationTimestamp) if found else None


def delete(argo: Argo, pod: Any, grace: int = 0) -> None:
    argo.engine.client.delete(
        Pod, pod.metadata.name, namespace=argo.engine.namespace, grace_period=grace
    )


@pytest.mark.parametrize("phase", ["pending", "running", "terminating"])
def test_a_pod_is_deleted(argo: Argo, phase: str) -> None:
    """Argo tries the unit again: a pod that is gone is no answer."""
    expected = case(
        f"pod deleted {phase}",
        gated("a", retry=RETRY),
        expect={"result": "a done", "outcomes": {"a": "succeeded"}},
        output={"$step": "a"},
    )
    started = argo.start(expected)
    pod = until("a pod", lambda: pod_of(argo, started, "a"))
    if phase == "pending":
        delete(argo, pod)
    else:
        came(started, "a")
        (started.folder / "a.came").unlink()
        delete(argo, pod, grace=0 if phase == "running" else 5)
    other = until(
        "another pod",
        lambda: (p := pod_of(argo, started, "a")) and p.metadata.uid != pod.metadata.uid,
        120,
    )
    assert other
    came(started, "a")
    opened(started, "a")
    ended(argo, started, expected)


def test_out_of_memory_leaves_the_default(argo: Argo) -> None:
    """The kernel kills the shim's whole container, every time: its reader settles it."""
    greedy = call(
        "a",
        "hungry",
        {"dir": {"$input": "dir"}, "name": "a", "times": 9},
        resources={"memory": "128Mi"},
        retry={"platform": {"max": 1, "delay": "100ms", "jitter": False}},
        onError={"action": "useDefault", "defaultValue": "starved"},
    )
    expected = case(
        "out of memory",
        greedy,
        call("b", "echo", {"a": {"$step": "a"}}),
        expect={
            "result": {"a": "starved"},
            "outcomes": {"a": "defaulted", "b": "succeeded"},
        },
        output={"$step": "b"},
    )
    started = argo.start(expected)
    ended(argo, started, expected)
    states = [pod.status.containerStatuses for pod in argo.engine.pods(started.workflow)]
    reasons = {
        status.state.terminated.reason
        for statuses in states
        for status in statuses
        if status.name == "main" and status.state.terminated
    }
    assert "OOMKilled" in reasons
    assert {path.name for path in started.folder.glob("a-*")} == {"a-1", "a-2"}


def test_out_of_memory_once_is_tried_again(argo: Argo) -> None:
    expected = case(
        "out of memory once",
        call(
            "a",
            "hungry",
            {"dir": {"$input": "dir"}, "name": "a", "times": 1},
            resources={"memory": "128Mi"},
            retry=RETRY,
        ),
        expect={"result": "fed", "outcomes": {"a": "succeeded"}},
        output={"$step": "a"},
    )
    ended(argo, argo.start(expected), expected)


@pytest.mark.skipif(GIVEN in os.environ, reason="the controller of a given cluster is left alone")
def test_the_controller_dies_in_mid_run(argo: Argo) -> None:
    expected = case(
        "controller restarted",
        gated("a"),
        gated("b", needs=["a"]),
        expect={"result": ["a done", "b done"], "outcomes": {"a": "succeeded", "b": "succeeded"}},
        output=[{"$step": "a"}, {"$step": "b"}],
    )
    started = argo.start(expected)
    came(started, "a")
    cluster = current()
    assert cluster is not None
    cluster.process("workflow-controller").kill()
    opened(started, "a")
    until("the pod's end", lambda: pod_of(argo, started, "a").status.phase == "Succeeded")
    cluster.with_process(start_controller(cluster.folder, programs()))
    came(started, "b")
    opened(started, "b")
    ended(argo, started, expected)


def shut_down(argo: Argo, started: Started, how: str) -> None:
    argo.engine.client.patch(
        Workflow,
        started.workflow,
        {"spec": {"shutdown": how}},
        namespace=argo.engine.namespace,
        patch_type=PatchType.MERGE,
    )


def test_a_stopped_workflow_is_recorded_by_its_exit_handler(argo: Argo) -> None:
    expected = case(
        "stopped",
        gated("a"),
        call("b", "echo", {"a": {"$step": "a"}}),
        expect={"outcome": "stopped", "outcomes": {"a": "stopped", "b": "not_started"}},
        output={"$step": "b"},
    )
    started = argo.start(expected)
    came(started, "a")
    shut_down(argo, started, "Stop")
    ended(argo, started, expected)


def test_a_terminated_workflow_runs_no_exit_handler(argo: Argo) -> None:
    """So its end is not recorded by it; `docs/engines.md` says whose work that is."""
    expected = case("terminated", gated("a"), expect={"outcomes": {}}, output={"$step": "a"})
    started = argo.start(expected)
    came(started, "a")
    shut_down(argo, started, "Terminate")
    result = argo.engine.wait(started.workflow)
    assert result.phase == "Failed"
    assert not any(node["displayName"].endswith(".onExit") for node in result.nodes)
    store = open_store(started.store)
    try:
        assert Journal(store, result.uid).end() is None
    finally:
        store.close()


def test_argo_retry_is_answered_and_starts_nothing(argo: Argo) -> None:
    expected = case(
        "argo retry",
        call("a", "flaky", {"dir": {"$input": "dir"}, "name": "a", "times": 1}),
        call("b", "echo", {"a": {"$step": "a"}}),
        expect={
            "outcome": "failed",
            "outcomes": {"a": "failed", "b": "upstream_failed"},
            "error": {"code": "FLAKY"},
        },
        output={"$step": "b"},
    )
    started = argo.start(expected)
    ended(argo, started, expected)
    argv = [
        str(programs().argo / "argo"),
        "retry",
        started.workflow,
        f"--namespace={argo.engine.namespace}",
        f"--kubeconfig={argo.engine.cluster.kubeconfig}",
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    until("the retry", lambda: argo.engine.phase(started.workflow) not in ENDED)
    ended(argo, started, expected)
    assert {path.name for path in started.folder.glob("a-*")} == {"a-1"}
    log = argo.engine.logs(started.workflow)
    assert "has ended (failed)" in log
    assert "flowc trigger" in log


def test_a_template_deployed_during_a_run_changes_the_next_one_only(argo: Argo) -> None:
    def version(word: str) -> Case:
        return case(
            "redeployed",
            gated("a"),
            call("b", "echo", {"word": word, "a": {"$step": "a"}}),
            expect={
                "result": {"word": word, "a": "a done"},
                "outcomes": {"a": "succeeded", "b": "succeeded"},
            },
            output={"$step": "b"},
        )

    first = argo.start(version("old"))
    came(first, "a")
    second = argo.start(version("new"))
    assert first.template == second.template
    opened(first, "a")
    ended(argo, first, version("old"))
    opened(second, "a")
    ended(argo, second, version("new"))


def test_a_workflow_name_used_again_is_another_run(argo: Argo) -> None:
    expected = case(
        "name again",
        call("a", "flaky", {"dir": {"$input": "dir"}, "name": "a", "times": 0}),
        expect={"result": {"calls": 1}, "outcomes": {"a": "succeeded"}},
        output={"$step": "a"},
    )
    started = argo.start(expected)
    ended(argo, started, expected)
    argo.engine.delete(started.workflow)
    until("the deletion", lambda: not argo.engine.exists(started.workflow))
    argo.submit(started, {"dir": str(started.folder)}, name=started.workflow)
    result = argo.engine.wait(started.workflow)
    assert argo.observe(started, result).result == {"calls": 2}


def test_an_input_with_what_argo_would_expand_arrives_as_it_is(argo: Argo) -> None:
    expected = case(
        "braces",
        call("a", "echo", {"v": {"$input": "v"}}),
        expect={
            "result": {"v": "{{workflow.name}} {{=1+1}} {{"},
            "outcomes": {"a": "succeeded"},
        },
        output={"$step": "a"},
    )
    started = argo.start(expected, value={"v": "{{workflow.name}} {{=1+1}} {{"})
    ended(argo, started, expected)


def test_the_node_status_of_a_wide_loop_stays_within_its_bound(argo: Argo) -> None:
    """500 items, the most that fan out directly: what Argo stores of it against the estimate."""
    from flowc_targets.argo.limits import MAX_ITEMS, NODE_STATUS_BYTES
    from flowc_targets.argo.sizes import least_status_bytes

    items = {"id": "each", "component": "/builtin/noop", "input": {"$item": "$"}}
    loop = {**items, "foreach": {"items": list(range(MAX_ITEMS)), "concurrency": 40}}
    expected = case(
        "wide",
        loop,
        expect={"result": list(range(MAX_ITEMS)), "outcomes": {"each": "succeeded"}},
        output={"$step": "each"},
    )
    started = argo.start(expected)
    result = argo.engine.wait(started.workflow, 1800)
    assert differences(expected, argo.observe(started, result)) == []
    nodes = json.dumps({node["id"]: node for node in result.nodes}, separators=(",", ":"))
    packed = len(base64.b64encode(gzip.compress(nodes.encode())))
    estimate = least_status_bytes(started.compilation.layout)
    print(f"{len(result.nodes)} nodes: {len(nodes):,} bytes, packed {packed:,}; {estimate:,} said")
    assert packed < NODE_STATUS_BYTES
    assert packed == pytest.approx(estimate, rel=0.5)
