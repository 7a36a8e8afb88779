"""Deployments where an engine leads: services that come up with the flow, and what cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flowc.diagnostics import Diagnostics
from flowc.driver import Options, compile_flow
from flowc.source.decode_flow import decode_flow
from flowc.source.decode_stack import decode_stacks
from flowc.source.yaml_reader import read
from flowc.targets import find_target

if TYPE_CHECKING:
    from flowc.target import Compilation

FLOW = """
schema: flowc/v1
name: orders
steps: [{id: a, component: /f}]
output: {$step: a}
"""
STACK = """
state_store: s3://bucket/state
ecs: {subnets: [subnet-1], security_groups: [sg-1], namespace: flowc.local}
plugins: {}
deployments:
  lab:
    services:
      desk: {type: stepflow, deploy: {image: "acme.io/lab:1"}}
      nodes: {type: stepflow, deploy: {image: "acme.io/lab:1", args: [nodes]}}
routes: {"/{component}": [{plugin: lab/desk}]}
"""


def diagnose(target_name: str, stack: str) -> tuple[Compilation | None, Diagnostics]:
    diagnostics = Diagnostics()
    documents = [read(text, name, diagnostics) for text, name in ((FLOW, "f"), (stack, "s"))]
    assert documents[0] is not None and documents[1] is not None
    flow = decode_flow(documents[0], diagnostics)
    chosen = decode_stacks(documents[1], diagnostics, {})["default"]
    target = find_target(target_name, diagnostics)
    assert flow is not None and target is not None, diagnostics.found
    return compile_flow(flow, chosen, target, Options(), diagnostics), diagnostics


@pytest.mark.parametrize("name", ["argo", "step-functions"])
def test_all_services_come_up_with_the_flow(name: str) -> None:
    compilation, diagnostics = diagnose(name, STACK)
    assert compilation is not None, diagnostics.found
    assert sorted(compilation.plan.classes) == ["lab/desk", "lab/nodes"]
    target = find_target(name, diagnostics)
    assert target is not None
    files = [file for file in target.emit(compilation) if file.startswith("class-")]
    assert [file.partition(".")[0] for file in files] == ["class-lab-desk", "class-lab-nodes"]


@pytest.mark.parametrize("name", ["argo", "step-functions"])
def test_a_service_that_nobody_calls_has_to_come_up_too(name: str) -> None:
    stack = STACK.replace('deploy: {image: "acme.io/lab:1", args: [nodes]}', "command: serve")
    compilation, diagnostics = diagnose(name, stack)
    (found,) = [one for one in diagnostics if one.severity.value == "error"]
    assert (compilation, found.code.number) == (None, "FC501")
    assert found.primary is not None and found.primary.span.line == 9
    assert "`lab/nodes`" in found.message


def test_nothing_is_deployed_here() -> None:
    compilation, diagnostics = diagnose("local", STACK)
    found = [(one.code.number, one.primary and one.primary.span.line) for one in diagnostics]
    assert (compilation, found) == (None, [("FC501", 8), ("FC501", 9)])


@pytest.mark.parametrize("name", ["argo", "step-functions", "local"])
def test_what_is_there_already_is_called(name: str) -> None:
    stack = (
        STACK.partition("deployments:")[0]
        + """
deployments:
  lab:
    external: true
    services: {desk: {type: stepflow, url: "http://desk:8080"}}
routes: {"/{component}": [{plugin: lab/desk}]}
"""
    )
    compilation, diagnostics = diagnose(name, stack)
    assert compilation is not None, diagnostics.found
    assert compilation.plan.classes["lab/desk"]["url"] == "http://desk:8080"


def test_several_places_are_refused_at_their_line_on_argo() -> None:
    stack = """
state_store: s3://bucket/state
plugins: {p: {type: command, components: {/f: {command: f}}}}
routes: {"/{component}": [{plugin: p}]}
bindings:
  - {step: /a, locations: 2}
"""
    compilation, diagnostics = diagnose("argo", stack)
    (found,) = [one for one in diagnostics if one.severity.value == "error"]
    assert (compilation, found.code.number) == (None, "FC501")
    assert found.primary is not None and found.primary.span.line == 6
