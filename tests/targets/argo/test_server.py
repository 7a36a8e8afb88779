"""Argo's server as the way in: what goes wrong, of a server that answers what the test wants.

On the real one: `tests/deploy/test_argo_server.py`.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
from tests.targets.argo.flows import STACK, compiled

from flowc.deploy.model import Address
from flowc.deploy.provider import DeployError, LogLine, RunState, Start
from flowc_targets.argo import TARGET
from flowc_targets.argo.deploy import connection as module
from flowc_targets.argo.deploy import workflows
from flowc_targets.argo.deploy.server import ServerProvider, connect_server

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN, UID = "shop-1", "uid-1"
WORKFLOWS = "/api/v1/workflows/space"
TEMPLATE = "/api/v1/workflow-templates/space/shop"
OLD = {"metadata": {"name": "shop", "creationTimestamp": "2020-01-01T00:00:00Z"}}

FLOW = "steps: [{id: a, component: /f, input: {}}]"
ADDRESS = Address(
    "shop",
    "shop",
    compiled(FLOW, STACK.replace("namespace: flows", "namespace: space")).placement.stack,
)


def workflow(phase: str = "Running", uid: str = UID, **spec: Any) -> dict[str, Any]:
    nodes = {
        "shop-1-111": {
            "id": "shop-1-111", "type": "Pod",
            "inputs": {"parameters": [{"name": "unit", "value": "a"}]},
        },
        "shop-1-222": {
            "id": "shop-1-222", "type": "Pod",
            "inputs": {"parameters": [
                {"name": "unit", "value": "b"}, {"name": "scope", "value": "b/0"},
            ]},
        },
        "shop-1-333": {"id": "shop-1-333", "type": "DAG"},
    }  # fmt: skip
    return {
        "metadata": {"name": RUN, "uid": uid},
        "spec": spec,
        "status": {"phase": phase, "nodes": nodes},
    }


@dataclass
class Argo:
    """A server's answers by method and path: status, and JSON or what returns it, or text."""

    url: str = ""
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, list[str]], Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)

    def provider(self, **environ: str) -> ServerProvider:
        given = {"ARGO_SERVER": self.url, "ARGO_SECURE": "false", "ARGO_TOKEN": "t0ken", **environ}
        connection = connect_server(given)
        assert connection is not None
        return ServerProvider(connection, ADDRESS, "space")

    def paths(self) -> list[str]:
        return [path for path, _, _ in self.asked]


@pytest.fixture
def argo(monkeypatch: pytest.MonkeyPatch) -> Iterator[Argo]:
    monkeypatch.setattr(module, "_PAUSE", 0.0)
    monkeypatch.setattr(workflows, "_LOOK", 0.0)
    told = Argo()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            path, _, query = self.path.partition("?")
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            told.asked.append((f"{self.command} {path}", parse_qs(query), body))
            told.tokens.add(self.headers.get("Authorization", ""))
            missing = (404, {"code": 5, "message": "not found"})
            status, found = told.answers.get(f"{self.command} {path}", missing)
            found = found() if callable(found) else found
            data = found.encode() if isinstance(found, str) else json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = _answer

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        told.url = f"127.0.0.1:{server.server_port}"
        yield told
        server.shutdown()


# Which server


def test_who_names_no_server_comes_by_kubeconfig() -> None:
    assert connect_server({}) is None
    assert connect_server({"ARGO_SERVER": " ", "ARGO_TOKEN": "x"}) is None


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"ARGO_SERVER": "argo.dev:2746"}, "https://argo.dev:2746"),
        ({"ARGO_SERVER": "argo.dev:80", "ARGO_SECURE": "false"}, "http://argo.dev:80"),
        ({"ARGO_SERVER": "https://argo.dev/"}, "https://argo.dev"),
    ],
)
def test_addresses_as_argos_command_takes_them(environ: dict[str, str], url: str) -> None:
    connection = connect_server(environ)
    assert connection is not None
    assert connection.server == url
    connection.close()


@pytest.mark.parametrize("token", ["t0ken", "Bearer t0ken"])
def test_token_and_base(argo: Argo, token: str) -> None:
    argo.answers["GET /team/api/v1/workflows/space/shop-1"] = (200, workflow())
    found = argo.provider(ARGO_TOKEN=token, ARGO_BASE_HREF="/team/").run(RUN)
    assert found is not None
    assert argo.tokens == {"Bearer t0ken"}


