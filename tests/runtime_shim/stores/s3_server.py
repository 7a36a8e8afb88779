"""An S3 in this process (moto), which can be told to misbehave.

moto honours ``If-None-Match: *`` and ``If-Match`` on PutObject, but looks and writes without a
lock between the threads of its server, so two simultaneous creates could both succeed. The lock
here makes it what S3 promises to be.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import Any

import boto3
from moto.s3.responses import S3Response
from moto.server import ThreadedMotoServer

BUCKET = "flowc-test"
CREDENTIALS = {
    "region": "us-east-1",
    "access_key_id": "test",
    "secret_access_key": "test",
}
_CONFLICT = "<Error><Code>ConditionalRequestConflict</Code><Message>conflict</Message></Error>"
_FAILED = "<Error><Code>InternalError</Code><Message>lost</Message></Error>"


@dataclass
class S3Server:
    """The server's address and the faults of its next puts: ``409``, ``lost``, ``ignore``."""

    endpoint: str
    faults: list[str] = field(default_factory=list)
    always: str = ""
    puts: int = 0

    @property
    def options(self) -> dict[str, str]:
        return {**CREDENTIALS, "endpoint": self.endpoint}

    def reset(self) -> None:
        self.faults.clear()
        self.always = ""
        self.puts = 0


def start(patch: Any) -> tuple[S3Server, ThreadedMotoServer]:
    """Start a server on a free port; ``patch`` is a MonkeyPatch that lives as long as it."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    server = S3Server(f"http://{host}:{port}")
    boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    ).create_bucket(Bucket=BUCKET)
    real_put = S3Response.put_object
    lock = threading.Lock()

    def put_object(response: Any) -> Any:
        with lock:
            server.puts += 1
            fault = server.faults.pop(0) if server.faults else server.always
            if fault == "409":
                return 409, {}, _CONFLICT
            if fault == "ignore":
                response.headers = {
                    name: value
                    for name, value in response.headers.items()
                    if name.lower() not in ("if-match", "if-none-match")
                }
            answer = real_put(response)
            return (500, {}, _FAILED) if fault == "lost" else answer

    patch.setattr(S3Response, "put_object", put_object)
    return server, moto
