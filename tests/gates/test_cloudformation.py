"""cfn-lint on every template that the examples become, and on one with everything in it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.golden.cases import CASES, GOLDEN
from tests.targets.step_functions.flows import STACK, compiled

from flowc.diagnostics import Span
from flowc.source.model import At
from flowc.source.project_model import Trigger
from flowc_targets.step_functions.deploy.cloudformation import cloudformation

EVERYTHING = """
schemas:
  properties: {variables: {properties: {key: {type: string, is_secret: true}}}}
steps:
  - {id: rows, component: /f, input: {key: {$variable: key}, text: "${AWS::Region}"}}
  - id: each
    foreach: {items: {$step: rows}, concurrency: 4}
    steps: [{id: fit, component: /t/echo, resources: gpu, input: {$item: ""}}]
    output: {$step: fit}
  - {id: one, component: /t/echo, resources: {memory: 3Gi, disk: 2Gi}, input: {$step: rows}}
output: {each: {$step: each}, one: {$step: one}}
"""


def lint(*paths: Path) -> str:
    """Return what cfn-lint says of these templates, warnings too."""
    command = [
        Path(sys.executable).with_name("cfn-lint"),
        "--non-zero-exit-code",
        "warning",
        "--",
        *paths,
    ]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0 or done.stdout, done.stderr
    return done.stdout


def trigger(cron: str, zone: str | None, input: object) -> Trigger:
    span = Span("flowc.yaml", 1, 1, 1)
    return Trigger(At(cron, span), At(zone, span) if zone else None, input, span)


def test_templates_of_the_examples() -> None:
    folders = [GOLDEN / case.folder for case in CASES if case.target == "step-functions"]
    templates = [path for folder in folders for path in folder.glob("*template.json")]
    assert templates, "no example is deployed with CloudFormation"
    assert lint(*templates) == ""


@pytest.mark.parametrize("image", ["", "unit_image: 'units:1'\n"])
def test_a_template_with_everything(tmp_path: Path, image: str) -> None:
    triggers = (
        trigger("0 2 * * *", "Europe/Rome", {"day": {"$trigger": "date"}, "text": "${x}"}),
        trigger("*/15 8-17 13 * fri", None, None),
    )
    stack = STACK + "variables: {key: {secret: api-key}}\n" + image
    compilation = compiled(EVERYTHING, stack, triggers=triggers)
    files = cloudformation(compilation)
    path = tmp_path / "template.json"
    path.write_text(files["template.json"])
    assert lint(path) == ""
    assert ("UnitImage" in files["template.json"]) == (not image)
    substituted = re.findall(r'"Fn::Sub": "(.*)"', files["template.json"])
    assert set(re.findall(r"\$\{(.*?)\}", "".join(substituted))) <= {
        "AWS::Partition", "AWS::Region", "AWS::AccountId", "AWS::URLSuffix"
    }  # fmt: skip


def test_the_gate_sees_mistakes(tmp_path: Path) -> None:
    files = cloudformation(compiled("steps: [{id: a, component: /f}]\n"))
    path = tmp_path / "template.json"
    path.write_text(files["template.json"].replace('"MemorySize": 512', '"MemorySize": 5'))
    assert "5 is less than the minimum of 128" in lint(path)
