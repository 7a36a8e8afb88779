"""The protocol client against component servers of the published SDKs 0.9.2 and 0.11.2."""

from __future__ import annotations

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from flowc_shim.components.stepflow_http import StepflowHttpClient
from flowc_shim.contract.errors import ErrorClass, platform_error

FLOW = {"name": "doubling", "steps": [], "output": {"$input": "$"}}


@pytest.fixture
def components(sdk_server, blob_service, caller, host):
    """Call the server's components; blobs over the stream and over HTTP end in the same place."""
    service, blobs = blob_service
    host.blobs = blobs
    client = StepflowHttpClient("sdk", url=sdk_server.url, blob_api_url=service.component_url)
    return caller(client, host)


def test_a_call_gives_the_output(components):
    assert components("/add", {"a": 2, "b": 3}) == {"result": 5}


def test_integers_stay_integers(components):
    value = {"int": 5, "big": 2**53 + 1, "float": 5.0, "text": "ü\u2028\U0001f600", "null": None}
    echoed = components("/echo", value)
    assert echoed == value
    assert [type(echoed[name]) for name in ("int", "big", "float")] == [int, int, float]


def test_a_component_knows_who_calls(components):
    run_id = str(uuid.uuid4())
    assert components("/attempt", {}, attempt=3, run_id=run_id) == {
        "attempt": 3,
        "run_id": run_id,
        "flow_id": "a" * 64,
        "step_id": "train",
    }


def test_an_exception_is_the_users(components, sdk_server):
    error = components.error("/boom", {"message": "kaput"})
    assert (error.error_class, error.code) == (ErrorClass.USER, sdk_server.component_failed)
    assert not error.final
    assert "kaput" in error.message


def test_an_input_that_does_not_decode_is_the_users(components, sdk_server):
    error = components.error("/add", ["not", "an", "object"])
    assert (error.error_class, error.code) == (ErrorClass.USER, sdk_server.component_failed)


def test_a_component_that_is_not_there_is_final(components):
    error = components.error("/nope")
    assert (error.error_class, error.code, error.final) == (ErrorClass.USER, "-32001", True)


def test_an_output_that_is_not_json_is_the_users(components):
    error = components.error("/unserialisable")
    assert (error.error_class, error.code) == (ErrorClass.USER, "-32603")


def test_an_input_that_is_not_json_is_final(components):
    error = components.error("/echo", {"nan": float("nan")})
    assert (error.code, error.final) == ("INVALID_INPUT", True)


def test_blobs_go_back_and_forth(components):
    output = components("/blobby", {"payload": {"k": [1, 2]}})
    assert output["echoed"] == {"k": [1, 2]}
    assert components.host.get_blob(output["blob_id"]) == ({"k": [1, 2]}, "data")


def test_many_blobs_of_one_call(components):
    assert components("/many_blobs", {"count": 40}) == {"distinct": 40}


def test_an_error_after_a_blob_is_the_users(components, sdk_server):
    error = components.error("/boom_later", {"x": 1})
    assert error.code == sdk_server.component_failed
    assert "kaput after a blob" in error.message


def test_a_sub_run(components):
    flow_id = components.host.put_blob(FLOW, "flow")
    components.host.run = lambda flow, item: {"outcome": "success", "result": 2 * item}
    output = components("/subflow", {"flow_id": flow_id, "inputs": [1, 2], "max_concurrency": 2})
    assert output == {"results": [2, 4]}
    assert components.host.runs == [(FLOW, [1, 2], 2, None)]


def test_two_sub_runs_at_the_same_time(components):
    flow_id = components.host.put_blob(FLOW, "flow")
    together = threading.Barrier(2, timeout=5)

    def run(flow, item):
        together.wait()  # each waits for the other: one after the other would never end
        return {"outcome": "success", "result": item}

    components.host.run = run
    assert components("/two_subflows", {"flow_id": flow_id}) == {"results": [["left"], ["right"]]}


