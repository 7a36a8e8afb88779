"""Component classes that come up beside a flow: their objects, and what is refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.gates.argo_validator import argo_problems
from tests.gates.haproxy import haproxy_problems
from tests.targets.argo.flows import STACK, compiled, diagnose, emitted, template_of, written

if TYPE_CHECKING:
    from pathlib import Path

ONE = "steps: [{id: a, component: /f, input: 1}]\noutput: {$step: a}\n"


def stack_with(deploy: str, profiles: str = "") -> str:
    plugin = f"served: {{type: stepflow, deploy: {deploy}}}"
    return re.sub(r"served: \{.*", plugin, STACK) + profiles


def objects(deploy: str, profiles: str = "", **options: Any) -> dict[tuple[str, str], Any]:
    """Return the objects of the class by kind and name."""
    files = emitted(ONE, stack_with(deploy, profiles), **options)
    documents = yaml.safe_load_all(files["class-served.yaml"])
    return {(d["kind"], d["metadata"]["name"]): d for d in documents}


def problems_of(deploy: str, profiles: str = "") -> list[tuple[str, str]]:
    compilation, diagnostics = diagnose(ONE, stack_with(deploy, profiles))
    assert compilation is None
    return [(d.code.number, f"{d.message} | {d.hint}") for d in diagnostics.sorted()]


def test_one_server_needs_no_balancer() -> None:
    found = objects("{image: 'x:1', port: 9000}")
    name = "orders--served"
    assert list(found) == [
        ("ServiceAccount", name),
        ("Deployment", name),
        ("Service", name),
        ("PodDisruptionBudget", name),
    ]
    deployment = found["Deployment", name]["spec"]
    assert deployment["replicas"] == 1
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    assert found["Service", name]["spec"]["ports"] == [
        {"name": "http", "port": 8080, "targetPort": "http"}
    ]
    (container,) = deployment["template"]["spec"]["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": 9000}]
    assert container["env"] == [{"name": "PORT", "value": "9000"}]
    assert container["resources"] == {}


def test_several_servers_stand_behind_a_balancer() -> None:
    found = objects("{image: 'x:1', replicas: 3, port: 9000}")
    kinds = [kind for kind, _ in found]
    assert kinds.count("StatefulSet") == 1
    assert found["Service", "orders--served"]["spec"]["selector"] == {
        "app.kubernetes.io/instance": "orders--served",
        "app.kubernetes.io/component": "balancer",
    }
    pods = found["Service", "orders--served-pods"]["spec"]
    assert (pods["clusterIP"], "publishNotReadyAddresses" in pods) == ("None", False)
    peers = found["Service", "orders--served-lb-peers"]["spec"]
    assert (peers["clusterIP"], peers["publishNotReadyAddresses"]) == ("None", True)
    balancers = found["StatefulSet", "orders--served-lb"]["spec"]
    assert (balancers["replicas"], balancers["serviceName"]) == (2, "orders--served-lb-peers")
    (files,) = [d["data"] for (kind, _), d in found.items() if kind == "ConfigMap"]
    assert "orders--served-pods.flows.svc.cluster.local:9000" in files["haproxy.cfg"]
    assert haproxy_problems(files["haproxy.cfg"]) == ""


def test_clients_call_the_service() -> None:
    plan = compiled(ONE, stack_with("{image: 'x:1', replicas: 3}")).plan
    assert plan.classes["served"] == {
        "type": "stepflow",
        "url": "http://orders--served.flows.svc:8080",
    }


def test_flows_of_a_project_share_their_classes() -> None:
    options = {"project": "shop", "branch": "main", "flow": "orders"}
    found = objects("{image: 'x:1'}", **options)
    labels = found["Deployment", "shop-main--served"]["metadata"]["labels"]
    assert labels["flowc.dev/project"] == "shop"
    assert labels["app.kubernetes.io/name"] == "shop-main--classes"
    assert "flowc.dev/flow" not in labels
    other = objects("{image: 'x:1'}", **{**options, "flow": "invoices"})
    assert other == found


@pytest.mark.parametrize("project", ["a" * 60, "3d", "Größe", "x-y"])
def test_names_are_accepted_by_kubernetes(project: str, tmp_path: Path) -> None:
    deploy = "{image: 'x:1', replicas: {max: 3, cpu: 70%}, resources: {cpu: 1}}"
    files = emitted(ONE, stack_with(deploy), project=project, branch="feature/x", flow="orders")
    assert argo_problems(written(tmp_path, files)) == []


def test_autoscaling_leaves_the_number_alone() -> None:
    replicas = "{min: 2, max: 9, cpu: 70%, metric: {name: waiting, value: 500m}}"
    balancer = "{replicas: {min: 2, max: 4, cpu: 50%}}"
    found = objects(
        f"{{image: 'x:1', resources: {{cpu: 1}}, replicas: {replicas}, balancer: {balancer}}}"
    )
    servers = found["HorizontalPodAutoscaler", "orders--served"]["spec"]
    assert servers["scaleTargetRef"]["kind"] == "Deployment"
    assert (servers["minReplicas"], servers["maxReplicas"]) == (2, 9)
    assert servers["metrics"] == [
        {
            "type": "Resource",
            "resource": {
                "name": "cpu",
                "target": {"type": "Utilization", "averageUtilization": 70},
            },
        },
        {
            "type": "Pods",
            "pods": {
                "metric": {"name": "waiting"},
                "target": {"type": "AverageValue", "averageValue": "500m"},
            },
        },
    ]
    balancers = found["HorizontalPodAutoscaler", "orders--served-lb"]["spec"]
    assert balancers["scaleTargetRef"]["kind"] == "StatefulSet"
    assert "replicas" not in found["Deployment", "orders--served"]["spec"]
    assert "replicas" not in found["StatefulSet", "orders--served-lb"]["spec"]
    (files,) = [d["data"] for (kind, _), d in found.items() if kind == "ConfigMap"]
    assert files["haproxy.cfg"].count("    peer ") == 4


def test_resources_and_nodes_of_a_profile() -> None:
    profiles = """
