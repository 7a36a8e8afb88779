"""Steps in several places on Argo's controller and JobSet's own: what dies, and who stops."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from lightkube.resources.core_v1 import Pod
from tests.conformance.engines import Argo, Started
from tests.conformance.model import Case
from tests.engines.argo.job_sets import JobSet, with_job_sets
from tests.engines.argo.test_faults import delete, ended, shut_down, until

from flowc_shim.runner.journal import Journal
from flowc_shim.stores.open import open_store

if TYPE_CHECKING:
    from tests.engines.argo.engine import ArgoEngine

pytestmark = pytest.mark.argo

INDEX = "batch.kubernetes.io/job-completion-index"
TOLD = {"places": 3, "told": [[1, "hello"], [2, "hello"]]}


@pytest.fixture
def argo(argo_engine: ArgoEngine) -> Argo:
    with_job_sets(argo_engine.cluster)
    return Argo(argo_engine)


def case(name: str, *, outcome: str, step: str, result: Any = None) -> Case:
    """A step in three places, whose first one waits in the first attempt for ever."""
    retry = {"platform": {"max": 1, "delay": "100ms", "jitter": False}}
    given = {"dir": {"$input": "dir"}, "text": "hello", "waits": 1}
    where = {"id": "where", "component": "/p/where", "input": given, "retry": retry}
    flow = {"schema": "flowc/v1", "name": "case", "steps": [where], "output": {"$step": "where"}}
    bindings = ({"step": "/where", "locations": 3},)
    return Case(name, flow, None, outcome, result, {"where": step}, None, bindings=bindings)


def places(argo: Argo) -> list[Any]:
    """The pods of places that there are, the first one's first."""
    found = argo.engine.client.list(Pod, namespace=argo.engine.namespace, labels={INDEX: None})
    return sorted(found, key=lambda pod: str(pod.metadata.labels[INDEX]))


def all_told(started: Started, attempt: int) -> None:
    folder = started.folder / f"hello-where-{attempt}"
    until("the others' words", lambda: len(list(folder.glob("*.told"))) == 2, 180)


def test_a_place_that_is_deleted_fails_the_attempt(argo: Argo) -> None:
    expected = case("a place deleted", outcome="succeeded", step="succeeded", result=TOLD)
    started = argo.start(expected)
    all_told(started, 1)
    delete(argo, places(argo)[1])
    ended(argo, started, expected)
    store = open_store(started.store)
    try:
        uid = argo.engine.get(started.workflow)["metadata"]["uid"]
        attempts = Journal(store, uid).attempts((), "where")
    finally:
        store.close()
    assert [row.error.code if row.error else None for row in attempts] == ["PLACE_LOST", None]
    assert "[1] " in argo.engine.logs(started.workflow)


def test_a_run_that_is_stopped_leaves_no_place(argo: Argo) -> None:
    expected = case("places stopped", outcome="stopped", step="stopped")
    started = argo.start(expected)
    all_told(started, 1)
    shut_down(argo, started, "Stop")
    result = argo.engine.wait(started.workflow)
    assert argo.observe(started, result).outcome == "stopped", json.dumps(result.status)[:2000]
    until("no place", lambda: not places(argo), 120)
    assert not list(argo.engine.client.list(JobSet, namespace=argo.engine.namespace))
