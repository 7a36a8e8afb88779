"""The protocol client against servers that misbehave, and what it puts on the wire."""

from __future__ import annotations

import json
import socket
import threading
import time

import pytest

from flowc_shim.components.stepflow_http import StepflowHttpClient
from flowc_shim.contract.errors import ErrorClass, FlowError, platform_error

STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
    b"Stepflow-Instance-Id: pod-1\r\n\r\n"
)
LAST_CHUNK = b"0\r\n\r\n"


def chunk(data):
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def event(message):
    return chunk(b"data: " + json.dumps(message).encode() + b"\n\n")


def result_of(request, output):
    return {"jsonrpc": "2.0", "id": request.message["id"], "result": {"output": output}}


@pytest.fixture
def components(component_stand_in, caller):
    """Make callers of a stand-in that answers executions with the given function."""

    def make(execute, *, modern=True, blob_api_url=None):
        server = component_stand_in(execute, modern=modern)
        made = caller(StepflowHttpClient("pod", url=server.url, blob_api_url=blob_api_url))
        made.server = server
        return made

    return make


def executions(server):
    return [each for each in server.requests if each.message.get("method") == "components/execute"]


def test_what_goes_over_the_wire(components, respond):
    calls = components(
        lambda request: respond(200, result_of(request, 1)), blob_api_url="http://blobs/x"
    )
    calls("/add", {"a": 1}, attempt=2)
    hello, note, execute = calls.server.requests
    assert hello.message["method"] == "initialize"
    assert hello.message["params"] == {
        "runtime_protocol_version": 1,
        "runtimeProtocolVersion": 1,
        "capabilities": {"blobApiUrl": "http://blobs/x"},
    }
    assert note.message == {"jsonrpc": "2.0", "method": "initialized", "params": {}}
    assert execute.line == "POST / HTTP/1.1"
    assert execute.headers["content-type"] == "application/json"
    assert execute.headers["accept"] == "application/json, text/event-stream"
    assert execute.headers["idempotency-key"] == "origin/train"
    assert execute.message["params"] == {
        "component": "/add",
        "input": {"a": 1},
        "attempt": 2,
        "observability": {
            "trace_id": None,
            "span_id": None,
            "run_id": "00000000-0000-0000-0000-000000000007",
            "flow_id": "a" * 64,
            "step_id": "train",
        },
    }


def test_one_connection_and_one_introduction_serve_many_calls(components, respond):
    def execute(request):
        if request.message["params"]["component"] == "/stream":
            return STREAM + event(result_of(request, 2)) + LAST_CHUNK
        return respond(200, result_of(request, 1))

    calls = components(execute)
    assert [calls("/add"), calls("/stream"), calls("/add"), calls("/stream")] == [1, 2, 1, 2]
    assert {each.connection for each in calls.server.requests} == {1}
    assert len(calls.server.requests) == 2 + 4


def test_a_connection_that_the_server_closed_is_not_used_again(components, respond):
    calls = components(lambda request: [respond(200, result_of(request, 1)), None])
    assert calls("/add") == 1
    time.sleep(0.05)
    assert calls("/add") == 1
    assert [each.connection for each in executions(calls.server)] == [1, 2]


def test_a_server_that_closes_politely(components, respond):
    calls = components(
        lambda request: respond(200, result_of(request, 1), "application/json", "Connection: close")
    )
    assert [calls("/add"), calls("/add")] == [1, 1]


def asking(method, params, finish=result_of):
    """Return a server side that asks ``method`` and ends with what ``finish`` makes of the answer.

    With it, the list of the answers that came.
    """
    answered = threading.Event()
    answers = []

    def execute(request):
        if "method" not in request.message:
            answers.append(request)
            answered.set()
            return b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"

        def stream():
            yield STREAM
            yield event({"jsonrpc": "2.0", "id": "q1", "method": method, "params": params})
            answered.wait(5)
            yield event(finish(request, answers[0].message)) + LAST_CHUNK

        return stream()

    return execute, answers


