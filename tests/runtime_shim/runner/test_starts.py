"""Runs that steps start: what they are called, what they get, and that there is one of each."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.engines import compile_case
from tests.conformance.model import Case
from tests.runtime_shim.runner.world import Components, World
from tests.servers.local_http import serving

from flowc_shim.components.runs import RunsClient
from flowc_shim.contract.errors import FlowError
from flowc_shim.contract.trigger import Origin
from flowc_shim.engines import start_workflow
from flowc_shim.engines.kube_api import KubeApi
from flowc_shim.runner.finish import begin_run
from flowc_targets.local.detached import HOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flowc.target import Compilation

CHILD = {
    "name": "The child!",
    "schemas": {"properties": {"variables": {"type": "object", "properties": {"v": {}}}}},
    "steps": [
        {
            "id": "a",
            "component": "/t/echo",
            "input": {"n": {"$input": "n"}, "v": {"$variable": "v"}},
        }
    ],
    "output": {"$step": "a"},
}


def compiled(**more: Any) -> Compilation:
    """A flow whose step `go` starts a run of CHILD."""
    step = {"id": "go", "flow": "child.yaml", "detached": True, "input": {"n": 1}, **more}
    flow = {"schema": "flowc/v1", "name": "case", "steps": [step], "output": {"$step": "go"}}
    case = Case(
        "case", flow, None, "succeeded", None, {}, None, flows={"child.yaml": CHILD}
    )  # fmt: skip
    return compile_case(case, "local", "step", store="memory:")


def world(compilation: Compilation, does: Any = None) -> World:
    [config] = compilation.plan.classes.values()
    components = Components({"go": does or RunsClient("runs", dict(config)).call})
    return World(compilation.plan, components).begin(None)


def started(made: World) -> list[str]:
    """The names of the runs that were asked for."""
    keys = made.store.list(f"runs/{made.run_key}/starts")
    return [key.rpartition("/")[2] for key in keys]


def test_two_shims_ask_for_one_run() -> None:
    made = world(compiled(variables={"v": 2}))
    asked = made.components.does["go"]

    def killed(call: Any, host: Any) -> Any:
        asked(call, host)
        raise KeyboardInterrupt

    made.components.does["go"] = [killed, asked]
    with pytest.raises(KeyboardInterrupt):
        made.run("go", shim=made.shim(starts=HOW))
    [name] = started(made)
    assert made.outcome("go") is None
    made.run("go", shim=made.shim(starts=HOW))
    assert started(made) == [name]
    record = made.shim().journal.record((), "go")
    assert record is not None and record.value == {"run": name}
    assert name.startswith("the-child-") and len(name) <= 63
    given = made.shim().journal.start(name)
    assert given == {"input": {"n": 1}, "variables": {"v": 2}}


def test_of_two_runs_that_claim_a_start_the_first_goes_on() -> None:
    compilation = compiled(variables={"v": {"x": 7}})
    parent = world(compilation)
    parent.run("go", shim=parent.shim(starts=HOW))
    [name] = started(parent)
    child = compilation.detached["go"].plan
    trigger = {"run": "the parent", "origin": Origin(parent.run_key, name).to_json()}
    runs = [World(child, store=parent.store, run_key=f"engine-{n}") for n in (1, 2)]
    for run in (*runs, runs[0]):  # the first one's second root unit says the same again
        begin_run(run.shim(), None, {"name": name}, trigger)
    for run in runs:
        run.run("a")
    assert [run.finish() for run in runs] == ["succeeded", "skipped"]
    end = runs[0].shim().journal.end()
    assert end is not None and end.output == {"n": 1, "v": {"x": 7}}
    late = runs[1].shim().journal.end()
    assert late is not None and late.error is not None
    assert late.error["error"]["code"] == "ALREADY_STARTED"
    assert runs[1].components.called() == []
    assert runs[0].shim().journal.trigger()["run"] == "the parent"


@pytest.mark.parametrize(
    "origin", [Origin("run-1", "never").to_json(), {"run": "run-1"}, "run-1", None]
)
def test_a_start_that_nobody_made_starts_nothing(origin: Any) -> None:
    made = World(compiled(variables={"v": 1}).detached["go"].plan)
    begin_run(made.shim(), None, {"name": "x"}, {"origin": origin})
    made.run("a")
    assert made.finish() == "failed"
    end = made.shim().journal.end()
    assert end is not None and end.error is not None
    assert end.error["error"]["code"] == "INVALID_INPUT"


def test_an_engine_that_is_away_spends_attempts() -> None:
    made = world(compiled(variables={"v": 1}))
    verdict = made.run("go", shim=made.shim(starts='{"engine": "none"}'))
    assert (verdict.status.value, verdict.error_class) == ("final", "user")
    record = made.shim().journal.record((), "go")
    assert record is not None and record.error is not None
    assert record.error.code == "CONFIGURATION"


@contextmanager
def api(codes: list[int], seen: list[Any]) -> Iterator[str]:
    """Answer POSTs with ``codes``, one after the other."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, self.headers["Authorization"], json.loads(body)))
            self.send_response(codes.pop(0))
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with serving(Handler) as url:
        yield url


def test_a_workflow_is_created_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = tmp_path / "token"
    token.write_text("t")
    seen: list[Any] = []
    monkeypatch.setenv("FLOWC_STORE", "s3://bucket/state")
    how = {"template": "case-1-2", "labels": {"a": "b"}}
    with api([201, 409, 403], seen) as server:
        monkeypatch.setattr(start_workflow, "inside", lambda: KubeApi(server, "ns", token))
        for _ in range(2):
            start_workflow.start_workflow(how, "child-1", {"run": "r"})
        with pytest.raises(FlowError) as refused:
            start_workflow.start_workflow(how, "child-1", {"run": "r"})
    assert refused.value.info.code == "ENGINE_UNAVAILABLE"
    path, authorization, document = seen[0]
    assert path == "/apis/argoproj.io/v1alpha1/namespaces/ns/workflows"
    assert authorization == "Bearer t"
    assert document["metadata"] == {"name": "child-1", "labels": {"a": "b"}}
    assert document["spec"] == {
        "workflowTemplateRef": {"name": "case-1-2"},
        "arguments": {
            "parameters": [
                {"name": "trigger", "value": '{"run": "r"}'},
                {"name": "store", "value": "s3://bucket/state"},
            ]
        },
    }