resources:
  v100:
    {gpu: 1, gpu_type: v100, memory: 32Gi, cpu: 500m, disk: 20Gi, machine_type: n1-highmem-16,
     node_selector: {accelerator: v100}, tolerations: [{key: gpu, operator: Exists}]}
"""
    deploy = "{image: 'x:1', resources: v100, node_selector: {pool: big}, tolerations: [{key: b}]}"
    pod = objects(deploy, profiles)["Deployment", "orders--served"]["spec"]["template"]["spec"]
    amounts = {
        "cpu": "500m", "memory": "32Gi", "ephemeral-storage": "20Gi", "nvidia.com/gpu": "1"
    }  # fmt: skip
    assert pod["containers"][0]["resources"] == {"requests": amounts, "limits": amounts}
    assert pod["nodeSelector"] == {
        "accelerator": "v100",
        "node.kubernetes.io/instance-type": "n1-highmem-16",
        "pool": "big",
    }
    assert pod["tolerations"] == [{"key": "gpu", "operator": "Exists"}, {"key": "b"}]


def test_secrets_come_from_kubernetes() -> None:
    env = "{TOKEN: {secret: model-token}, LEVEL: '3'}"
    found = objects(f"{{image: 'x:1', env: {env}, service_account: models}}")
    pod = found["Deployment", "orders--served"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["env"][1:] == [
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "model-token", "key": "value"}}},
        {"name": "LEVEL", "value": "3"},
    ]
    assert pod["serviceAccountName"] == "models"
    assert not any(kind == "ServiceAccount" for kind, _ in found)


def test_a_class_that_no_step_uses_stays_away() -> None:
    stack = STACK.replace(
        "  inside:", "  idle: {type: stepflow, deploy: {image: 'x:1'}}\n  inside:"
    )
    python = "steps: [{id: a, component: /inside/m:f, input: 1}]\noutput: {$step: a}\n"
    assert not any(name.startswith("class-") for name in emitted(python, stack))


@pytest.mark.parametrize(
    ("deploy", "code", "part"),
    [
        ("{image: x, replicas: {max: 3, cpu: 70%}}", "FC501", "resources: {cpu: …}"),
        ("{image: x, resources: v}", "FC501", "node_selector"),
        ("{image: x, resources: spot}", "FC501", "`preemptible` names no nodes"),
        ("{image: x, env: {'A B': c}}", "FC502", "environment variable"),
        ("{image: x, env: {A: {secret: A_B}}}", "FC502", "Kubernetes Secret"),
        ("{image: x, env: {PORT: '3'}}", "FC502", "`PORT` is set by flowc"),
        ("{image: x, service_account: A_B}", "FC502", "ServiceAccount"),
    ],
)
def test_what_a_cluster_would_refuse(deploy: str, code: str, part: str) -> None:
    ((number, text),) = problems_of(deploy, PROFILES)
    assert number == code
    assert part in text


def test_a_server_that_may_be_taken_away_needs_a_retry() -> None:
    stack = stack_with("{image: x, resources: spot, tolerations: [{key: spot}]}", PROFILES)
    assert diagnose(ONE, stack)[0] is not None
    flow = ONE.replace("input: 1", "input: 1, retry: {platform: {max: 0}}")
    compilation, diagnostics = diagnose(flow, stack)
    assert compilation is None
    assert [d.code.number for d in diagnostics] == ["FC312"]


def test_what_is_about_aws_is_said_to_be_ignored() -> None:
    stack = stack_with("{image: x, resources: q}", PROFILES)
    _, diagnostics = diagnose(ONE, stack)
    assert [(d.code.number, d.message.split()[0]) for d in diagnostics.sorted()] == [
        ("FC119", "`compute`"),
        ("FC119", "`queue`"),
    ]


PROFILES = """
resources:
  v: {gpu: 1, gpu_type: v100}
  spot: {cpu: 1, preemptible: true}
  q: {cpu: 1, queue: big, compute: batch}
