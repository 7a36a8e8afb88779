"""Component classes on a real API server: taken as they are, left alone, shared by flows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.deploy.project import Project, Said

pytestmark = [pytest.mark.argo, pytest.mark.argo_slice]
FLOW = """
schema: flowc/v1
name: NAME
steps: [{id: a, component: /m/f, input: {}}]
output: {$step: a}
"""
STACK = """
stacks:
  cluster:
    target: argo
    namespace: NAMESPACE
    state_store: "s3://state/flows"
    blob_api: {token: {secret: blob-token}}
    plugins:
      models:
        type: stepflow
        blobs: true
        deploy:
          image: "models:IMAGE"
          resources: {cpu: 1, memory: 1Gi}
          replicas: {min: 1, max: 4, cpu: 70%}
          balancer: {replicas: {min: 2, max: 3, cpu: 60%}}
          grace: 1m
    routes: {"/m/{*component}": [{plugin: models}]}
"""
FLOWS = """
flows: {one: {file: one.yaml}, two: {file: two.yaml}}
environments: {production: {stack: cluster}}
default_environment: production
"""


def write(project: Project, image: str = "1", name: str | None = "shop") -> None:
    folder = project.folder
    stack = STACK.replace("NAMESPACE", project.namespace).replace("IMAGE", image)
    (folder / "stack.yaml").write_text(stack)
    (folder / "flowc.yaml").write_text(f"project: {name}\n{FLOWS}")
    for flow in ("one", "two"):
        (folder / f"{flow}.yaml").write_text(FLOW.replace("NAME", flow))


def secret(api: Any, project: Project) -> None:
    path = f"/api/v1/namespaces/{project.namespace}/secrets"
    document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "blob-token"}}
    api.write("POST", path, {**document, "stringData": {"value": "sesame"}})


def flowc(project: Project, *arguments: str, code: int = 0) -> Said:
    said = project.flowc(*arguments)
    assert said.code == code, said.err
    return said


def test_classes_come_up_once_and_are_shared(api: Any, project: Project, there: Any) -> None:
    write(project)
    secret(api, project)
    flowc(project, "deploy", "one", "--yes")
    first = there()
    kinds = {key.split()[0] for key in first if "--models" in key or "--blob-api" in key}
    assert kinds == {
        "ServiceAccount", "Deployment", "StatefulSet", "Service", "ConfigMap",
        "HorizontalPodAutoscaler", "PodDisruptionBudget",
    }  # fmt: skip
    assert flowc(project, "plan", "one", "--format", "json").json()[0]["changes"] == []
    flowc(project, "deploy", "two", "--yes")
    second = there()
    shared = {key for key in first if "--" in key}
    assert {key for key in second if "--" in key} == shared
    assert all(second[key]["metadata"] == first[key]["metadata"] for key in shared)
    flowc(project, "undeploy", "two", "--yes")
    assert shared <= set(there())


def test_another_image_is_rolled_out(api: Any, project: Project, there: Any) -> None:
    write(project)
    secret(api, project)
    flowc(project, "deploy", "one", "--yes")
    write(project, "2")
    [plan] = flowc(project, "plan", "one", "--format", "json", code=3).json()
    changed = {(one["action"], one["name"]) for one in plan["changes"]}
    assert changed == {("update", "shop-main--models")}
    flowc(project, "deploy", "one", "--yes")
    pod = there()["Deployment shop-main--models"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "models:2"


def test_what_an_autoscaler_sets_is_left_alone(api: Any, project: Project, there: Any) -> None:
    write(project)
    secret(api, project)
    flowc(project, "deploy", "one", "--yes")
    for kind, name in (
        ("deployments", "shop-main--models"),
        ("statefulsets", "shop-main--models-lb"),
    ):
        path = f"/apis/apps/v1/namespaces/{project.namespace}/{kind}/{name}/scale"
        scale = api.get(path)
        api.write("PUT", path, {**scale, "spec": {"replicas": 3}})
    assert flowc(project, "plan", "one", "--format", "json").json()[0]["changes"] == []
    assert there()["StatefulSet shop-main--models-lb"]["spec"]["replicas"] == 3