def test_answers_go_out_on_a_second_connection_with_the_instance(components):
    execute, answers = asking("blobs/put", {"data": 1, "blob_type": "data"})
    calls = components(execute, modern=False)
    assert calls("/ask")["result"]["blob_id"] == calls.host.put_blob(1, "data")
    assert answers[0].headers["stepflow-instance-id"] == "pod-1"
    assert answers[0].connection != executions(calls.server)[0].connection


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("blobs/get", {"blob_id": "0" * 64}, -32603),
        ("blobs/get", {"blob_id": 5}, -32602),
        ("blobs/put", {}, -32602),
        ("runs/submit", {"flowId": "x"}, -32602),
        ("runs/get", {"runId": "x"}, -32602),
        ("flows/erase", {}, -32601),
    ],
)
def test_a_request_that_cannot_be_answered_gets_an_error(components, method, params, code):
    execute, _ = asking(method, params)
    assert components(execute)("/ask")["error"]["code"] == code


def test_the_older_names_of_sub_runs(components):
    flow = {"metadata": {"owner": "ml"}, "steps": []}

    def ask(method, **params):
        execute, _ = asking(method, params)
        calls = components(execute, modern=False)
        calls.host.put_blob(flow, "flow")
        return calls("/ask")["result"]

    flow_id = components(lambda request: b"").host.put_blob(flow, "flow")
    assert ask("flows/evaluate", flow_id=flow_id, input=3) == {
        "result": {"outcome": "success", "result": 3}
    }
    assert ask("flows/get_metadata", flow_id=flow_id)["flow_metadata"] == {"owner": "ml"}
    assert ask("flows/submit_batch", flow_id=flow_id, inputs=[1, 2])["total_runs"] == 2


def test_an_answer_that_reached_the_wrong_process_is_sent_again(components):
    """A balancer may not know yet which process an instance id belongs to."""
    tries = []

    def execute(request):
        if "method" not in request.message:
            tries.append(request)
            if len(tries) < 3:
                body = b'{"error":{"code":-32600,"message":"Response has no pending request"}}'
                return b"HTTP/1.1 400 Bad\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            return b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"

        def stream():
            yield STREAM
            yield event({"id": "q", "method": "blobs/put", "params": {"data": 1}})
            while len(tries) < 3:
                time.sleep(0.01)
            yield event(result_of(request, "done")) + LAST_CHUNK

        return stream()

    assert components(execute)("/ask") == "done"
    assert len(tries) == 3


def test_an_answer_that_cannot_be_read_ends_the_call(components, respond):
    def execute(request):
        if "method" not in request.message:
            return respond(400, {"error": {"code": -32600, "message": "Failed to decode"}})

        def stream():
            yield STREAM
            yield event({"id": "q", "method": "runs/submit", "params": {}})
            time.sleep(20)

        return stream()

    error = components(execute).error("/ask")
    assert (error.error_class, error.code) == (ErrorClass.PLATFORM, "ANSWER_REFUSED")


def test_a_failing_store_is_not_the_components_fault(components):
    def failed(request, answer):
        return {"id": request.message["id"], "error": rpc_error(-32100)}

    def gone(blob_id):
        raise platform_error("STORE_UNAVAILABLE", "the store is gone")

    execute, _ = asking("blobs/get", {"blob_id": "x"}, failed)
    calls = components(execute)
    calls.host.get_blob = gone
    assert calls.error("/ask").code == "STORE_UNAVAILABLE"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_an_overloaded_server_is_the_platforms(components, respond, status):
    error = components(lambda request: respond(status, b"busy", "text/plain")).error("/add")
    assert (error.error_class, error.code) == (ErrorClass.PLATFORM, f"HTTP_{status}")
    assert "busy" in error.message


def test_an_overload_that_speaks_json_is_the_platforms_too(components, respond):
    body = {"error": {"code": -32603, "message": "no room"}}
    error = components(lambda request: respond(503, body)).error("/add")
    assert (error.error_class, error.code) == (ErrorClass.PLATFORM, "HTTP_503")


@pytest.mark.parametrize("status", [301, 400, 401, 404, 413])
def test_other_refusals_are_final(components, respond, status):
    error = components(lambda request: respond(status, b"no")).error("/add")
    assert (error.error_class, error.code, error.final) == (
        ErrorClass.USER,
        f"HTTP_{status}",
        True,
    )


def test_a_server_error_is_the_users_and_may_be_retried(components, respond):
    error = components(lambda request: respond(500, b"oops")).error("/add")
    assert (error.error_class, error.code, error.final) == (ErrorClass.USER, "HTTP_500", False)


def test_initialisation_may_find_the_server_overloaded(stand_in, respond, caller):
    server = stand_in(lambda request: respond(503, b""))
    error = caller(StepflowHttpClient("pod", url=server.url)).error("/add")
    assert error.code == "HTTP_503"


