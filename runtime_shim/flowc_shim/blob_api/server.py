"""The blob service: ``POST /api/v1/blobs``, ``GET /api/v1/blobs/{id}``, ``GET /health``.

SDK servers since 0.10 put and get blobs here; its URL reaches them in ``initialize``. They send
no token of their own, but their HTTP client turns credentials in a URL into an ``Authorization``
header, so the token is taken as a bearer token or as the password of basic authentication.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from flowc_shim.blob_api.address import PATH, with_token
from flowc_shim.components.json_text import decode_json

if TYPE_CHECKING:
    from flowc_shim.blob_api.backend import BlobBackend

MAX_BODY_BYTES = 64 * 1024 * 1024
_IDLE_SECONDS = 60.0
_BLOB_ID = re.compile(r"[0-9A-Za-z_-]{1,128}")
_KINDS = ("data", "flow", "binary")
_BINARY = "application/octet-stream"


class BlobServer:
    """A running blob service."""

    def __init__(self, httpd: _HttpServer, token: str | None) -> None:
        self._httpd = httpd
        self._token = token
        self._thread = threading.Thread(
            target=httpd.serve_forever, kwargs={"poll_interval": 0.1}, name="blob-api", daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that it listens on."""
        host, port = self._httpd.server_address[:2]
        return str(host), int(port)

    @property
    def url(self) -> str:
        """The URL of the blobs, without credentials."""
        return f"http://{_authority(*self.address)}{PATH}"

    @property
    def component_url(self) -> str:
        """The URL for component servers, to go into ``initialize``: with the token, if any."""
        return with_token(self.url, self._token)

    def wait(self) -> None:
        """Block until the service is stopped."""
        self._thread.join()

    def stop(self) -> None:
        """Answer what is being asked, then listen no more."""
        self._httpd.shutdown()
        self._httpd.server_close()
        self._thread.join()


def serve(
    blobs: BlobBackend,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str | None = None,
    *,
    max_body: int = MAX_BODY_BYTES,
) -> BlobServer:
    """Start a blob service in threads of this process; ``port`` 0 picks a free one.

    Raises OSError if the address cannot be had.
    """
    return BlobServer(_HttpServer((host, port), blobs, token, max_body), token)


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], blobs: BlobBackend, token: str | None, max_body: int
    ) -> None:
        self.blobs = blobs
        self.token = token
        self.max_body = max_body
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say in one line that a client went away; anything else is for the log in full."""
        error = sys.exc_info()[1]
        if not isinstance(error, (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Refused(Exception):
    """A request that is answered with an error status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    wbufsize = -1  # one packet per answer: two would wait for the other side's acknowledgement
    disable_nagle_algorithm = True
    server: _HttpServer

    def do_GET(self) -> None:
        """Answer a blob, or how the service is."""
        if self.path == "/health":
            self._send_json(200, {"status": "healthy"})
            return
        self._answer(self._get)

    def do_POST(self) -> None:
        """Store a blob."""
        self._answer(self._put)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged; blob ids would fill the log."""

    def _answer(self, method: Any) -> None:
        try:
            self._authorize()
            method()
        except _Refused as refusal:
            # Whatever body was sent may not have been read.
            self.close_connection = True
            self._send_json(refusal.status, {"error": str(refusal)})
        except (ConnectionError, TimeoutError):
            raise
        except Exception as error:
            self.close_connection = True
            self.log_error("%r", error)
            self._send_json(503, {"error": "the store did not answer"})

    def _authorize(self) -> None:
        token = self.server.token
        if token is None:
            return
        given = _token_in(self.headers.get("Authorization", ""))
        if not hmac.compare_digest(given.encode(), token.encode()):
            raise _Refused(401, "the token is missing or wrong")

    def _get(self) -> None:
        blob_id = self.path.removeprefix(f"{PATH}/")
        if not _BLOB_ID.fullmatch(blob_id):
            raise _Refused(404, "no such path")
        try:
            data, kind = self.server.blobs.get(blob_id)
        except KeyError:
            raise _Refused(404, f"no blob {blob_id}") from None
        if kind == "binary" and _BINARY in self.headers.get("Accept", ""):
            self._send(200, _BINARY, base64.b64decode(data))
        else:
            self._send_json(200, {"data": data, "blobType": kind})

    def _put(self) -> None:
        if self.path.rstrip("/") != PATH:
            raise _Refused(404, "no such path")
        body = self._read_body()
        if self.headers.get_content_type() == _BINARY:
            data, kind = base64.b64encode(body).decode("ascii"), "binary"
        else:
            data, kind = _parse(body)
        self._send_json(200, {"blobId": self.server.blobs.put(data, kind)})

    def _read_body(self) -> bytes:
        text = self.headers.get("Content-Length")
        if text is None or not text.isdecimal():
            raise _Refused(411, "the request needs a Content-Length")
        length = int(text)
        if length > self.server.max_body:
            raise _Refused(413, f"a blob may have at most {self.server.max_body} bytes")
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionAbortedError("the body ended early")
        return body

    def _send_json(self, status: int, value: Any) -> None:
        self._send(status, "application/json", json.dumps(value).encode("ascii"))

    def _send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if status == 401:
            self.send_header("WWW-Authenticate", "Bearer")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def _token_in(header: str) -> str:
    """Return the bearer token, or the password of basic authentication; empty if neither."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value).decode("utf-8").partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _parse(body: bytes) -> tuple[Any, str]:
    try:
        message = decode_json(body)
    except ValueError as error:
        raise _Refused(400, f"not JSON: {error}") from None
    if not isinstance(message, dict) or "data" not in message:
        raise _Refused(400, "the body has to be {data, blobType}")
    kind = message.get("blobType") or "data"
    if kind not in _KINDS:
        raise _Refused(400, f"`blobType` is one of {', '.join(_KINDS)}")
    return message["data"], kind