def test_the_target_comes_by_a_server_that_is_named(
    argo: Argo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGO_SERVER", argo.url)
    monkeypatch.setenv("ARGO_SECURE", "false")
    there = TARGET.deployer.connect(ADDRESS)
    assert there.place == f"namespace space of the Argo server http://{argo.url}"
    there.close()


# What it does


def test_starting(argo: Argo) -> None:
    argo.answers[f"GET {TEMPLATE}"] = (200, OLD)
    argo.answers[f"POST {WORKFLOWS}"] = (200, workflow("Pending"))
    run = argo.provider().start(Start(RUN, '{"n": 1}', tags=("t",)))
    assert (run.key, run.state) == (UID, RunState.PENDING)
    path, _, body = argo.asked[0]
    assert path == f"POST {WORKFLOWS}"
    assert body["namespace"] == "space"
    assert body["workflow"]["spec"]["workflowTemplateRef"] == {"name": "shop"}


def test_starting_a_name_that_exists_and_what_is_not_deployed(argo: Argo) -> None:
    argo.answers[f"GET {TEMPLATE}"] = (200, OLD)
    argo.answers[f"POST {WORKFLOWS}"] = (409, {"code": 6, "message": "already exists"})
    argo.answers[f"GET {WORKFLOWS}/{RUN}"] = (200, workflow())
    assert argo.provider().start(Start(RUN, "{}")).key == UID
    del argo.answers[f"GET {TEMPLATE}"]
    with pytest.raises(DeployError, match="`shop` is not deployed here"):
        argo.provider().start(Start(RUN, "{}"))


def test_an_answer_that_was_lost_starts_nothing_twice(argo: Argo) -> None:
    argo.answers[f"GET {TEMPLATE}"] = (200, OLD)
    argo.answers[f"POST {WORKFLOWS}"] = (504, {"message": "upstream"})
    argo.answers[f"GET {WORKFLOWS}/{RUN}"] = (200, workflow())
    assert argo.provider().start(Start(RUN, "{}")).key == UID
    assert argo.paths().count(f"POST {WORKFLOWS}") == 1


def test_listing_in_pages(argo: Argo) -> None:
    pages = iter(
        [
            {"metadata": {"continue": "500"}, "items": [workflow()]},
            {"metadata": {}, "items": None},
        ]
    )
    argo.answers[f"GET {WORKFLOWS}"] = (200, lambda: next(pages))
    assert [run.name for run in argo.provider().runs()] == [RUN]
    (_, first, _), (_, second, _) = argo.asked
    assert first["listOptions.labelSelector"] == ["app.kubernetes.io/name=shop"]
    assert "nodes" not in first["fields"][0]
    assert second["listOptions.continue"] == ["500"]


def test_stopping_only_the_run_that_is_meant(argo: Argo) -> None:
    argo.answers[f"GET {WORKFLOWS}/{RUN}"] = (200, workflow())
    argo.answers[f"PUT {WORKFLOWS}/{RUN}/stop"] = (200, workflow())
    there = argo.provider()
    run = there.run(RUN)
    assert run is not None
    there.stop(run)
    assert argo.asked[-1][0] == f"PUT {WORKFLOWS}/{RUN}/stop"
    argo.answers[f"GET {WORKFLOWS}/{RUN}"] = (200, workflow(uid="another"))
    argo.asked.clear()
    there.stop(run)
    assert argo.paths() == [f"GET {WORKFLOWS}/{RUN}"]


def test_forgetting_runs(argo: Argo) -> None:
    argo.answers[f"GET {WORKFLOWS}"] = (200, {"items": [workflow("Succeeded")]})
    argo.answers[f"GET {WORKFLOWS}/{RUN}"] = (200, workflow("Succeeded"))
    argo.answers[f"DELETE {WORKFLOWS}/{RUN}"] = (200, {})
    argo.provider().forget_runs()
    assert argo.paths()[-1] == f"DELETE {WORKFLOWS}/{RUN}"


def test_schedules(argo: Argo) -> None:
    path = "/api/v1/cron-workflows/space"
    listed = {"items": [{"metadata": {"name": "shop"}, "spec": {"suspend": True}}]}
    argo.answers[f"GET {path}"] = (200, listed)
    for verb in ("suspend", "resume"):
        argo.answers[f"PUT {path}/shop/{verb}"] = (200, {})
    there = argo.provider()
    assert there.suspended()
    there.suspend(False)
    there.suspend(True)
    put = [one for one in argo.paths() if one.startswith("PUT")]
    assert put == [f"PUT {path}/shop/resume", f"PUT {path}/shop/suspend"]


# Logs


def entries(*found: tuple[str, str]) -> str:
    lines = [{"result": {"podName": pod, "content": content}} for pod, content in found]
    return "\n".join(json.dumps(line) for line in lines) + "\n"


def logs(argo: Argo, *units: str, follow: bool = False) -> list[LogLine]:
    there = argo.provider()
    run = there.run(RUN)
    assert run is not None
    return list(there.logs(run, units, follow))


def test_logs_by_unit_and_scope(argo: Argo) -> None:
    argo.answers[f"GET {WORKFLOWS}/{RUN}"] = (200, workflow())
    argo.answers[f"GET {WORKFLOWS}/{RUN}/log"] = (
        200,
        entries(
            ("shop-1-run-111", "T1 hello there"),
            ("shop-1-run-222", "T2 in a loop"),
            ("shop-1-run-222", 'T3 time="…" level=info msg="x" argo=true'),
            ("shop-1-other-999", "T4 of nobody"),
        ),
    )
    one, two = LogLine("a", "", "hello there", "T1"), LogLine("b", "b/0", "in a loop", "T2")
    assert logs(argo, follow=True) == [one, two, LogLine("", "", "of nobody", "T4")]
    asked = argo.asked[-2][1]
    assert asked["logOptions.follow"] == ["true"]
    assert asked["logOptions.container"] == ["main"]
    assert logs(argo, "b") == [two]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"error": {"grpc_code": 7, "message": "pods is forbidden"}}', "pods is forbidden"),
        ("<html>", "no entry of a log"),
    ],
)
def test_logs_that_break_off(argo: Argo, text: str, said: str) -> None:
    argo.answers[f"GET {WORKFLOWS}/{RUN}"] = (200, workflow())
    argo.answers[f"GET {WORKFLOWS}/{RUN}/log"] = (200, text)
    with pytest.raises(DeployError, match=said):
        logs(argo)


