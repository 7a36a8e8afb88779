"""Hosts, calls, real component servers and stand-ins for the tests of component clients."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flowc_shim.artifacts.staging import Artifacts
from flowc_shim.blob_api.backend import MemoryBlobs
from flowc_shim.blob_api.server import BlobServer, serve
from flowc_shim.components.api import Call
from flowc_shim.contract.errors import ErrorInfo, FlowError, final_error

sys.path.append(str(Path(__file__).resolve().parents[3]))

from tests.servers import stepflow_sdk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Host:
    """A run that keeps blobs in memory and "runs" a flow by a function."""

    def __init__(self, blobs: MemoryBlobs | None = None) -> None:
        self.blobs = blobs or MemoryBlobs()
        self.run: Callable[[Any, Any], Any] = lambda flow, item: {
            "outcome": "success",
            "result": item,
        }
        self.files = Artifacts(None, {}, "runs/r", frozenset)
        self.runs: list[tuple[Any, list[Any], int | None, Any]] = []

    def put_blob(self, data: Any, blob_type: str) -> str:
        return self.blobs.put(data, blob_type)

    def get_blob(self, blob_id: str) -> tuple[Any, str]:
        try:
            return self.blobs.get(blob_id)
        except KeyError:
            raise final_error("BLOB_NOT_FOUND", f"no blob {blob_id}") from None

    def bring_in(self, value: Any, folder: Path, seen_at: str) -> Any:
        return self.files.bring_in(value, folder, seen_at)

    def take_out(self, output: Any, folder: Path) -> Any:
        return self.files.take_out(output, folder)

    def run_flow(
        self, flow: Any, inputs: list[Any], max_concurrency: int | None, overrides: Any = None
    ) -> list[Any]:
        self.runs.append((flow, inputs, max_concurrency, overrides))
        return [self.run(flow, item) for item in inputs]


def make_call(component: str, value: Any = None, **changes: Any) -> Call:
    """Return a call as the runner would make it."""
    settings: dict[str, Any] = {
        "component": component,
        "input": {} if value is None else value,
        "attempt": 1,
        "run_id": str(uuid.UUID(int=7)),
        "flow_id": "a" * 64,
        "step_id": "train",
        "idempotency_key": "origin/train",
    }
    return Call(**{**settings, **changes})


@dataclass
class Caller:
    """Calls one client and gives either what came back, or the error."""

    client: Any
    host: Host = field(default_factory=Host)

    def __call__(self, component: str, value: Any = None, **changes: Any) -> Any:
        return self.client.call(make_call(component, value, **changes), self.host)

    def error(self, component: str, value: Any = None, **changes: Any) -> ErrorInfo:
        with pytest.raises(FlowError) as caught:
            self(component, value, **changes)
        return caught.value.info


@pytest.fixture
def caller() -> Iterator[Callable[..., Caller]]:
    """Make callers whose clients are closed after the test."""
    made: list[Caller] = []

    def make(client: Any, host: Host | None = None) -> Caller:
        made.append(Caller(client, host or Host()))
        return made[-1]

    yield make
    for each in made:
        each.client.close()


@pytest.fixture
def call_of() -> Callable[..., Call]:
    return make_call


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture(scope="session")
def sdk() -> Any:
    """The provider of environments with published SDKs."""
    return stepflow_sdk


@dataclass(frozen=True)
class SdkServer:
    """A component server of a published SDK, started for the whole session."""

    version: str
    url: str

    @property
    def component_failed(self) -> str:
        return "-32003" if self.version == "0.9.2" else "-32100"


@pytest.fixture(scope="session", params=stepflow_sdk.VERSIONS)
def sdk_server(request: pytest.FixtureRequest) -> Iterator[SdkServer]:
    version: str = request.param
    process = subprocess.Popen(
        [str(stepflow_sdk.server_python(version)), str(stepflow_sdk.COMPONENT_SERVER)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        port = json.loads(process.stdout.readline())["port"]
        yield SdkServer(version, f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="session")
def blob_service() -> Iterator[tuple[BlobServer, MemoryBlobs]]:
    """A blob service with a token, and what it stores into.

    For the whole session, because the SDK servers keep the URL that they heard of last.
    """
    blobs = MemoryBlobs()
    server = serve(blobs, token="sesame & salt")
    yield server, blobs
    server.stop()


@dataclass
class Request:
    """One HTTP request that a stand-in got; ``message`` is its JSON."""

    line: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def message(self) -> Any:
        return json.loads(self.body)


class StandIn:
    """A server that answers every request with the bytes that ``answer`` yields, then ends.

    ``answer`` gets the request and the socket; what it returns or yields is sent as it is. The
    connection stays open unless it returns None or yields None at the end.
    """

    def __init__(
        self, answer: Callable[[Request], Any], host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.requests: list[Request] = []
        self._answer = answer
        self._listener = socket.create_server((host, port))
        self._sockets: list[socket.socket] = []
        self.port = self._listener.getsockname()[1]
        self.url = f"http://{host}:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        for each in self._sockets:
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(connection)
            number = len(self._sockets)
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            with connection, connection.makefile("rb") as stream:
                while request := self._read(stream, number):
                    self.requests.append(request)
                    answer = self._answer(request)
                    for part in [answer] if isinstance(answer, bytes) else answer or [None]:
                        if part is None:
                            return
                        connection.sendall(part)
        except (OSError, ValueError):
            return

    @staticmethod
    def _read(stream: Any, number: int) -> Request | None:
        line = stream.readline().decode().strip()
        if not line:
            return None
        headers = {}
        while text := stream.readline().decode().strip():
            name, _, value = text.partition(":")
            headers[name.lower()] = value.strip()
        return Request(line, headers, stream.read(int(headers.get("content-length", 0))), number)


@pytest.fixture
def stand_in() -> Iterator[Callable[..., StandIn]]:
    made: list[StandIn] = []

    def make(answer: Callable[[Request], Any], **where: Any) -> StandIn:
        made.append(StandIn(answer, **where))
        return made[-1]

    yield make
    for each in made:
        each.close()


def http_answer(
    status: int, body: Any = b"", content_type: str = "application/json", *more: str
) -> bytes:
    """Return a whole HTTP answer; a body that is not bytes becomes JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [
        f"HTTP/1.1 {status} Whatever",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(data)}",
        *more,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + data


@pytest.fixture
def respond() -> Callable[..., bytes]:
    return http_answer


def initialized(request: Request, modern: bool = True) -> bytes | None:
    """Answer ``initialize`` and ``initialized``; None for any other message."""
    message = request.message
    if message.get("method") == "initialize":
        result = {"serverProtocolVersion": 1} if modern else {"server_protocol_version": 1}
        return http_answer(200, {"jsonrpc": "2.0", "id": message["id"], "result": result})
    return http_answer(202, "") if message.get("method") == "initialized" else None


@pytest.fixture
def component_stand_in(stand_in: Callable[..., StandIn]) -> Callable[..., StandIn]:
    """Make component servers that initialise properly and answer the rest with ``execute``."""

    def make(execute: Callable[[Request], Any], *, modern: bool = True, **where: Any) -> StandIn:
        return stand_in(lambda request: initialized(request, modern) or execute(request), **where)

    return make
