"""A stand-in for Google Cloud Storage's XML API, written from its documentation.

It is no proof of what Google's servers do: it shows that the store sends the conditions that the
documentation asks for (``x-goog-if-generation-match``) and reads the answers right. The emulators
that there are do not implement conditional writes in this API.
https://cloud.google.com/storage/docs/xml-api/reference-headers
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKET = "flowc"
_CONDITION = "x-goog-if-generation-match"


@dataclass
class _Bucket:
    lock: threading.Lock = field(default_factory=threading.Lock)
    objects: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    generation: int = 0


@contextmanager
def google() -> Iterator[dict[str, str]]:
    """Yield the options of a ``gs://flowc/…`` store."""
    bucket = _Bucket()
    handler = type("Handler", (_Handler,), {"bucket": bucket})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    key = {"gcs_base_url": endpoint, "disable_oauth": True, "client_email": "",
           "private_key": "", "private_key_id": ""}  # fmt: skip
    yield {"endpoint": endpoint, "allow_http": "true", "service_account_key": json.dumps(key)}
    server.shutdown()
    server.server_close()
    thread.join()


class _Handler(BaseHTTPRequestHandler):
    bucket: _Bucket
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer is one packet: otherwise each waits for an acknowledgement

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        wanted = self.headers.get(_CONDITION)
        with self.bucket.lock:
            there = self.bucket.objects.get(self._name)
            if wanted is not None and int(wanted) != (there[1] if there else 0):
                return self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            self.bucket.generation += 1
            self.bucket.objects[self._name] = (body, self.bucket.generation)
            return self._answer(200, b"", self.bucket.generation)

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        if "list-type" in asked:
            return self._list(asked.get("prefix", [""])[0])
        found = self.bucket.objects.get(self._name)
        if found is None:
            return self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        return self._answer(200, *found)

    def do_DELETE(self) -> None:
        with self.bucket.lock:
            gone = self.bucket.objects.pop(self._name, None)
        self._answer(204 if gone else 404, b"")

    @property
    def _name(self) -> str:
        return unquote(urlsplit(self.path).path.removeprefix(f"/{BUCKET}/"))

    def _list(self, prefix: str) -> None:
        with self.bucket.lock:
            names = sorted(name for name in self.bucket.objects if name.startswith(prefix))
        rows = "".join(
            f"<Contents><Key>{escape(name)}</Key><Size>1</Size><ETag>x</ETag>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for name in names
        )
        self._answer(200, f"<ListBucketResult>{rows}</ListBucketResult>".encode())

    def _answer(self, status: int, body: bytes, generation: int | None = None) -> None:
        self.send_response(status)
        if generation is not None:
            self.send_header("ETag", f'"{generation}"')
            self.send_header("x-goog-generation", str(generation))
            self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
