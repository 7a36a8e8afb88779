"""Azurite, Microsoft's emulator of Azure Blob Storage, on a free port of this machine.

It comes from npm and is large, so the tests with it have a target of their own:
`make test-objects`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import subprocess
import time
from contextlib import contextmanager
from email.utils import formatdate
from typing import TYPE_CHECKING

from tests.gates.tools import cache_directory, locked, required_tool
from tests.servers.postgres_server import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION = "3.35.0"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The emulator's own, printed in its documentation."""

CONTAINER = "flowc"


@contextmanager
def azurite() -> Iterator[dict[str, str]]:
    """Yield the options of an ``az://flowc/…`` store; the emulator ends with the context."""
    port = free_port()
    log = cache_directory() / f"azurite-{port}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [str(_installed()), "--inMemoryPersistence", "--skipApiVersionCheck",
             "--disableTelemetry", "--blobHost", "127.0.0.1", "--blobPort", str(port)],
            stdout=output, stderr=output,
        )  # fmt: skip
    try:
        _make_container(port, process)
        yield {
            "endpoint": f"http://127.0.0.1:{port}/{ACCOUNT}",
            "account_name": ACCOUNT,
            "account_key": KEY,
            "allow_http": "true",
        }
    finally:
        process.kill()
        process.wait()


def _installed() -> Path:
    folder = cache_directory() / f"azurite-{VERSION}"
    program = folder / "node_modules/.bin/azurite-blob"
    with locked(folder.with_suffix(".lock")):
        if not program.exists():
            npm = required_tool("npm", "apt-get install npm")
            folder.mkdir(exist_ok=True)
            words = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder)]
            subprocess.run([*words, f"azurite@{VERSION}"], check=True, timeout=600)
    return program


def _make_container(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            status, body = _put_container(port)
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline, "azurite did not start"
            time.sleep(0.1)
            continue
        assert status == 201, body
        return


def _put_container(port: int) -> tuple[int, bytes]:
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
    signed = "PUT" + "\n" * 12 + "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    signed += f"/{ACCOUNT}/{ACCOUNT}/{CONTAINER}\nrestype:container"
    digest = hmac.new(base64.b64decode(KEY), signed.encode(), hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("PUT", f"/{ACCOUNT}/{CONTAINER}?restype=container", headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()
