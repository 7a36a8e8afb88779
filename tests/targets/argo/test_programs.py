"""Component classes of type `container`: what is emitted for them, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.targets.argo.flows import compiled, diagnose, emitted, template_of

from flowc_targets.argo import TARGET
from flowc_targets.argo.accounts import permissions
from flowc_targets.argo.deploy.images import wanted_images
from flowc_targets.argo.deploy.needed import Needed
from flowc_targets.argo.identity import PLAN

if TYPE_CHECKING:
    from flowc.target import Compilation

STACK = """
namespace: ns
state_store: s3://bucket/state
registry: registry.example/acme
resources:
  big: {cpu: 8, gpu: 2, node_selector: {pool: gpus}, tolerations: [{key: gpu, operator: Exists}]}
plugins:
  builtin: {type: builtin}
  inside: {type: python}
  images:
    type: container
    resources: {memory: 1Gi}
    components:
      /one: {image: "one:1", command: run, args: ["$X"], env: {A: "$(B)", KEY: {secret: key}}}
      /two: {image: "quay.io/two:2"}
routes:
  "/i/{component}": [{plugin: images}]
  "/in/{*component}": [{plugin: inside}]
  "/either/{component}":
    - {plugin: images, conditions: [{path: $.x, value: 1}], component: /one}
    - {plugin: inside, component: "/json:dumps"}
  "/{component}": [{plugin: builtin}]