"""


def test_a_requirement_is_checked_against_what_a_server_gets() -> None:
    flow = ONE.replace("input: 1", "input: 1, resources: {gpu: 2}")
    compilation, diagnostics = diagnose(flow, stack_with("{image: x, resources: {gpu: 1}}"))
    assert compilation is None
    assert [d.code.number for d in diagnostics] == ["FC305"]


BLOBS = "\nblob_api: {token: {secret: blob-token}}\n"
TOKEN = {
    "name": "FLOWC_BLOB_API_TOKEN",
    "valueFrom": {"secretKeyRef": {"name": "blob-token", "key": "value"}},
}


def test_an_endpoint_for_blobs_comes_up_once(tmp_path: Path) -> None:
    files = emitted(ONE, STACK + BLOBS, project="shop", branch="main", flow="orders")
    found = {d["kind"]: d for d in yaml.safe_load_all(files["blob-api.yaml"])}
    assert list(found) == ["ServiceAccount", "Deployment", "Service", "PodDisruptionBudget"]
    assert {d["metadata"]["name"] for d in found.values()} == {"shop-main--blob-api"}
    spec = found["Deployment"]["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert spec["replicas"] == 2
    assert container["args"] == ["blob-api", "--host=0.0.0.0", "--port=7841"]
    assert container["env"] == [{"name": "FLOWC_STORE", "value": "s3://bucket/state"}, TOKEN]
    for unit in template_of(files)["spec"]["templates"]:
        if "container" in unit:
            url = "http://shop-main--blob-api.flows.svc:7841/api/v1/blobs"
            assert {"name": "FLOWC_BLOB_API", "value": url} in unit["container"]["env"]
            assert TOKEN in unit["container"]["env"]
    assert argo_problems(written(tmp_path, files)) == []


def test_an_endpoint_that_is_there_is_only_named() -> None:
    stack = STACK + BLOBS.replace("{token", '{url: "https://blobs.acme.io/api/v1/blobs", token')
    files = emitted(ONE, stack)
    assert "blob-api.yaml" not in files
    assert "https://blobs.acme.io/api/v1/blobs" in files["workflow-template.yaml"]


def test_without_component_servers_nobody_keeps_blobs() -> None:
    python = "steps: [{id: a, component: /inside/m:f, input: 1}]\noutput: {$step: a}\n"
    files = emitted(python, STACK + BLOBS)
    assert "blob-api.yaml" not in files
    assert "FLOWC_BLOB_API" not in files["workflow-template.yaml"]


def test_a_class_that_is_called_like_the_endpoint() -> None:
    stack = stack_with("{image: 'x:1'}").replace("served", "blob-api") + BLOBS
    files = emitted(ONE, stack)
    names = {
        document["metadata"]["name"]
        for name, text in files.items()
        if name.startswith(("class-", "blob-api"))
        for document in yaml.safe_load_all(text)
        if document["kind"] == "Deployment"
    }
    assert len(names) == 2


def test_a_class_that_keeps_blobs_needs_the_endpoint() -> None:
    stack = STACK.replace('8080"}', '8080", blobs: true}')
    compilation, diagnostics = diagnose(ONE, stack)
    assert compilation is None
    ((number, text),) = [(d.code.number, f"{d.message} | {d.hint}") for d in diagnostics]
    assert (number, "blob_api: {token" in text) == ("FC501", True)
    assert "blob-api.yaml" in emitted(ONE, stack + BLOBS)
