from __future__ import annotations

import pytest

STACK = """\
resources:
  small: {cpu: 2, memory: 8Gi}
  big: {cpu: 16, memory: 64Gi, gpu: 1}
plugins:
  gpu: {type: stepflow, url: "http://gpu", resources: big}
  cpu: {type: stepflow, url: "http://cpu", resources: {cpu: 2, memory: 8Gi}}
  any: {type: stepflow, url: "http://any"}
  own: {type: command, components: {/x: {command: x}}}
routes:
  "/gpu/{component}": [{plugin: gpu}]
  "/cpu/{component}": [{plugin: cpu}]
  "/any/{component}": [{plugin: any}]
  "/own/{component}": [{plugin: own}]
"""
FLOW = "steps:\n  - id: a\n    component: %s\n    resources: %s\noutput: {$step: a}\n"


@pytest.mark.parametrize(
    ("component", "resources"),
    [
        ("/gpu/x", "{gpu: 1, memory: 64Gi}"),
        ("/gpu/x", "big"),
        ("/cpu/x", "{cpu: 2000m}"),
        ("/cpu/x", "small"),
        ("/cpu/x", "{disk: 1Ti}"),  # a class that does not state its disk is trusted for it
        ("/own/x", "{gpu: 8}"),  # that is the step's own container
    ],
)
def test_what_a_class_has(placed, component, resources):
    assert placed(FLOW % (component, resources), STACK, target="argo").codes == []


@pytest.mark.parametrize(
    ("component", "resources", "message"),
    [
        ("/gpu/x", "{gpu: 2}", "requires 2 GPUs, and class `gpu` that serves it has 1 GPU"),
        ("/cpu/x", "{gpu: 1}", "requires 1 GPU, and class `cpu` that serves it has no GPU"),
        ("/cpu/x", "{memory: 9Gi}", "requires 9Gi of memory, and class `cpu`"),
        ("/cpu/x", "big", "requires 16 cpu"),
    ],
)
def test_what_a_class_does_not_have(placed, component, resources, message):
    found = placed(FLOW % (component, resources), STACK, target="argo")
    assert set(found.codes) == {"FC305"}
    assert found.found[0][:2] == ("flow.yaml", 5)
    assert message in found.messages
    assert all(one.secondary[0].span.file == "stack.yaml" for one in found.diagnostics)


def test_a_class_that_states_nothing_is_trusted_with_a_note(placed):
    found = placed(FLOW % ("/any/x", "{gpu: 2}"), STACK, target="argo")
    assert found.found == [("flow.yaml", 5, "FC306", "note")]
    assert found.placement.calls["a"].needs.gpu == 2


def test_the_local_target_never_refuses(placed):
    assert placed(FLOW % ("/cpu/x", "{gpu: 2}"), STACK, target="local").codes == []


def test_profiles_have_to_exist(placed):
    found = placed(FLOW % ("/cpu/x", "smal"), STACK, target="local")
    assert found.found == [("flow.yaml", 5, "FC310", "error")]
    assert next(iter(found.diagnostics)).hint == "write `small`"


def test_a_profile_may_be_a_variable(placed):
    declared = "{type: object, properties: {size: {type: string}}}"
    head = f"schemas: {{type: object, properties: {{variables: {declared}}}}}\n"
    flow = head + FLOW % ("/cpu/x", "{$variable: size}")
    found = placed(flow, STACK + "variables: {size: big}\n", target="argo")
    assert set(found.codes) == {"FC305"}
    found = placed(flow, STACK + "variables: {size: small}\n", target="argo")
    assert found.placement.calls["a"].profile.name == "small"
    assert placed(flow, STACK, target="argo", require_values=False).codes == ["FC004"]
