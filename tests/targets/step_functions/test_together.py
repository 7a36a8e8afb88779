"""Units in several places: Batch jobs on several machines, deployed, and deployed again."""

from __future__ import annotations

import pytest
from tests.targets.step_functions.clouds import Aws, deploy, plan, provider
from tests.targets.step_functions.flows import compiled, diagnose

from flowc.deploy.changes import outstanding
from flowc.deploy.model import Kind

STACK = """
state_store: s3://bucket/state
unit_image: 'units:1'
region: us-east-1
plugins: {p: {type: command, components: {/f: {command: f}}}}
resources:
  spot: {cpu: 1, preemptible: true, queue: spot}
  task: {cpu: 1, compute: lambda}
routes: {"/{component}": [{plugin: p}]}
bindings:
  - {step: /, locations: 2}
"""
FLOW = """
steps:
  - {id: a, component: /f, input: 1}
  - id: loop
    foreach: {items: [1, 2]}
    component: /f
    input: {$item: $}
output: {a: {$step: a}, l: {$step: loop}}
"""


def test_deploy_and_deploy_again() -> None:
    with Aws() as aws:
        there = provider(aws.engine.endpoint, compiled(FLOW, STACK))
        made = deploy(there, compiled(FLOW, STACK))
        assert {change.kind for change in made} == {Kind.CREATE}
        listed = aws.client("batch").describe_job_definitions(status="ACTIVE")["jobDefinitions"]
        commands = {}
        for job in listed:
            assert (job["type"], job["nodeProperties"]["numNodes"]) == ("multinode", 2)
            (nodes,) = job["nodeProperties"]["nodeRangeProperties"]
            assert nodes["targetNodes"] == "0:"
            commands["-s-" in job["jobDefinitionName"]] = nodes["container"]["command"][-2:]
        assert commands == {
            False: ["--run-name", "Ref::run-name"],
            True: ["--scope", "Ref::scope"],
        }
        assert outstanding(plan(there, compiled(FLOW, STACK))) == ()


@pytest.mark.parametrize(
    ("profile", "locations", "code", "part"),
    [
        ("spot", 2, "FC501", "Spot"),
        ("task", 2, "FC501", "`compute: lambda` does not start together"),
        (None, 2000, "FC504", "at most 1,000 machines"),
    ],
)
def test_what_batch_does_not_start_together(
    profile: str | None, locations: int, code: str, part: str
) -> None:
    stack = STACK.replace("locations: 2", f"locations: {locations}")
    if profile is not None:
        stack = stack.replace("{step: /,", f"{{step: /, resources: {profile},")
    flow = "steps: [{id: a, component: /f}]\noutput: {$step: a}\n"
    compilation, diagnostics = diagnose(flow, stack)
    (found,) = [one for one in diagnostics if one.severity.value == "error"]
    assert (compilation, found.code.number, part in found.message) == (None, code, True)
