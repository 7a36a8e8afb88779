"""Programs in pods of their own, on a kubelet: what makes them, and what ends them.

That they run, fail and are tried again is in the conformance cases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from lightkube.resources.core_v1 import Pod
from tests.conformance.engines import Argo
from tests.engines.argo.test_faults import (
    RETRY,
    call,
    came,
    case,
    delete,
    ended,
    opened,
    pod_of,
    shut_down,
    until,
)

from flowc_shim.runner.journal import Journal
from flowc_shim.stores.open import open_store

if TYPE_CHECKING:
    from tests.conformance.engines import Started
    from tests.engines.argo.engine import ArgoEngine

pytestmark = pytest.mark.argo


@pytest.fixture
def argo(argo_engine: ArgoEngine) -> Argo:
    return Argo(argo_engine)


def program(id: str, component: str = "program", **keys: Any) -> dict[str, Any]:
    given = {"dir": {"$input": "dir"}, "gate": id}
    return {**call(id, "", given, **keys), "component": f"/i/{component}"}


def pods_made(argo: Argo, started: Started) -> list[Any]:
    """Return the programs' pods of a run that there are now."""
    pods = argo.engine.client.list(Pod, namespace=argo.engine.namespace)
    return [
        pod
        for pod in pods
        if pod.metadata.name.startswith(f"{started.workflow[:40]}-") and owned(pod)
    ]


def owned(pod: Any) -> bool:
    return any(owner.kind == "Pod" for owner in pod.metadata.ownerReferences or ())


def test_a_stopped_run_ends_its_program(argo: Argo) -> None:
    expected = case(
        "stopped program",
        program("a"),
        call("b", "echo", {"a": {"$step": "a"}}),
        expect={"outcome": "stopped", "outcomes": {"a": "stopped", "b": "not_started"}},
        output={"$step": "b"},
    )
    started = argo.start(expected)
    came(started, "a")
    assert len(pods_made(argo, started)) == 1
    shut_down(argo, started, "Stop")
    ended(argo, started, expected)
    until("the program's pod is gone", lambda: not pods_made(argo, started))


@pytest.mark.parametrize("whose", ["unit", "program"])
def test_a_pod_is_deleted(argo: Argo, whose: str) -> None:
    """The unit's takes the program's with it; either way the next attempt has one of its own."""
    expected = case(
        f"program and deleted {whose}",
        program("a", retry=RETRY),
        expect={"result": "a done", "outcomes": {"a": "succeeded"}},
        output={"$step": "a"},
    )
    started = argo.start(expected)
    came(started, "a")
    (made,) = pods_made(argo, started)
    (started.folder / "a.came").unlink()
    delete(argo, pod_of(argo, started, "a") if whose == "unit" else made)
    came(started, "a")
    assert [pod.metadata.uid for pod in pods_made(argo, started)] != [made.metadata.uid]
    opened(started, "a")
    observed = ended(argo, started, expected)
    assert observed.result == "a done"
    until("the program's pods are gone", lambda: not pods_made(argo, started))


def test_an_image_that_nobody_has(argo: Argo) -> None:
    expected = case(
        "no such image",
        program("a", "nowhere", retry={"platform": {"max": 0}}, onError={"action": "useDefault"}),
        expect={"outcomes": {"a": "defaulted"}},
        output={"$step": "a"},
    )
    started = argo.start(expected)
    ended(argo, started, expected)
    uid = argo.engine.get(started.workflow)["metadata"]["uid"]
    store = open_store(started.store)
    record = Journal(store, uid).record((), "a")
    store.close()
    assert record is not None and record.error is not None
    assert record.error.code == "CONTAINER_START"
    assert "container `program`: " in record.error.message