def rpc_error(code, data=None):
    return {"code": code, "message": "said so", "data": data}


@pytest.mark.parametrize(
    ("modern", "code", "error_class", "final"),
    [
        (False, -32001, ErrorClass.USER, True),
        (False, -32002, ErrorClass.USER, True),
        (False, -32003, ErrorClass.USER, False),
        (False, -32004, ErrorClass.PLATFORM, False),
        (False, -32005, ErrorClass.USER, False),
        (True, -32001, ErrorClass.USER, True),
        (True, -32002, ErrorClass.PLATFORM, False),
        (True, -32003, ErrorClass.USER, True),
        (True, -32004, ErrorClass.USER, True),
        (True, -32100, ErrorClass.USER, False),
        (True, -32101, ErrorClass.USER, False),
        (True, -32102, ErrorClass.PLATFORM, False),
        (True, -32103, ErrorClass.USER, True),
        (True, -32202, ErrorClass.PLATFORM, False),
        (True, -32302, ErrorClass.PLATFORM, False),
        (True, -32600, ErrorClass.USER, True),
        (True, 1234, ErrorClass.USER, False),
    ],
)
def test_what_the_numbers_mean(components, respond, modern, code, error_class, final):
    def execute(request):
        return respond(200, {"id": request.message["id"], "error": rpc_error(code)})

    error = components(execute, modern=modern).error("/add")
    assert (error.error_class, error.code, error.final) == (error_class, str(code), final)


@pytest.mark.parametrize(("own", "code"), [("NO_STOCK", "NO_STOCK"), (7, "7"), (True, "-32100")])
def test_a_component_may_give_its_own_code(components, respond, own, code):
    def execute(request):
        error = rpc_error(-32100, {"code": own, "type": "Stock", "left": 0})
        return respond(200, {"id": request.message["id"], "error": error})

    error = components(execute).error("/add")
    assert (error.code, error.type, error.data["left"]) == (code, "Stock", 0)


def test_a_process_that_nobody_initialised_is_the_platforms(components, respond):
    """Behind a balancer a restarted pod answers that has not heard of the blob API."""

    def execute(request):
        error = {"code": -32100, "message": "failed: Blob API URL not configured. Ensure …"}
        return respond(200, {"id": request.message["id"], "error": error})

    calls = components(execute, blob_api_url="http://blobs")
    error = calls.error("/add")
    assert (error.error_class, error.code) == (ErrorClass.PLATFORM, "NOT_INITIALIZED")
    calls.error("/add")
    introductions = [r for r in calls.server.requests if r.message["method"] == "initialize"]
    assert len(introductions) == 2


def test_another_instance_is_initialised_too(components):
    names = iter(["pod-1", "pod-2", "pod-2"])

    def execute(request):
        head = STREAM.replace(b"pod-1", next(names).encode())
        return head + event(result_of(request, 1)) + LAST_CHUNK

    calls = components(execute, blob_api_url="http://blobs")
    for _ in range(3):
        calls("/add")
    methods = [request.message["method"] for request in calls.server.requests]
    assert methods.count("initialize") == 2


def stream_of(*parts):
    """Return a server side that sends ``parts`` (made from the request) and hangs up."""

    def execute(request):
        return [STREAM, *(part(request) if callable(part) else part for part in parts), None]

    return execute


def test_a_stream_that_breaks_after_the_result_is_normal(components):
    calls = components(stream_of(lambda request: event(result_of(request, 5))))
    assert [calls("/add"), calls("/add")] == [5, 5]


def test_a_stream_that_stays_open_after_the_result_is_left(components):
    def execute(request):
        def stream():
            yield STREAM + event(result_of(request, 5))
            time.sleep(5)

        return stream()

    began = time.monotonic()
    assert components(execute)("/add") == 5
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (LAST_CHUNK,),
        (b"5\r\ndat",),
        (event({"id": "somebody else", "result": {"output": 1}}),),
        (chunk(b'data: {"id": "half an eve'),),
        (chunk(b": a comment\n\nevent: ping\n\n"), LAST_CHUNK),
        (b"zz\r\n",),
    ],
)
def test_a_stream_that_ends_without_the_result(components, parts):
    error = components(stream_of(*parts)).error("/add", timeout=10)
    assert (error.error_class, error.code) == (ErrorClass.PLATFORM, "STREAM_ENDED")


