"""Several servers behind one name: calls spread, and what comes back reaches who asked."""

from __future__ import annotations

import json
import socket

import pytest
from tests.runtime_shim.components.test_stepflow_stand_ins import asking, executions

from flowc_shim.components import http_wire
from flowc_shim.components.stepflow_http import StepflowHttpClient

NAME = "servers.test"


@pytest.fixture
def resolve(monkeypatch):
    """Let the name stand for the given addresses, in the order in which resolvers sort them."""
    real = socket.getaddrinfo

    def become(*addresses):
        def resolved(host, port, *more, **named):
            found = addresses if host == NAME else (host,)
            return [one for name in found for one in real(name, port, *more, **named)]

        monkeypatch.setattr(http_wire.socket, "getaddrinfo", resolved)

    return become


def answers_to(server):
    return [one for one in server.requests if "method" not in one.message]


def test_calls_spread_and_answers_go_back_to_the_server_that_asked(
    component_stand_in, caller, resolve
):
    resolve("127.0.0.1", "127.0.0.2")
    first = component_stand_in(lambda request: asked[0](request))
    second = component_stand_in(
        lambda request: asked[1](request), host="127.0.0.2", port=first.port
    )
    asked = []
    for _ in range(24):
        asked[:] = [asking("blobs/put", {"data": 1, "blob_type": "data"})[0] for _ in range(2)]
        calls = caller(StepflowHttpClient("pod", url=f"http://{NAME}:{first.port}"))
        assert "blob_id" in calls("/ask")["result"]
    counts = [len(executions(server)) for server in (first, second)]
    assert counts == [len(answers_to(server)) for server in (first, second)]
    assert sum(counts) == 24 and min(counts) > 0, counts


def test_cookies_of_a_balancer_go_with_the_answers(component_stand_in, caller):
    execute, answers = asking("blobs/put", {"data": 1, "blob_type": "data"})
    cookies = b"Set-Cookie: AWSALB=abc; Path=/\r\nSet-Cookie: AWSALBCORS=x; SameSite=None\r\n"

    def with_cookies(request):
        found = execute(request)
        if isinstance(found, bytes):
            return found
        return (part.replace(b"Stepflow-", cookies + b"Stepflow-", 1) for part in found)

    calls = caller(StepflowHttpClient("pod", url=component_stand_in(with_cookies).url))
    assert "blob_id" in calls("/ask")["result"]
    assert answers[0].headers["cookie"] == "AWSALB=abc; AWSALBCORS=x"
    assert json.loads(answers[0].body)["id"] == "q1"


def test_an_answer_finds_another_balancer_when_its_own_is_gone(component_stand_in, caller, resolve):
    """What stands behind the name may be balancers that share a table."""
    execute, answers = asking("blobs/put", {"data": 1, "blob_type": "data"})
    first = component_stand_in(lambda request: gone_after(request), host="127.0.0.1")
    component_stand_in(execute, host="127.0.0.2", port=first.port)

    def gone_after(request):
        found = execute(request)
        first._listener.shutdown(socket.SHUT_RDWR)
        first._listener.close()
        return found

    calls = caller(StepflowHttpClient("pod", url=f"http://{NAME}:{first.port}"))
    resolve("127.0.0.1")
    original = calls.client._endpoint.take

    def take(guard, address=""):
        if not address:
            resolve("127.0.0.2" if answers or executions(first) else "127.0.0.1")
        return original(guard, address)

    calls.client._endpoint.take = take
    assert "blob_id" in calls("/ask")["result"]
    assert len(answers) == 1
