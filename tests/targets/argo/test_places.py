"""Steps in several places on Argo: what is emitted for them, and where they are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from tests.targets.argo.flows import compiled, diagnose, emitted, template_of

from flowc_targets.argo import TARGET

STACK = """
namespace: flows
state_store: s3://bucket/state
job_set: true
plugins:
  solver: {type: command, components: {/solve: {command: solve}}}
  builtin: {type: builtin}
resources:
  big: {cpu: 16, memory: 64Gi, gpu: 1, node_selector: {pool: gpus}}
routes:
  "/builtin/{component}": [{plugin: builtin}]
  "/{component}": [{plugin: solver}]
bindings:
  - {step: /solve, locations: 4, resources: big}
  - {step: /each, locations: 2}
"""
FLOW = """
steps:
  - {id: start, component: /builtin/noop, input: 1}
  - {id: solve, component: /solve, input: {$step: start}, timeout: 1h}
  - {id: each, foreach: {items: [1, 2]}, component: /solve, input: {$item: $}}
output: {$step: solve}
"""


def leaf(files: dict[str, str], template: str) -> dict[str, Any]:
    """The leaf template whose pods have places of this PodTemplate."""
    [found] = [
        one
        for one in template_of(files)["spec"]["templates"]
        if {"name": "FLOWC_PLACES", "value": template} in one.get("container", {}).get("env", ())
    ]
    return dict(found)


def test_the_places_have_what_the_step_asks_for_and_its_own_pod_waits() -> None:
    files = emitted(FLOW, STACK)
    pods = list(yaml.safe_load_all(files["pods.yaml"]))
    assert [pod["kind"] for pod in pods] == ["PodTemplate"] * 2
    gpus, plain = sorted(pods, key=lambda pod: "nodeSelector" not in pod["template"]["spec"])
    spec = gpus["template"]["spec"]
    assert spec["nodeSelector"] == {"pool": "gpus"}
    assert spec["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert spec["automountServiceAccountToken"] is False
    assert "{{" not in json.dumps(pods)
    waiting = leaf(files, gpus["metadata"]["name"])
    assert waiting["serviceAccountName"] == "orders-places"
    assert "nodeSelector" not in waiting and "activeDeadlineSeconds" not in waiting
    assert waiting["container"]["resources"] == {"requests": {"cpu": "50m", "memory": "128Mi"}}
    assert leaf(files, plain["metadata"]["name"])["name"] != waiting["name"]


def test_the_placement_says_so() -> None:
    said = TARGET.placements(compiled(FLOW, STACK))["solve"]
    assert said == (
        "pod with cpu 50m, memory 128Mi, that makes a JobSet of 4, each a pod with cpu 16, "
        "memory 64Gi, nvidia.com/gpu 1, on nodes with pool=gpus; profile `big`"
    )


def test_only_their_pods_may_make_job_sets() -> None:
    documents = list(yaml.safe_load_all(emitted(FLOW, STACK)["rbac.yaml"]))
    rules = {one["metadata"]["name"]: one["rules"] for one in documents if one["kind"] == "Role"}
    assert set(rules) == {"orders", "orders-places"}
    assert {group for rule in rules["orders"] for group in rule["apiGroups"]} == {"argoproj.io"}
    job_sets = {
        "apiGroups": ["jobset.x-k8s.io"],
        "resources": ["jobsets"],
        "verbs": ["create", "delete", "get"],
    }
    assert job_sets in rules["orders-places"]


@pytest.mark.parametrize(
    ("flow", "stack", "part"),
    [
        (FLOW, STACK.replace("job_set: true", ""), "does not say that the cluster has it"),
        (FLOW, STACK.replace("job_set: true", "job_set: false"), "does not say that"),
        (
            "steps: []\noutput: 1\nfinally: [{id: solve, component: /solve}]\n",
            STACK.replace("/solve, locations", "/finally/solve, locations").replace(
                "  - {step: /each, locations: 2}\n", ""
            ),
            "which the sweeper",
        ),
    ],
)
def test_what_is_refused(flow: str, stack: str, part: str) -> None:
    compilation, diagnostics = diagnose(flow, stack)
    errors = [one for one in diagnostics if one.severity.value == "error"]
    assert compilation is None
    assert {one.code.number for one in errors} == {"FC501"}
    assert all(part in one.message for one in errors)
