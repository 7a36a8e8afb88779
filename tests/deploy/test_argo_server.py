"""Argo's own server as the way in: the same commands, with its address, and a token alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.deploy.test_runs import started, until

from flowc_targets.argo.deploy.kinds import KINDS

if TYPE_CHECKING:
    from tests.deploy.project import Project
    from tests.engines.argo.cluster import Cluster

    from flowc_targets.argo.deploy.connection import Connection

pytestmark = pytest.mark.argo


@pytest.fixture
def by_server(live: Project, api: Connection, argo_cluster: Cluster) -> Project:
    """What is deployed by kubeconfig, and then looked at by the server alone."""
    if not argo_cluster.server:
        pytest.skip("a given cluster: set FLOWC_ARGO_SERVER to the URL of its argo-server")
    said = live.flowc("deploy", "--yes")
    assert said.code == 0, said.err
    live.environ |= {
        "ARGO_SERVER": argo_cluster.server,
        "ARGO_TOKEN": token_of(api, live),
        "KUBECONFIG": str(live.folder / "none"),
        "KUBERNETES_SERVICE_HOST": "",
    }
    return live


def token_of(api: Connection, project: Project) -> str:
    """A token of an account that may do in the namespace what the commands need, and no more."""
    space, name = project.namespace, "operator"
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
    api.write("POST", KINDS["ServiceAccount"].path(space), account)
    rules = [
        {"apiGroups": ["argoproj.io"], "resources": ["workflows", "cronworkflows"],
         "verbs": ["get", "list", "watch", "create", "patch", "update", "delete"]},
        {"apiGroups": ["argoproj.io"], "resources": ["workflowtemplates"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list", "watch"]},
    ]  # fmt: skip
    rbac = "rbac.authorization.k8s.io"
    role = {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": {"name": name}, "rules": rules}
    api.write("POST", KINDS["Role"].path(space), role)
    binding = {
        "apiVersion": f"{rbac}/v1", "kind": "RoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": rbac, "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": space}],
    }  # fmt: skip
    api.write("POST", KINDS["RoleBinding"].path(space), binding)
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    path = KINDS["ServiceAccount"].path(space, name) + "/token"
    token = api.write("POST", path, request)["status"]["token"]
    return str(token)


def test_runs_by_the_server_alone(by_server: Project) -> None:
    given = json.dumps({"text": "a{{workflow.uid}}", "seconds": 1})
    command = ("trigger", "prices", "--input", given, "--idempotency-key", "k", "--tag", "t")
    first = by_server.flowc(*command, "--format", "json")
    assert first.code == 0, first.err
    run = first.json()["name"]
    assert by_server.flowc(*command, "--format", "json").json()["name"] == run
    followed = by_server.flowc("logs", run, "wait", "--follow", "--format", "json")
    assert followed.code == 0, followed.err
    lines = [json.loads(line) for line in followed.out.splitlines()]
    assert {line["unit"] for line in lines} == {"wait"}
    assert "waiting 1" in [line["text"] for line in lines]
    found = until(by_server, run, "succeeded")
    assert [step["outcome"] for step in found["steps"]] == ["succeeded", "succeeded"]
    rows = by_server.flowc("runs", "--tag", "t", "--format", "json").json()
    assert [(row["name"], row["state"]) for row in rows] == [(run, "succeeded")]
    assert "waiting 1" in by_server.flowc("logs", run).out
    unknown = by_server.flowc("status", "nothing")
    assert (unknown.code, "there is no run `nothing`" in unknown.err) == (1, True)


def test_stopping_by_the_server_alone(by_server: Project) -> None:
    run = started(by_server, text="a", seconds=600)
    until(by_server, run, "running")
    said = by_server.flowc("stop", run, "--wait")
    assert said.code == 0, said.err
    assert until(by_server, run, "stopped")["ended"] is not None


def test_schedules_and_refusals_by_the_server_alone(by_server: Project, api: Connection) -> None:
    path = KINDS["CronWorkflow"].path(by_server.namespace, "shop-main-prices")
    for command, suspended in (("suspend", True), ("unsuspend", False)):
        said = by_server.flowc(command, "prices")
        assert said.code == 0, said.err
        cron = api.get(path)
        assert cron is not None
        assert bool(cron["spec"].get("suspend")) is suspended
    said = by_server.flowc("plan")
    assert (said.code, "takes no ConfigMaps" in said.err) == (1, True)
    by_server.environ["ARGO_TOKEN"] = "wrong"
    said = by_server.flowc("runs")
    assert said.code == 1
    assert "does not know you" in said.err, said.err