# What goes wrong


@pytest.mark.parametrize(
    ("status", "body", "said", "fix"),
    [
        (401, {"message": "token not valid"}, "does not know you: token not valid", "argo auth"),
        (403, {"message": "forbidden"}, "you may not read", "ARGO_TOKEN"),
        (500, {"message": "no etcd"}, "could not read .*: no etcd", "run the same command again"),
        (200, "<html>log in</html>", "is not an Argo server", "ARGO_SERVER"),
        (502, "<html>gateway</html>", "could not read .*gateway", "run the same"),
    ],
)
def test_what_the_server_refuses(argo: Argo, status: int, body: Any, said: str, fix: str) -> None:
    argo.answers[f"GET {WORKFLOWS}/{RUN}"] = (status, body)
    with pytest.raises(DeployError, match=said) as raised:
        argo.provider().run(RUN)
    assert fix in raised.value.fix


def test_a_server_that_is_away(argo: Argo) -> None:
    there = argo.provider(ARGO_SERVER="127.0.0.1:9")
    with pytest.raises(
        DeployError, match=r"an Argo server at http://127\.0\.0\.1:9 does not answer"
    ):
        there.run(RUN)


def test_a_namespace_that_the_server_does_not_serve(argo: Argo) -> None:
    with pytest.raises(DeployError, match="has no /api/v1/workflows/space"):
        list(argo.provider().runs())


def test_nothing_is_deployed_this_way(argo: Argo) -> None:
    there: Any = argo.provider()
    change = object()
    for call in (
        lambda: there.preflight(()), lambda: there.observe(()),
        lambda: there.apply(change), lambda: there.delete(change),
    ):  # fmt: skip
        with pytest.raises(DeployError, match="takes no ConfigMaps, roles and Deployments") as got:
            call()
        assert "unset ARGO_SERVER" in got.value.fix
    assert argo.asked == []
