"""A step on another stack of the file, run here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

FLOW = """
schema: flowc/v1
steps:
  - {id: near, component: /m/who, input: {}}
  - {id: far, component: /m/who, input: {}}
output: {near: {$step: near}, far: {$step: far}}
"""
STACK = """
stacks:
  here:
    target: local
    plugins: {m: {type: python, module: near_components}}
    routes: &routes {"/m/{*component}": [{plugin: m}]}
  there:
    target: local
    plugins: {m: {type: python, module: far_components}}
    routes: *routes
  cluster:
    target: argo
    state_store: "s3://state"
    plugins: {m: {type: python, module: far_components}}
    routes: *routes
"""
PROJECT = """
project: p
flows: {f: {file: flow.yaml}}
environments: {dev: {stack: here}}
default_environment: dev
bindings: [{step: f/far, stack: STACK}]
"""


def files(write: Any, folder: Path, stack: str) -> None:
    write(flow_yaml=FLOW, stack_yaml=STACK, flowc_yaml=PROJECT.replace("STACK", stack))
    for name in ("near", "far"):
        text = f"def who(input):\n    return {name!r}\n"
        (folder / f"{name}_components.py").write_text(text)


def test_each_step_has_the_class_of_its_stack(flowc: Any, write: Any, folder: Path) -> None:
    files(write, folder, "there")
    ran = flowc("run", "f")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out) == {"near": "near", "far": "far"}


def test_another_engine_is_refused_at_the_bindings_line(
    flowc: Any, write: Any, folder: Path
) -> None:
    files(write, folder, "cluster")
    ran = flowc("run", "f")
    assert ran.code == 1
    assert "FC501" in ran.err and "flowc.yaml:6" in ran.err
    assert "route the step to it by `url`" in ran.err