"""
FLOW = """
steps:
- {id: small, component: /i/one, input: {}}
- {id: same, component: /i/two, input: {$step: small}}
- {id: large, when: "size(steps.same) > 0", component: /i/one, resources: big, input: {}}
- {id: end, component: /noop, input: {$step: large, onSkip: null}}
output: {$step: end}
"""


def pods(files: dict[str, str]) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(files["pods.yaml"]))


def named(pod: dict[str, Any], container: str) -> dict[str, Any]:
    spec = pod["template"]["spec"]
    (found,) = [
        one for one in [*spec["initContainers"], *spec["containers"]] if one["name"] == container
    ]
    return dict(found)


def test_a_pod_for_each_program_and_what_it_needs() -> None:
    files = emitted(FLOW, STACK)
    found = pods(files)
    assert len(found) == 3
    by_image = {(named(p, "program")["image"], len(p["template"]["spec"])): p for p in found}
    images = sorted(image for image, _ in by_image)
    assert images == ["quay.io/two:2", *["registry.example/acme/one:1"] * 2]
    (large,) = [p for p in found if "nodeSelector" in p["template"]["spec"]]
    amounts = {"cpu": "8", "memory": "1Gi", "nvidia.com/gpu": "2"}
    assert named(large, "program")["resources"] == {"requests": amounts, "limits": amounts}
    assert large["template"]["spec"]["nodeSelector"] == {"pool": "gpus"}
    assert large["template"]["spec"]["tolerations"] == [{"key": "gpu", "operator": "Exists"}]
    assert named(large, "collect")["resources"] == {"requests": {"cpu": "50m", "memory": "128Mi"}}


def test_a_program_gets_nothing_of_the_units() -> None:
    for pod in pods(emitted(FLOW, STACK)):
        program, spec = named(pod, "program"), pod["template"]["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["restartPolicy"] == "Never"
        words = ("CALL", "FILES_IN", "FILES_OUT", "INPUT", "OUTPUT")
        names = {one["name"] for one in program["env"]} - {"A", "KEY"}
        assert names == {f"FLOWC_{word}" for word in words}
        assert [mount["name"] for mount in program["volumeMounts"]] == ["flowc"]
        for helper in ("stage", "collect"):
            env = {one["name"]: one for one in named(pod, helper)["env"]}
            assert env["FLOWC_SECRET_KEY"]["valueFrom"]["secretKeyRef"]["name"] == "key"
            assert "{{" not in json.dumps(named(pod, helper))


def test_words_are_what_the_stack_says() -> None:
    """Kubernetes would expand `$(B)`; it reads `$$` as `$`."""
    (one, *_) = [p for p in pods(emitted(FLOW, STACK)) if "one:1" in named(p, "program")["image"]]
    program = named(one, "program")
    assert (program["command"], program["args"]) == (["run"], ["$$X"])
    env = {variable["name"]: variable for variable in program["env"]}
    assert env["A"]["value"] == "$$(B)"
    assert env["KEY"]["valueFrom"] == {"secretKeyRef": {"name": "key", "key": "value"}}


def test_the_units_pod_only_waits_and_nobody_asks_first() -> None:
    files = emitted(FLOW, STACK)
    spec = template_of(files)["spec"]
    leaves = {one["name"]: one for one in spec["templates"] if "container" in one}
    assert not any(name.startswith("ask") for name in leaves)
    makers = {name: one for name, one in leaves.items() if "pods" in name}
    for one in makers.values():
        assert one["serviceAccountName"] == "orders-programs"
        assert one["container"]["resources"] == {"requests": {"cpu": "50m", "memory": "128Mi"}}
        assert "nodeSelector" not in one
    told = [
        json.loads(variable["value"])["images"]
        for one in makers.values()
        for variable in one["container"]["env"]
        if variable["name"] == "FLOWC_PODS"
    ]
    assert {tuple(sorted(components)) for components in told} == {("/one",), ("/one", "/two")}
    names = {pod["metadata"]["name"] for pod in pods(files)}
    assert {name for components in told for name in components.values()} == names
    others = [one for name, one in leaves.items() if name not in makers]
    assert all("serviceAccountName" not in one for one in others)


def test_only_that_account_may_make_pods() -> None:
    compilation = compiled(FLOW, STACK)
    granted = {
        (one.role, one.actions) for one in permissions(compilation) if "pod" in one.resources[0]
    }
    assert ("ServiceAccount orders-programs", ("create", "delete", "get")) in granted
    assert {role for role, _ in granted} == {"ServiceAccount orders-programs"}
    without = FLOW.replace("/i/one", "/noop").replace("/i/two", "/noop")
    files = emitted(without, STACK)
    assert "pods.yaml" not in files
    assert "orders-programs" not in files["rbac.yaml"]


def desired(compilation: Compilation) -> dict[str, Any]:
    return {one.ref.kind: one for one in TARGET.deployer.desired(compilation)}


def test_preflight_finds_the_images_and_the_templates_stay_with_their_runs() -> None:
    compilation = compiled(FLOW, STACK)
    found = [one for one in TARGET.deployer.desired(compilation) if one.ref.kind == "PodTemplate"]
    images = wanted_images(found)
    assert {"quay.io/two:2", "registry.example/acme/one:1"} <= images
    live = dict(found[0].body)
    plan = live["metadata"]["labels"][PLAN]
    needed = Needed.of([{"metadata": {"name": "w", "labels": {PLAN: plan}}}])
    assert needed.reason("PodTemplate", live, plan) == "run w is not finished"


def test_a_template_has_another_name_when_it_says_something_else() -> None:
    def names(stack: str) -> set[str]:
        return {pod["metadata"]["name"] for pod in pods(emitted(FLOW, stack))}

    assert not names(STACK) & names(STACK.replace("one:1", "one:2").replace("two:2", "two:3"))
    assert names(STACK) == names(STACK)


@pytest.mark.parametrize(
    ("step", "part"),
    [
        (
            "steps: []\nfinally:\n- {id: tidy, component: /i/one, input: {}}\noutput: 1\n",
            "step `finally/tidy` of `finally` needs a pod of its own",
        ),
        (
            "steps:\n- {id: a, component: /either/x, input: {x: 2}}\noutput: {$step: a}\n",
            "by class `inside`",
        ),
    ],
)
def test_refused_at_the_step(step: str, part: str) -> None:
    _, diagnostics = diagnose(step, STACK)
    (found,) = [one for one in diagnostics if one.code.number == "FC501"]
    assert part in found.message
    assert found.primary is not None and found.primary.span.file == "flow.yaml"


def test_explain_placement_shows_both_pods() -> None:
    places = TARGET.placements(compiled(FLOW, STACK))
    assert places["large"] == (
        "pod with cpu 50m, memory 128Mi, that makes a pod with cpu 8, memory 1Gi, nvidia.com/gpu 2,"
        " on nodes with pool=gpus, from `registry.example/acme/one:1`; profile `big`"
    )
