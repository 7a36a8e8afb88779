"""What a deploy finds out before it writes, of an API server that says what the test wants.

On a real one: `tests/deploy/test_objects.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from flowc.deploy.model import Desired, Ref
from flowc.deploy.provider import DeployError, Problem
from flowc_shim.engines.job_sets import GROUP as JOB_SET
from flowc_targets._shared.registries.manifests import Registries, Unclear
from flowc_targets.argo.deploy import connection as module
from flowc_targets.argo.deploy.connection import Connection
from flowc_targets.argo.deploy.kinds import ARGO
from flowc_targets.argo.deploy.preflight import preflight

LEASES, PODS = "/apis/coordination.k8s.io/v1/leases", "/api/v1/pods"
KINDS = ("workflows", "workflowtemplates", "cronworkflows", "workflowtaskresults")
EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
SERVER = "https://cluster"


@dataclass
class Server:
    """Answers by path; what is in none of them is not there."""

    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        status, body = self.answers.get(request.url.path, (404, {"message": "no"}))
        return httpx2.Response(status, json=body)

    def connection(self) -> Connection:
        http = httpx2.Client(transport=httpx2.MockTransport(self), base_url=SERVER)
        return Connection(http, (httpx2.HTTPError,), SERVER)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(module, "_PAUSE", 0.0)
    monkeypatch.setattr(Registries, "has", lambda self, image: True)
    rules = {"status": {"resourceRules": [EVERYTHING]}}
    return Server(
        {
            "/api/v1/namespaces/space": (200, {}),
            f"/apis/{ARGO}": (200, {"resources": [{"name": name} for name in KINDS]}),
            "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews": (201, rules),
            LEASES: items(lease("argo", 0)),
            PODS: items(pod("argo")),
        }
    )


def items(*found: Any) -> tuple[int, Any]:
    return 200, {"items": list(found)}


def lease(namespace: str, age: float) -> dict[str, Any]:
    renewed = datetime.now(UTC) - timedelta(seconds=age)
    spec = {"renewTime": renewed.isoformat(timespec="microseconds").replace("+00:00", "Z")}
    return {"metadata": {"name": "workflow-controller", "namespace": namespace}, "spec": spec}


def pod(namespace: str, *arguments: str, ready: bool = True) -> dict[str, Any]:
    return {
        "metadata": {"name": "controller", "namespace": namespace},
        "spec": {"containers": [{"command": ["workflow-controller"], "args": list(arguments)}]},
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def found(server: Server, *images: str) -> tuple[Problem, ...]:
    containers = [{"image": image} for image in images]
    body = {"spec": {"template": {"spec": {"containers": containers}}}}
    desired = [Desired(Ref("Deployment", "d"), body)] if images else []
    return preflight(server.connection(), "space", desired)


def test_nothing_is_said_where_all_is_well(server: Server) -> None:
    assert found(server, "units:1") == ()


# Argo itself


def test_a_server_without_argo(server: Server) -> None:
    del server.answers[f"/apis/{ARGO}"]
    (problem,) = found(server)
    assert problem.message == f"{SERVER} knows no Argo Workflows ({ARGO})"
    assert problem.fix == "install Argo Workflows 3.6 or later, its CRDs included"


def test_a_server_that_lacks_one_of_argos_kinds(server: Server) -> None:
    without = [{"name": name} for name in KINDS if name != "workflowtaskresults"]
    server.answers[f"/apis/{ARGO}"] = (200, {"resources": without})
    (problem,) = found(server)
    assert problem.message == f"{SERVER} has no `workflowtaskresults` of Argo Workflows"
    assert problem.fix == "apply the CRDs of the Argo release that runs there"


def test_no_namespace(server: Server) -> None:
    del server.answers["/api/v1/namespaces/space"]
    (problem,) = found(server)
    assert problem.fix.startswith("`kubectl create namespace space`")


# What steps in several places need


def test_a_server_without_job_sets(server: Server) -> None:
    rules = [{"apiGroups": [JOB_SET], "resources": ["jobsets"], "verbs": ["create"]}]
    desired = [Desired(Ref("Role", "r"), {"rules": rules})]
    (problem,) = preflight(server.connection(), "space", desired)
    assert problem.message.startswith(f"{SERVER} has no JobSet ({JOB_SET})")
    server.answers[f"/apis/{JOB_SET}"] = (200, {"versions": []})
    assert preflight(server.connection(), "space", desired) == ()
    server.answers[f"/apis/{JOB_SET}"] = (500, {})
    with pytest.raises(DeployError):
        preflight(server.connection(), "space", desired)


# Its controller


def test_either_sign_of_life_is_enough(server: Server) -> None:
    server.answers |= {LEASES: items(), PODS: items(pod("argo"))}
    assert found(server) == ()
    server.answers |= {LEASES: items(lease("argo", 60)), PODS: (403, {})}
    assert found(server) == ()
    server.answers |= {LEASES: items(lease("argo", 60)), PODS: items()}
    assert found(server) == ()


def test_a_controller_that_is_down(server: Server) -> None:
    server.answers |= {LEASES: items(lease("argo", 3600)), PODS: items()}
    stale = found(server)
    server.answers |= {LEASES: items(), PODS: items(pod("argo", ready=False))}
    assert found(server) == stale
    (problem,) = stale
    assert problem.message == "Argo's controller in `argo` is not running"
    assert problem.stops


def test_no_controller_is_found_which_may_run_elsewhere(server: Server) -> None:
    server.answers |= {LEASES: items(), PODS: items()}
    (problem,) = found(server)
    assert problem.message == "no controller of Argo Workflows is found in the cluster"
    assert not problem.stops


def test_nothing_is_said_of_what_nobody_may_see(server: Server) -> None:
    server.answers |= {LEASES: (403, {}), PODS: (403, {})}
    assert found(server) == ()


@pytest.mark.parametrize(
    ("arguments", "only"),
    [
        (["--namespaced"], "argo"),
        (["--namespaced=true"], "argo"),
        (["--namespaced", "--managed-namespace", "other"], "other"),
        (["--namespaced", "--managed-namespace=space"], None),
        (["--managed-namespace", "other"], None),
        (["--namespaced=false"], None),
    ],
)
def test_a_controller_of_another_namespace(
    server: Server, arguments: list[str], only: str | None
) -> None:
    server.answers[PODS] = items(pod("argo", *arguments))
    messages = [one.message for one in found(server)]
    said = f"Argo's controller runs only what is in namespace {only}"
    assert messages == ([] if only is None else [said])
    server.answers[LEASES] = items(lease("argo", 0), lease("more", 0))
    assert found(server) == (), "of the second nothing is known"


# Images


def test_an_image_that_is_nowhere_and_one_that_is_on_a_node(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Registries, "has", lambda self, image: image == "units:1")
    node = {"status": {"images": [{"names": ["docker.io/library/loaded:2"]}]}}
    server.answers["/api/v1/nodes"] = items(node)
    (problem,) = found(server, "units:1", "loaded:2", "lost:3", "{{inputs.parameters.image}}")
    assert (problem.message, problem.stops) == ("there is no image `lost:3`", True)
    assert problem.fix == "`docker push lost:3`"
    server.answers["/api/v1/nodes"] = (403, {})
    assert len(found(server, "loaded:2")) == 1


def test_a_registry_that_does_not_tell_stops_nobody(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def has(self: Registries, image: str) -> bool:
        raise Unclear("registry.acme.dev does not let you see it (HTTP 401)")

    monkeypatch.setattr(Registries, "has", has)
    (problem,) = found(server, "registry.acme.dev/units:1")
    assert not problem.stops
    assert "does not let you see it (HTTP 401)" in problem.message


def test_an_answer_that_nobody_expects_is_an_error(server: Server) -> None:
    server.answers["/api/v1/namespaces/space"] = (500, {"message": "etcd is down"})
    with pytest.raises(DeployError, match="etcd is down"):
        found(server)
