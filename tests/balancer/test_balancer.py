"""Two real HAProxy processes before several real component servers of published SDKs."""

from __future__ import annotations

import http.client
import json
import signal
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from tests.balancer.cluster import BALANCERS, CALLS_PORT, Cluster, Service, post, send, wait_until

from flowc_shim.blob_api.backend import MemoryBlobs
from flowc_shim.blob_api.server import serve
from flowc_shim.components.api import Call
from flowc_shim.components.stepflow_http import StepflowHttpClient
from flowc_shim.contract.errors import ErrorClass, FlowError

if TYPE_CHECKING:
    from collections.abc import Callable

INSTANCE = "Stepflow-Instance-Id"
LEFT, RIGHT = BALANCERS


class Host:
    """A run that keeps blobs in memory and "runs" a flow by doubling."""

    def __init__(self, blobs: MemoryBlobs | None = None) -> None:
        self.blobs = blobs or MemoryBlobs()

    def put_blob(self, data: Any, blob_type: str) -> str:
        return self.blobs.put(data, blob_type)

    def get_blob(self, blob_id: str) -> tuple[Any, str]:
        return self.blobs.get(blob_id)

    def run_flow(
        self, flow: Any, inputs: list[Any], max_concurrency: int | None, overrides: Any = None
    ) -> list[Any]:
        return [{"outcome": "success", "result": 2 * item} for item in inputs]


def call_of(component: str, value: Any, **changes: Any) -> Call:
    settings: dict[str, Any] = {
        "component": component,
        "input": value,
        "attempt": 1,
        "run_id": str(uuid.uuid4()),
        "flow_id": "a" * 64,
        "step_id": "s",
        "idempotency_key": "origin/s",
    }
    return Call(**{**settings, **changes})


class Stream:
    """A call by hand, through one balancer: the server asks for a blob and waits for the answer."""

    def __init__(self, cluster: Cluster, through: str) -> None:
        self.cluster = cluster
        self.connection = http.client.HTTPConnection(cluster.addresses[through], CALLS_PORT, 30)
        hello = {"runtime_protocol_version": 1, "runtimeProtocolVersion": 1}
        self._send("initialize", hello, "hello")
        self.connection.getresponse().read()
        send(self.connection, {"jsonrpc": "2.0", "method": "initialized", "params": {}}, {})
        self.connection.getresponse().read()
        watched = {"run_id": str(uuid.uuid4()), "flow_id": "f", "step_id": "s"}
        observed = {"trace_id": None, "span_id": None, **watched}
        call = {"component": "/blobby", "input": {"payload": {"k": 1}}, "attempt": 1}
        self._send("components/execute", {**call, "observability": observed}, "call")
        self.response = self.connection.getresponse()
        self.instance = self.response.getheader(INSTANCE) or ""

    def _send(self, method: str, params: Any, id: str) -> None:
        send(self.connection, {"jsonrpc": "2.0", "method": method, "params": params, "id": id}, {})

    def next(self) -> dict[str, Any]:
        """Return the next message of the server."""
        while line := self.response.readline():
            if line.startswith(b"data:"):
                found: dict[str, Any] = json.loads(line[5:])
                return found
        raise AssertionError("the stream ended")

    def answer(self, through: str, asked: dict[str, Any], result: Any, instance: str) -> int:
        """Answer through a balancer; returns the status."""
        message = {"jsonrpc": "2.0", "id": asked["id"], "result": result}
        headers = {INSTANCE: instance} if instance else {}
        return post(self.cluster.addresses[through], CALLS_PORT, message, headers)[0]

    def answer_soon(self, through: str, asked: dict[str, Any], result: Any) -> None:
        """Answer as the shim does: again, if the balancer does not know the instance yet."""
        for pause in (0.1, 0.2, 0.4, 0.8, 1.6, 0):
            if self.answer(through, asked, result, self.instance) < 300:
                return
            time.sleep(pause)
        raise AssertionError("the answer never reached its server")

    def finish(self, through: str) -> dict[str, Any]:
        """Answer everything through a balancer and return the component's output."""
        while (message := self.next()).get("id") != "call":
            putting = message["method"].endswith("put")
            self.answer_soon(through, message, {"blob_id": "b" * 64} if putting else BLOB)
        output: dict[str, Any] = message["result"]["output"]
        self.connection.close()
        return output


BLOB = {"data": {"k": 1}, "blob_type": "data"}
DONE = {"blob_id": "b" * 64, "echoed": {"k": 1}}


def test_answers_through_the_other_balancer_reach_their_server(three: Cluster) -> None:
    streams = [Stream(three, through) for through in (LEFT, RIGHT) * 6]
    assert len({stream.instance for stream in streams}) == 3
    for number, stream in enumerate(streams):
        assert stream.finish(RIGHT if number % 2 == 0 else LEFT) == DONE


