"""What pods print, followed until the run has ended, from an API server whose answers are in turn.

On a real one: `tests/deploy/test_runs.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from flowc.deploy.provider import DeployError, EngineRun, LogLine, RunState
from flowc_targets.argo.deploy import logs as module
from flowc_targets.argo.deploy.api import KubernetesApi
from flowc_targets.argo.deploy.connection import Connection
from flowc_targets.argo.deploy.logs import logs
from flowc_targets.argo.deploy.workflows import Workflows

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN = EngineRun("uid-1", "run-1", RunState.RUNNING)
PODS = "/api/v1/namespaces/space/pods"


def pod(unit: str, phase: str = "Running", owner: str = "uid-1", scope: str = "") -> dict[str, Any]:
    notes = {"flowc.dev/unit": unit, **({"flowc.dev/scope": scope} if scope else {})}
    return {
        "metadata": {"name": f"pod-{unit}", "annotations": notes,
                     "ownerReferences": [{"uid": owner}], "creationTimestamp": unit},
        "status": {"phase": phase},
    }  # fmt: skip


@dataclass
class Cluster:
    """Looks at the run, one after the other: its phase (None: it is gone), and the pods then."""

    looks: list[tuple[str | None, list[dict[str, Any]]]]
    printed: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    pods: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path.endswith("/log"):
            name = path.removesuffix("/log").rpartition("/")[2]
            self.asked.append(name)
            if name in self.refused:
                return httpx2.Response(403, json={"message": "pods/log is forbidden"})
            return httpx2.Response(200, text=self.printed.get(name, ""))
        if path == PODS:
            return httpx2.Response(200, json={"items": self.pods})
        phase, self.pods = self.looks[0] if len(self.looks) == 1 else self.looks.pop(0)
        if phase is None:
            return httpx2.Response(404, json={})
        metadata = {"name": "run-1", "uid": "uid-1"}
        return httpx2.Response(200, json={"metadata": metadata, "status": {"phase": phase}})

    def follow(self, *units: str) -> Iterator[LogLine]:
        http = httpx2.Client(transport=httpx2.MockTransport(self), base_url="https://cluster")
        connection = Connection(http, (httpx2.HTTPError,), "https://cluster")
        workflows = Workflows(KubernetesApi(connection, "space"), "space", "shop")
        return logs(connection, "space", workflows, RUN, units, follow=True)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_POLL", 0.05)


def test_every_pod_is_read_once_and_to_its_end() -> None:
    """One is there from the start, one begins later, one never begins, one is another run's."""
    other = pod("z", owner="uid-0")
    cluster = Cluster(
        [
            ("Running", []),
            ("Running", [pod("a"), other]),
            ("Running", [pod("a"), pod("b", "Pending"), other]),
            ("Succeeded", [pod("a", "Succeeded"), pod("b", "Succeeded", scope="b/0"),
                           pod("c", "Pending"), other]),
        ],
        {"pod-a": "T1 one\nT2 two\nT3 level=info argo=true\n", "pod-b": "T4 three\n"},
    )  # fmt: skip
    found = list(cluster.follow())
    assert found == [
        LogLine("a", "", "one", "T1"), LogLine("a", "", "two", "T2"),
        LogLine("b", "b/0", "three", "T4"),
    ]  # fmt: skip
    assert cluster.asked == ["pod-a", "pod-b"]


def test_only_the_wanted_unit() -> None:
    pods = [pod("a", "Succeeded"), pod("b", "Succeeded")]
    cluster = Cluster([("Succeeded", pods)], {"pod-b": "T1 here\n"})
    assert [line.text for line in cluster.follow("b")] == ["here"]
    assert cluster.asked == ["pod-b"]


def test_a_run_that_is_deleted_meanwhile_ends_it() -> None:
    cluster = Cluster([("Running", [pod("a")]), (None, [])], {"pod-a": "T1 here\n"})
    assert [line.text for line in cluster.follow()] == ["here"]


def test_what_may_not_be_read_is_said_and_not_left_out() -> None:
    cluster = Cluster([("Succeeded", [pod("a", "Succeeded")])], refused={"pod-a"})
    with pytest.raises(DeployError, match="pods/log is forbidden"):
        list(cluster.follow())