def test_an_event_may_come_in_pieces_and_lines(components):
    def pieces(request):
        text = json.dumps(result_of(request, "ü" * 10)).encode()
        half = text.index(b",") + 1
        sent = b"data:" + text[:half] + b"\r\ndata:" + text[half:] + b"\r\n\r\n"
        return b"".join(chunk(sent[n : n + 7]) for n in range(0, len(sent), 7)) + LAST_CHUNK

    assert components(stream_of(pieces))("/add") == "ü" * 10


def test_a_plain_answer_that_breaks_off(components):
    def execute(request):
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"
        return [head + b'{"id":', None]

    assert components(execute).error("/add").code == "STREAM_ENDED"


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"null",
        b'{"id": 1, "result": {"output": 1}}',
        b'{"id": "ID", "result": {"value": 1}}',
        b'{"id": "ID", "result": 5}',
        b'{"id": "ID", "result": {"output": NaN}}',
        b'{"id": "ID", "result": {"output": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        b'{"id": "ID", "result": {"output": ' + b"9" * 5000 + b"}}",
        b"\xff\xfe\xfa",
    ],
)
def test_an_answer_that_is_none_is_final(components, respond, body):
    calls = components(
        lambda request: respond(200, body.replace(b"ID", request.message["id"].encode()))
    )
    error = calls.error("/add")
    assert (error.code, error.final) == ("INVALID_RESPONSE", True)


def test_an_answer_without_bounds_is_refused(components, monkeypatch, respond):
    monkeypatch.setattr("flowc_shim.components.http_wire.MAX_MESSAGE_BYTES", 1000)
    plain = components(lambda request: respond(200, result_of(request, "x" * 2000)))
    assert plain.error("/add").code == "INVALID_RESPONSE"
    endless = components(stream_of(*[chunk(b"data: " + b"x" * 500)] * 10))
    assert endless.error("/add").code == "INVALID_RESPONSE"


def test_nobody_listens(caller):
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    error = caller(StepflowHttpClient("pod", url=url)).error("/add")
    assert (error.error_class, error.code) == (ErrorClass.PLATFORM, "UNREACHABLE")
    assert url in error.message


def test_a_host_without_an_address(caller):
    client = StepflowHttpClient("pod", url="http://no-such-host.invalid")
    assert caller(client).error("/add").code == "UNREACHABLE"


def test_a_server_that_hangs_up(stand_in, caller):
    server = stand_in(lambda request: None)
    assert caller(StepflowHttpClient("pod", url=server.url)).error("/add").code == "UNREACHABLE"


def test_a_server_that_speaks_something_else(stand_in, caller):
    server = stand_in(lambda request: [b"SSH-2.0-OpenSSH_9.2\r\n", None])
    assert caller(StepflowHttpClient("pod", url=server.url)).error("/add").code == "UNREACHABLE"


def test_a_server_that_never_answers_runs_into_the_timeout(stand_in, caller):
    server = stand_in(lambda request: time.sleep(5))
    began = time.monotonic()
    error = caller(StepflowHttpClient("pod", url=server.url)).error("/add", timeout=0.2)
    assert error.error_class is ErrorClass.TIMEOUT
    assert time.monotonic() - began < 1


def test_a_trickle_runs_into_the_timeout(components):
    def execute(request):
        yield STREAM
        while True:
            yield chunk(b": still here\n")
            time.sleep(0.02)

    began = time.monotonic()
    error = components(execute).error("/add", timeout=0.3)
    assert error.error_class is ErrorClass.TIMEOUT
    assert time.monotonic() - began < 1


def test_a_call_that_was_stopped_before_it_began(components):
    cancelled = threading.Event()
    cancelled.set()
    calls = components(lambda request: b"")
    assert calls.error("/add", cancelled=cancelled).code == "STOPPED"
    assert calls.server.requests == []


@pytest.mark.parametrize(
    "url", ["localhost:8080", "ftp://host", "http://", "http://host:port", "http://me:pw@host"]
)
def test_urls_that_lead_nowhere(url):
    with pytest.raises(FlowError) as caught:
        StepflowHttpClient("pod", url=url)
    assert (caught.value.info.code, caught.value.info.final) == ("CONFIGURATION", True)


def test_a_blob_that_is_not_there_is_told_to_the_component(components):
    execute, _ = asking("blobs/get", {"blob_id": "0" * 64})
    calls = components(execute)
    assert calls("/ask")["error"]["data"] == {"code": "BLOB_NOT_FOUND"}
