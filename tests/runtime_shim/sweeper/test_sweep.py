"""The sweeper: runs whose engine ended without a word get their end; old ones are forgotten."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import pytest
from tests.runtime_shim.runner.world import World, plan_of
from tests.servers.local_http import serving

from flowc_shim.engines.api import EngineEnd, EngineUnavailable
from flowc_shim.engines.kube_api import KubeApi
from flowc_shim.engines.kubernetes import Kubernetes
from flowc_shim.runner.finish import begin_run
from flowc_shim.runner.journal import Journal
from flowc_shim.runner.keys import deployment_prefix
from flowc_shim.runner.plans import publish_plan
from flowc_shim.stores.open import open_store
from flowc_shim.sweeper.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

DEPLOYMENT = "argo/shop-main-prices"
STEPS: list[dict[str, Any]] = [{"id": "a", "input": 1}, {"id": "b", "input": {"$step": "a"}}]


@dataclass
class Engine:
    """Says what a test wrote down; a run that is not in it was deleted."""

    ends: dict[str, EngineEnd | None] = field(default_factory=dict)
    away: bool = False

    def end_of(self, run: str, header: Mapping[str, Any]) -> EngineEnd | None:
        if self.away:
            raise EngineUnavailable("nobody answers")
        return self.ends.get(run, EngineEnd("terminated", "deleted"))


@dataclass
class Deployment:
    """Runs of one plan in a store that the sweeper opens for itself."""

    folder: Path
    plan: Any = field(default_factory=lambda: plan_of(STEPS, {"$step": "b"}))

    def __post_init__(self) -> None:
        self.url = f"sqlite:///{self.folder}/state.db"
        self.store = open_store(self.url)
        publish_plan(self.store, self.plan)
        self.engine = Engine()

    def begin(self, run: str, started: float | None = None) -> World:
        world = World(self.plan, store=self.store, run_key=run)
        header: dict[str, Any] = {
            "name": f"prices-{run}", "flow": "prices", "plan": self.plan.digest,
            "deployment": DEPLOYMENT,
        }  # fmt: skip
        if started is not None:
            header["started"] = started
        begin_run(world.shim(), {}, header)
        return world

    def sweep(self, **keys: Any) -> Any:
        env = {"FLOWC_STORE": self.url, "FLOWC_PLAN": "/not/there"}
        return sweep(self.store, DEPLOYMENT, self.engine, env, **keys)

    def outcome(self, run: str) -> str | None:
        end = Journal(self.store, run).end()
        return end.outcome.value if end else None


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    made = Deployment(tmp_path)
    yield made
    made.store.close()


def test_a_terminated_run_gets_its_end(deployment: Deployment) -> None:
    world = deployment.begin("r1")
    world.run("a")
    world.shim().journal.begin_attempt((), "b", 1)
    found = deployment.sweep()
    assert (found.ended, deployment.outcome("r1")) == (["r1"], "stopped")
    assert world.outcome("b") == "stopped"


def test_a_terminated_run_gets_its_finally_steps(tmp_path: Path) -> None:
    last: list[dict[str, Any]] = [
        {"id": "tell", "component": "/builtin/noop", "input": [{"$run": "outcome"}]},
        {
            "id": "each",
            "needs": ["tell"],
            "foreach": {"items": {"$step": "tell"}},
            "component": "/builtin/noop",
            "input": {"$item": "$"},
        },
        {"id": "sum", "component": "/builtin/noop", "input": {"$step": "each"}},
    ]
    made = Deployment(tmp_path, plan_of(STEPS, {"$step": "b"}, **{"finally": last}))
    world = made.begin("r1")
    world.run("a")
    made.sweep()
    assert made.outcome("r1") == "stopped"
    journal = Journal(made.store, "r1")
    record = journal.record((), "finally/sum")
    assert record is not None
    assert journal.value(record) == ["stopped"]
    made.store.close()


def test_a_run_that_the_engine_failed_has_failed(deployment: Deployment) -> None:
    deployment.begin("r1")
    deployment.engine.ends["r1"] = EngineEnd("error", "its status got too large")
    deployment.sweep()
    end = Journal(deployment.store, "r1").end()
    assert end is not None and end.error is not None
    assert end.outcome.value == "failed"


def test_a_run_that_goes_on_is_left_alone(deployment: Deployment) -> None:
    deployment.begin("r1")
    deployment.engine.ends["r1"] = None
    found = deployment.sweep()
    assert (found.going_on, deployment.outcome("r1")) == (1, None)


def test_an_engine_that_is_away_decides_nothing(deployment: Deployment) -> None:
    deployment.begin("r1")
    deployment.engine.away = True
    found = deployment.sweep()
    assert list(found.failed) == ["r1"]
    assert deployment.outcome("r1") is None
    deployment.engine.away = False
    assert deployment.sweep().ended == ["r1"]


def test_what_has_an_end_is_looked_at_no_more(deployment: Deployment) -> None:
    world = deployment.begin("r1")
    world.run("a")
    world.run("b")
    world.finish()
    assert deployment.sweep().closed == 1
    assert deployment.sweep().closed == 0
    assert deployment.outcome("r1") == "succeeded"


def test_sweeping_again_changes_nothing(deployment: Deployment) -> None:
    deployment.begin("r1")
    deployment.sweep()
    before = {key: deployment.store.read(key) for key in deployment.store.list("runs")}
    assert deployment.sweep().ended == []
    assert {key: deployment.store.read(key) for key in deployment.store.list("runs")} == before


def test_one_that_cannot_be_ended_keeps_no_other_one_open(deployment: Deployment) -> None:
    deployment.begin("r1")
    other = World(plan_of([{"id": "z"}]), store=deployment.store, run_key="r0")
    begin_run(other.shim(), {}, {"plan": other.plan.digest, "deployment": DEPLOYMENT})
    found = deployment.sweep()
    assert (list(found.failed), found.ended) == (["r0"], ["r1"])


def test_past_its_retention_nothing_is_left_of_a_run(deployment: Deployment) -> None:
    old, new = deployment.begin("old", started=1000.0), deployment.begin("new")
    for world in (old, new):
        world.run("a")
        world.run("b")
        world.finish()
    deployment.begin("going-on", started=1000.0)
    deployment.engine.ends["going-on"] = None
    found = deployment.sweep(retention=86400.0)
    assert found.forgotten == ["old"]
    left = [*deployment.store.list("runs"), *deployment.store.list("names")]
    left += deployment.store.list(deployment_prefix(DEPLOYMENT))
    assert [key for key in left if "old" in key] == []
    assert deployment.outcome("new") == "succeeded"
    assert any("going-on" in key for key in left)


def test_a_name_that_another_run_has_is_kept(deployment: Deployment) -> None:
    for run, started in (("r-old", 1000.0), ("r-new", None)):
        world = World(deployment.plan, store=deployment.store, run_key=run)
        header: dict[str, Any] = {
            "name": "same", "plan": deployment.plan.digest, "deployment": DEPLOYMENT,
        }  # fmt: skip
        if started is not None:
            header["started"] = started
        begin_run(world.shim(), {}, header)
        world.finish("Stopped")
    assert deployment.sweep(retention=86400.0).forgotten == ["r-old"]
    assert [key for key in deployment.store.list("names/same") if "r-new" in key] != []


# What Argo says


@contextmanager
def api(workflows: dict[str, Any], status: int = 200) -> Iterator[str]:
    """Serve Workflows by name, as the API server does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = workflows.get(self.path.rpartition("/")[2])
            self.send_response(status if found else 404)
            self.end_headers()
            self.wfile.write(json.dumps(found or {}).encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with serving(Handler) as url:
        yield url


def workflow(phase: str, uid: str = "u", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"uid": uid}, "spec": spec, "status": {"phase": phase, "message": "m"}}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (workflow("Running"), None),
        (workflow(""), None),
        (workflow("Succeeded"), "succeeded"),
        (workflow("Error"), "error"),
        (workflow("Failed", shutdown="Terminate"), "terminated"),
        (workflow("Failed", shutdown="Stop"), "stopped"),
        (workflow("Running", uid="another"), "terminated"),
        (None, "terminated"),
    ],
)
def test_what_argo_says_of_a_run(tmp_path: Path, found: Any, expected: str | None) -> None:
    token = tmp_path / "token"
    token.write_text("t")
    with api({"w": found} if found else {}) as server:
        end = Kubernetes(KubeApi(server, "ns", token)).end_of("u", {"name": "w"})
    assert (None if end is None else end.status) == expected


def test_a_refusal_of_the_api_is_no_end(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t")
    with api({"w": workflow("Running")}, status=403) as server, pytest.raises(EngineUnavailable):
        Kubernetes(KubeApi(server, "ns", token)).end_of("u", {"name": "w"})
