"""What of deploying needs no cluster: local runs in the same words, refusals, and joins."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.deploy.project import Project

from flowc.cli.deploying import release_store
from flowc.cli.deploying.claiming import release_place, require_place
from flowc.cli.deploying.run_rows import list_rows, row_of
from flowc.deploy.provider import DeployError, EngineRun, RunState
from flowc_shim.contract.outcomes import Outcome
from flowc_shim.runner.journal import Journal
from flowc_shim.runner.records import EndRecord
from flowc_shim.stores.memory import MemoryStore
from flowc_targets.argo.deploy.comparable import comparable, edited, surplus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

OF = "argo/shop-main-prices"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    environ = {
        "FLOWC_STORE": f"sqlite:///{tmp_path}/state.db", "FLOWC_BRANCH": "main",
        "KUBECONFIG": str(tmp_path / "none"), "KUBERNETES_SERVICE_HOST": "",
    }  # fmt: skip
    return Project(tmp_path, "shop", environ=environ).write()


# This machine, in the same words


def test_local_runs_are_listed_as_those_of_a_target(project: Project) -> None:
    store = project.environ.pop("FLOWC_STORE")
    dev = ("--env", "dev")
    assert project.flowc("run", "prices", "--input", '{"name": "Ada"}', *dev).code == 0
    assert project.flowc("run", "prices", "--input", '{"name": "Bob"}', *dev).code == 0
    rows = project.flowc("runs", *dev, "--format", "json").json()
    assert [row["state"] for row in rows] == ["succeeded", "succeeded"]
    good = rows[0]
    assert good["deployment"] == "local/shop-main-prices"
    found = project.flowc("status", good["name"], *dev, "--format", "json").json()
    assert [step["outcome"] for step in found["steps"]] == ["succeeded"]
    assert project.flowc("runs", *dev, "--status", "failed", "--format", "json").json() == []
    assert project.flowc("runs", *dev, "--since", "0s", "--format", "json").json() == []
    project.environ["FLOWC_STORE"] = store


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["plan"], "nothing is deployed to `local`"),
        (["deploy", "--yes"], "nothing is deployed to `local`"),
        (["undeploy", "--yes"], "nothing is deployed to `local`"),
        (["trigger", "prices"], "`flowc run prices` runs it here"),
        (["suspend", "prices"], "nothing schedules runs on this machine"),
        (["status", "x"], "there is no run `x`"),
    ],
)
def test_what_this_machine_does_not_do(project: Project, command: list[str], said: str) -> None:
    found = project.flowc(*command, "--env", "dev")
    assert found.code == 1
    assert said in found.err


def test_a_cluster_that_is_not_configured(project: Project) -> None:
    found = project.flowc("plan")
    assert found.code == 1
    assert "no Kubernetes cluster is configured" in found.err


@pytest.mark.parametrize("command", [["plan"], ["deploy", "--yes"], ["undeploy", "--yes"]])
def test_an_argo_server_alone_is_not_deployed_to(project: Project, command: list[str]) -> None:
    project.environ["ARGO_SERVER"] = "127.0.0.1:9"
    found = project.flowc(*command)
    assert found.code == 1
    assert "the Argo server https://127.0.0.1:9 takes no ConfigMaps" in found.err
    assert project.flowc("runs").err.startswith("error: an Argo server at https://127.0.0.1:9 does")


def test_asking_needs_a_cluster_too(project: Project) -> None:
    assert project.flowc("check", "prices").code == 0
    found = project.flowc("check", "prices", "--live", "--format", "json")
    assert found.code == 1
    said = json.loads(found.err.splitlines()[-1])
    assert "no Kubernetes cluster is configured" in said["error"]


def test_a_strategy_is_refused_and_not_ignored(project: Project) -> None:
    file = project.folder / "flowc.yaml"
    text = file.read_text().replace(
        "file: flow.yaml,", "file: flow.yaml, strategy: {rule: last_only},"
    )
    file.write_text(text)
    found = project.flowc("plan")
    assert found.code == 1
    assert "error[FC118]" in found.err and "last_only" in found.err


def test_words_that_mean_nothing(project: Project) -> None:
    assert project.flowc("runs", "--status", "done", "--env", "dev").code == 2
    assert project.flowc("runs", "--since", "yesterday", "--env", "dev").code == 2
    assert project.flowc("plan", "nothing").code == 1


# Releases


def test_an_interrupted_release_is_gone_on_with() -> None:
    store = MemoryStore("memory:")
    first = release_store.begin(store, OF, "d1", "p1", "c1")
    assert release_store.begin(store, OF, "d1", "p1", "c1") == first
    other = release_store.begin(store, OF, "d2", "p2", "c2")
    assert (other.number, release_store.is_newest(store, OF, first)) == (2, False)
    release_store.complete(store, OF, other)
    assert release_store.begin(store, OF, "d2", "p2", "c2").number == 3
    listed = release_store.releases(store, OF)
    assert [(one.number, one.applied is not None) for one in listed] == [
        (1, False), (2, True), (3, False),
    ]  # fmt: skip


# One place per name


class Place:
    """A provider that knows where it is."""

    def __init__(self, **parts: str) -> None:
        self._parts = parts

    def identity(self) -> dict[str, str]:
        return self._parts


def test_a_name_is_deployed_at_one_place_of_a_store() -> None:
    store = MemoryStore("memory:")
    deployment: Any = SimpleNamespace(key=OF, title="shop-main-prices on argo")
    here: Any = Place(namespace="a", cluster="1")
    require_place(deployment, here, store)
    assert list(store.list("")) == [], "looking claims nothing"
    require_place(deployment, here, store, claim=True)
    require_place(deployment, here, store, claim=True)
    same: list[Any] = [Place(namespace="a"), Place()]
    for who_knows_less in same:
        require_place(deployment, who_knows_less, store, claim=True)
    others: list[Any] = [Place(namespace="b", cluster="1"), Place(namespace="a", cluster="2")]
    for other in others:
        for claim in (False, True):
            with pytest.raises(DeployError, match="are of namespace a, cluster 1") as raised:
                require_place(deployment, other, store, claim=claim)
    assert "delete `deployments/argo%2Fshop-main-prices/place`" in raised.value.fix
    release_place(deployment, store)
    require_place(deployment, others[0], store, claim=True)


# Runs: what the store says, and what the engine says


@dataclass
class Engine:
    """What an engine would say."""

    known: dict[str, EngineRun] = field(default_factory=dict)

    def runs(self, keep: Iterable[RunState] = ()) -> Iterator[EngineRun]:
        return iter(self.known.values())

    def run(self, key_or_name: str) -> EngineRun | None:
        return next((one for one in self.known.values() if one.name == key_or_name), None)


def begun(store: MemoryStore, run: str, outcome: Outcome | None = None) -> None:
    journal = Journal(store, run)
    journal.begin({}, {"name": f"name-{run}", "deployment": OF, "plan": "p"})
    if outcome is not None:
        journal.commit_end(EndRecord(outcome))


@pytest.mark.parametrize(
    ("recorded", "engine", "expected"),
    [
        (None, RunState.RUNNING, "running"),
        (None, RunState.FAILED, "failed"),
        (None, None, "stopped"),
        (Outcome.SUCCEEDED, None, "succeeded"),
        (Outcome.STOPPED, RunState.FAILED, "stopped"),
        (Outcome.SUCCEEDED, RunState.RUNNING, "succeeded"),
    ],
)
def test_the_state_of_a_run(
    recorded: Outcome | None, engine: RunState | None, expected: str
) -> None:
    store = MemoryStore("memory:")
    begun(store, "r", recorded)
    known = {} if engine is None else {"r": EngineRun("r", "name-r", engine, 1.0)}
    provider: Any = Engine(known)
    row = row_of(store, OF, "r", provider)
    assert row is not None
    assert row.state.value == expected
    assert [one.state.value for one in list_rows(store, OF, provider, 10)] == [expected]


def test_a_run_that_has_not_begun_is_known_by_the_engine_alone() -> None:
    provider: Any = Engine({"r": EngineRun("r", "name-r", RunState.PENDING, 1.0)})
    [row] = list_rows(MemoryStore("memory:"), OF, provider, 10)
    assert (row.name, row.state) == ("name-r", RunState.PENDING)


# What of a live object is flowc's


def live(**more: Any) -> dict[str, Any]:
    item = {'k:{"name":"x"}': {".": {}, "f:name": {}, "f:n": {}}}
    fields = {"f:spec": {"f:a": {}, "f:list": item}}
    by_hand = {"f:spec": {"f:extra": {}}, "f:metadata": {"f:labels": {"f:team": {}}}}
    return {
        "apiVersion": "v1",
        "kind": "Thing",
        "metadata": {
            "name": "t",
            "labels": {"team": "a", "own": "b"},
            "managedFields": [
                {"manager": "flowc", "fieldsV1": fields},
                {"manager": "kubectl", "time": "T", "fieldsV1": by_hand},
                {"manager": "controller", "subresource": "status", "fieldsV1": {"f:status": {}}},
            ],
        },
        "spec": {
            "a": 1, "extra": 2, "defaulted": 3,
            "list": [{"name": "x", "n": 1, "defaulted": True}],
            **more,
        },
        "status": {"phase": "on"},
    }  # fmt: skip


DESIRED: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Thing",
    "metadata": {"name": "t", "labels": {"own": "b"}},
    "spec": {"a": 1, "list": [{"name": "x", "n": 1}]},
}


def test_defaults_of_the_server_say_nothing_and_hands_do() -> None:
    found = comparable(live(), DESIRED)
    assert found["spec"] == {"a": 1, "extra": 2, "list": [{"name": "x", "n": 1}]}
    assert found["metadata"] == DESIRED["metadata"]
    assert edited(live()) == {"spec.extra": "kubectl at T"}
    assert surplus(found, DESIRED) == {"spec": {"extra": None}}


def test_what_is_as_desired_has_no_surplus() -> None:
    assert surplus(DESIRED, replace_spec(DESIRED)) is None


def replace_spec(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "spec": dict(document["spec"])}