def test_the_status_of_a_sub_run(components):
    flow_id = components.host.put_blob(FLOW, "flow")

    def run(flow, item):
        time.sleep(0.1)
        if item == "bad":
            return {"outcome": "failed", "error": {"code": "EXIT_3", "message": "no"}}
        return {"outcome": "success", "result": item}

    components.host.run = run
    assert components("/subflow_status", {"flow_id": flow_id, "inputs": ["good", "bad"]}) == {
        "first": "running",
        "last": "failed",
        "same": True,
        "name": "doubling",
        "results": ["completed", "failed"],
        "completed": 1,
        "failed": 1,
    }


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"outcome": "failed", "error": {"code": "EXIT_3", "message": "no disk"}}, "no disk"),
        ({"outcome": "failed", "error": {"code": 500, "message": "no disk"}}, "no disk"),
        ({"outcome": "skipped"}, "skipped"),
    ],
)
def test_a_sub_run_that_fails_fails_the_component(components, sdk_server, result, said):
    flow_id = components.host.put_blob(FLOW, "flow")
    components.host.run = lambda flow, item: result
    error = components.error("/subflow", {"flow_id": flow_id, "inputs": [1]}, timeout=5)
    assert (error.error_class, error.code) == (ErrorClass.USER, sdk_server.component_failed)
    assert said in error.message


def test_a_flow_that_is_not_there_fails_the_component(components, sdk_server):
    error = components.error("/subflow", {"flow_id": "f" * 64, "inputs": [1]}, timeout=5)
    assert (error.error_class, error.code) == (ErrorClass.USER, sdk_server.component_failed)


def test_a_store_that_fails_under_a_sub_run_is_not_the_components_fault(components):
    flow_id = components.host.put_blob(FLOW, "flow")

    def run(flow, item):
        raise platform_error("STORE_UNAVAILABLE", "the store is gone")

    components.host.run = run
    error = components.error("/subflow", {"flow_id": flow_id, "inputs": [1]})
    assert (error.error_class, error.code) == (ErrorClass.PLATFORM, "STORE_UNAVAILABLE")


def test_a_sub_run_that_nobody_waits_for_still_ends_before_the_step(components):
    flow_id = components.host.put_blob(FLOW, "flow")
    done = []

    def run(flow, item):
        time.sleep(0.2)
        done.append(item)
        return {"outcome": "success", "result": item}

    components.host.run = run
    output = components("/fire_and_forget", {"flow_id": flow_id, "inputs": [1, 2]})
    assert output == {"status": "running"}
    assert done == [1, 2]


@pytest.mark.parametrize("component", ["/slow", "/slow_stream"])
def test_a_timeout_ends_the_call(components, component):
    began = time.monotonic()
    error = components.error(component, {"seconds": 2}, timeout=0.3)
    assert (error.error_class, error.code) == (ErrorClass.TIMEOUT, "TIMEOUT")
    assert time.monotonic() - began < 1.0
    assert components("/add", {"a": 1, "b": 1}) == {"result": 2}


def test_a_timeout_ends_the_call_while_a_sub_run_runs(components):
    flow_id = components.host.put_blob(FLOW, "flow")
    release = threading.Event()
    components.host.run = lambda flow, item: (release.wait(5), {"outcome": "skipped"})[1]
    error = components.error("/subflow", {"flow_id": flow_id, "inputs": [1]}, timeout=0.3)
    release.set()
    assert error.error_class is ErrorClass.TIMEOUT


def test_a_stopped_run_ends_the_call(components):
    cancelled = threading.Event()
    threading.Timer(0.2, cancelled.set).start()
    began = time.monotonic()
    error = components.error("/slow", {"seconds": 3}, cancelled=cancelled)
    assert (error.code, error.final) == ("STOPPED", True)
    assert time.monotonic() - began < 1.5


def test_threads_share_a_client(components):
    def work(n):
        if n % 2:
            return components("/add", {"a": n, "b": 1})["result"]
        return components("/blobby", {"payload": {"n": n}})["echoed"]["n"] + 1

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(work, range(60))) == [n + 1 for n in range(60)]
