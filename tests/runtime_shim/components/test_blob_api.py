"""The blob service."""

from __future__ import annotations

import base64
import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from flowc_shim.blob_api.backend import MemoryBlobs
from flowc_shim.blob_api.server import serve
from flowc_shim.language.canonical import digest

PATH = "/api/v1/blobs"


@pytest.fixture
def service():
    made = []

    def start(blobs=None, **settings):
        made.append(serve(blobs or MemoryBlobs(), **settings))
        return made[-1]

    yield start
    for each in made:
        each.stop()


def ask(server, method, path, body=None, headers=()):
    connection = http.client.HTTPConnection(*server.address, timeout=10)
    try:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, path, data, dict(headers))
        response = connection.getresponse()
        content = response.read()
        if response.getheader("Content-Type") == "application/json":
            content = json.loads(content)
        return response.status, content
    finally:
        connection.close()


def test_put_and_get(service):
    server = service()
    value = {"b": [1, 2.0, None], "a": "ü"}
    status, answer = ask(server, "POST", PATH, {"data": value, "blobType": "data"})
    assert (status, answer) == (200, {"blobId": digest(value)})
    got = ask(server, "GET", f"{PATH}/{answer['blobId']}")
    assert got == (200, {"data": value, "blobType": "data"})


def test_flows_keep_their_type_and_data_is_the_default(service):
    server = service()
    _, flow = ask(server, "POST", PATH, {"data": {"steps": []}, "blobType": "flow"})
    assert ask(server, "GET", f"{PATH}/{flow['blobId']}")[1]["blobType"] == "flow"
    _, plain = ask(server, "POST", PATH, {"data": None})
    assert ask(server, "GET", f"{PATH}/{plain['blobId']}")[1] == {"data": None, "blobType": "data"}


def test_bytes_come_back_as_bytes(service):
    server = service()
    binary = {"Content-Type": "application/octet-stream"}
    _, answer = ask(server, "POST", PATH, b"\x00\xff", binary)
    path = f"{PATH}/{answer['blobId']}"
    assert ask(server, "GET", path, headers={"Accept": "application/octet-stream"}) == (
        200,
        b"\x00\xff",
    )
    assert ask(server, "GET", path)[1] == {
        "data": base64.b64encode(b"\x00\xff").decode(),
        "blobType": "binary",
    }


def test_health_needs_no_token(service):
    server = service(token="t")
    assert ask(server, "GET", "/health") == (200, {"status": "healthy"})


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", f"{PATH}/{'0' * 64}", None, 404),
        ("GET", f"{PATH}/../../etc/passwd", None, 404),
        ("GET", f"{PATH}/", None, 404),
        ("GET", "/", None, 404),
        ("POST", "/", {}, 404),
        ("POST", PATH, b"{", 400),
        ("POST", PATH, b"[]", 400),
        ("POST", PATH, {"blobType": "data"}, 400),
        ("POST", PATH, {"data": 1, "blobType": "secret"}, 400),
        ("POST", PATH, b'{"data": NaN}', 400),
        ("DELETE", PATH, None, 501),
    ],
)
def test_refusals(service, method, path, body, status):
    assert ask(service(), method, path, body)[0] == status


def test_a_body_is_bounded(service):
    server = service(max_body=100)
    assert ask(server, "POST", PATH, {"data": "x" * 50})[0] == 200
    assert ask(server, "POST", PATH, {"data": "x" * 100})[0] == 413
    connection = http.client.HTTPConnection(*server.address, timeout=10)
    connection.request("POST", PATH, iter([b"{}"]), {"Transfer-Encoding": "chunked"})
    assert connection.getresponse().status == 411
    connection.close()


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("Bearer sesame", 200),
        ("bearer sesame", 200),
        (basic("flowc:sesame"), 200),
        (None, 401),
        ("Bearer other", 401),
        ("Bearer ", 401),
        (basic("sesame"), 401),
        ("Basic !", 401),
        ("sesame", 401),
        ("Bearer \u00fc", 401),
    ],
)
def test_a_token(service, authorization, status):
    server = service(token="sesame")
    headers = {} if authorization is None else {"Authorization": authorization}
    assert ask(server, "POST", PATH, {"data": 1}, headers)[0] == status
    assert ask(server, "GET", f"{PATH}/{digest(1)}", headers=headers)[0] == status


def test_urls(service):
    open_server = service()
    assert open_server.url == open_server.component_url
    assert open_server.url == f"http://127.0.0.1:{open_server.address[1]}/api/v1/blobs"
    parts = urlsplit(service(token="a/b@c").component_url)
    assert (parts.username, parts.password, parts.path) == ("flowc", "a%2Fb%40c", PATH)


def test_a_store_that_fails(service):
    class Broken(MemoryBlobs):
        def get(self, blob_id):
            raise RuntimeError("disk on fire")

        put = get

    server = service(Broken())
    assert ask(server, "GET", f"{PATH}/{'0' * 64}")[0] == 503


def test_many_at_once(service):
    server = service()
    with ThreadPoolExecutor(16) as threads:
        answers = list(
            threads.map(lambda n: ask(server, "POST", PATH, {"data": n % 10}), range(200))
        )
    assert {status for status, _ in answers} == {200}
    assert len({answer["blobId"] for _, answer in answers}) == 10


def test_a_stopped_service_listens_no_more(service):
    server = service()
    server.stop()
    with pytest.raises(OSError):
        ask(server, "GET", "/health")
    service()  # the fixture stops every service, also one that was stopped: no harm