def test_without_the_instance_answers_go_astray(three: Cluster) -> None:
    """Each balancer chooses who has the fewest calls, which whoever asked has not."""
    stream = Stream(three, LEFT)
    asked = stream.next()
    assert stream.answer(LEFT, asked, {"blob_id": "b" * 64}, "") == 400
    stream.answer_soon(RIGHT, asked, {"blob_id": "b" * 64})
    assert stream.finish(RIGHT) == DONE


def test_a_balancer_that_starts_again_learns_from_the_other(three: Cluster) -> None:
    streams = [Stream(three, LEFT) for _ in range(6)]
    three.stop_balancer(RIGHT)
    three.start_balancer(RIGHT)
    assert [stream.finish(RIGHT) for stream in streams] == [DONE] * 6


def test_load_spreads_evenly(three: Cluster) -> None:
    before = three.served(LEFT)
    client = StepflowHttpClient("gpu", url=three.url(LEFT))
    together = threading.Barrier(30, timeout=60)

    def call(_: int) -> None:
        together.wait()  # as many connections as calls, all at once
        client.call(call_of("/slow", {"seconds": 0.5}), Host())

    with ThreadPoolExecutor(30) as threads:
        list(threads.map(call, range(30)))
    client.close()
    served = [now - then for now, then in zip(three.served(LEFT), before, strict=True)]
    assert max(served) - min(served) <= 0.25 * sum(served)


def test_a_killed_server_is_taken_out_and_its_calls_go_elsewhere(
    cluster: Callable[..., Cluster],
) -> None:
    three = cluster(3)
    client = StepflowHttpClient("gpu", url=three.url(LEFT))
    lost: list[FlowError] = []

    def call(_: int) -> Any:
        for _attempt in range(4):  # the default budget of class `platform`
            try:
                return client.call(call_of("/slow", {"seconds": 1}), Host())
            except FlowError as error:
                lost.append(error)
        raise AssertionError("the call never found a server that lives")

    with ThreadPoolExecutor(12) as threads:
        calls = [threads.submit(call, number) for number in range(12)]
        wait_until(lambda: sum(three.served(LEFT)) >= 3 * 12)  # each call has said hello, twice
        three.kill_server(next(iter(three.servers)))
        assert [one.result() for one in calls] == [{"slept": 1}] * 12
    assert lost  # or nothing was under way when the server died
    assert {error.info.error_class for error in lost} == {ErrorClass.PLATFORM}
    wait_until(lambda: three.up(LEFT) == 2)
    assert [client.call(call_of("/add", {"a": 1, "b": n}), Host()) for n in range(20)] == [
        {"result": 1 + n} for n in range(20)
    ]
    client.close()


def test_a_server_that_leaves_dns_ends_its_calls(cluster: Callable[..., Cluster]) -> None:
    two = cluster(2)
    streams = [Stream(two, LEFT) for _ in range(2)]
    assert len({stream.instance for stream in streams}) == 2
    two.dns.addresses = two.dns.addresses[:1]
    wait_until(lambda: two.up(LEFT) == 1 and two.up(RIGHT) == 1)
    assert [stream.finish(LEFT) for stream in streams] == [DONE] * 2


def test_a_server_that_joins_gets_calls(cluster: Callable[..., Cluster]) -> None:
    one = cluster(1)
    one.start_servers(1)
    wait_until(lambda: one.up(LEFT) == 2)
    streams = [Stream(one, LEFT) for _ in range(4)]
    assert len({stream.instance for stream in streams}) == 2
    assert [stream.finish(RIGHT) for stream in streams] == [DONE] * 4


def test_a_balancer_that_is_told_to_stop_ends_its_calls(cluster: Callable[..., Cluster]) -> None:
    two = cluster(2)
    stream = Stream(two, LEFT)
    two.balancers[LEFT].send_signal(signal.SIGUSR1)
    assert stream.finish(RIGHT) == DONE
    two.balancers[LEFT].wait(timeout=30)


def test_many_calls_through_both_balancers(three: Cluster) -> None:
    many_calls(three)


def test_many_calls_with_blobs_by_http(cluster: Callable[..., Cluster]) -> None:
    many_calls(cluster(3, "0.11.2"))


def many_calls(three: Cluster) -> None:
    blobs = MemoryBlobs()
    blob_api = serve(blobs, token="sesame")
    service = Service([(three.addresses[name], CALLS_PORT) for name in BALANCERS])
    client = StepflowHttpClient("gpu", url=service.url, blob_api_url=blob_api.component_url)
    host = Host(blobs)

    def call(number: int) -> Any:
        for _attempt in range(4):
            try:
                found = client.call(call_of("/blobby", {"payload": {"n": number}}), host)
                return found["echoed"]["n"]
            except FlowError as error:
                assert error.info.error_class is ErrorClass.PLATFORM, error
        raise AssertionError("a call failed four times")

    with ThreadPoolExecutor(12) as threads:
        assert list(threads.map(call, range(60))) == list(range(60))
    assert min(sum(three.served(LEFT)), sum(three.served(RIGHT))) > 0
    client.close()
    service.close()
    blob_api.stop()
