"""Files that ports are bound to: asked for before a deployment, and never in its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest
from moto.server import ThreadedMotoServer

from flowc.cli.deploying.named_files import missing_files
from flowc.cli.session import Session
from flowc.loading import Choice, Loader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FLOW = """\
schema: flowc/v1
steps:
  - {id: a, component: /noop, input: {b: {$artifact: "s3://data/b"}, sales: {$input: sales}}}
output: {$step: a}
"""
STACK = """\
target: argo
namespace: shop
state_store:
  url: "s3://state/runs"
  endpoint: ENDPOINT
  allow_http: true
  region: us-east-1
  access_key_id: {secret: key}
  secret_access_key: {secret: key}
plugins: {b: {type: builtin}}
routes: {"/{component}": [{plugin: b}]}
bindings: [{port: /sales, data: "s3://data/a%20b"}]
"""


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "FLOWC_SECRET_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("FLOWC_STORE", raising=False)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_files_that_are_not_there_are_said(endpoint: str, tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(FLOW)
    (tmp_path / "stack.yaml").write_text(STACK.replace("ENDPOINT", f'"{endpoint}"'))
    session = Session()
    session.loader = Loader(session.diagnostics, tmp_path)
    compilation = session.compile_named("flow.yaml", Choice(), "argo", "step")
    assert compilation is not None, [one.message for one in session.diagnostics]
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    s3.create_bucket(Bucket="data")
    s3.put_object(Bucket="data", Key="b", Body=b"")
    (problem,) = missing_files(compilation)
    assert problem.message == "there is no file s3://data/a%20b, which the flow reads"
    assert not problem.stops
    s3.put_object(Bucket="data", Key="a b", Body=b"")
    assert missing_files(compilation) == ()
