"""Steps that a binding sends to another stack of the file."""

from __future__ import annotations

import pytest

FLOW = """
steps:
  - {id: clean, component: /f/clean}
  - {id: train, component: /f/train, resources: big}
output: {$step: train}
"""
STACKS = """
stacks:
  main:
    target: argo
    namespace: ml
    state_store: "s3://state/flows"
    resources: {big: {memory: 1Gi}}
    plugins: {f: {type: python, module: light}}
    routes: {"/f/{*component}": [{plugin: f}]}
  gpu:
    target: argo
    namespace: ml
    resources: {big: {gpu: 4, node_selector: {accelerator: a100}}}
    plugins: {f: {type: python, module: heavy}, g: {type: python, module: other}}
    routes: {"/f/{*component}": [{plugin: f}]}
  elsewhere:
    target: step-functions
    plugins: {f: {type: python, module: heavy}}
    routes: {"/f/{*component}": [{plugin: f}]}
"""
PROJECT = """
project: p
flows: {flow: {file: flow.yaml}}
bindings:
  - BINDING
"""


def project(binding: str) -> str:
    return PROJECT.replace("BINDING", binding)


def test_a_step_on_another_stack(placed) -> None:
    found = placed(FLOW, STACKS, project=project("{step: flow/train, stack: gpu}"), target="argo")
    assert found.found == []
    calls = found.placement.calls
    assert calls["clean"].candidates[0].component_class == "f"
    assert calls["train"].candidates[0].component_class == "gpu/f"
    assert calls["train"].needs.gpu == 4
    assert calls["train"].profile.name == "gpu/big"
    assert found.placement.stack.classes["gpu/f"].config["module"] == "heavy"
    assert found.placement.stack.classes["f"].config["module"] == "light"


def test_with_a_class_of_that_stack(placed) -> None:
    binding = "{step: flow/train, stack: gpu, plugin: g}"
    found = placed(FLOW, STACKS, project=project(binding), target="argo")
    assert found.found == []
    assert found.placement.calls["train"].candidates[0].component_class == "gpu/g"


@pytest.mark.parametrize(
    ("binding", "code", "part"),
    [
        ("{step: flow/train, stack: gpv}", "FC001", "there is no stack `gpv`"),
        ("{step: flow/train, stack: elsewhere}", "FC501", "another `target` than `main`"),
        ("{step: flow/train, stack: gpu, plugin: h}", "FC301", "no component class `h`"),
    ],
)
def test_what_one_engine_cannot_do(placed, binding: str, code: str, part: str) -> None:
    found = placed(FLOW, STACKS, project=project(binding), target="argo")
    assert (found.found[0][:3], part in found.messages) == (("flowc.yaml", 5, code), True)


@pytest.mark.parametrize("key", ["namespace: other", 'state_store: "s3://state/other"'])
def test_another_place(placed, key: str) -> None:
    stacks = STACKS.replace("  gpu:\n", f"  gpu:\n    {key}\n").replace(
        f"    {key}\n    target: argo\n    namespace: ml\n", f"    {key}\n    target: argo\n"
    )
    found = placed(FLOW, stacks, project=project("{step: flow/train, stack: gpu}"), target="argo")
    assert found.codes == ["FC501"]
    assert "one engine in one place" in found.messages
