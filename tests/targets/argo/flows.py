"""Compilations for the Argo target, from texts."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import yaml

from flowc.diagnostics import Diagnostics
from flowc.driver import Options, analyse, compile_program
from flowc.source.decode_flow import decode_flow
from flowc.source.decode_stack import decode_stacks
from flowc.source.yaml_reader import read
from flowc_targets.argo import TARGET

if TYPE_CHECKING:
    from pathlib import Path

    from flowc.target import Compilation

STACK = """
namespace: flows
state_store: s3://bucket/state
plugins:
  builtin: {type: builtin}
  served: {type: stepflow, url: "http://components:8080"}
  inside: {type: python}
routes:
  "/inside/{*component}": [{plugin: inside}]
  "/builtin/{component}": [{plugin: builtin}]
  "/{*component}": [{plugin: served}]
"""


def diagnose(
    flow: str, stack: str = STACK, /, *, granularity: str = "step", **options: Any
) -> tuple[Compilation | None, Diagnostics]:
    """Return the compilation, or None, and what was found."""
    diagnostics = Diagnostics()
    text = textwrap.dedent(flow)
    if "schema:" not in text:
        text = f"schema: flowc/v1\nname: orders\n{text}"
    document = read(text, "flow.yaml", diagnostics)
    assert document is not None
    source = decode_flow(document, diagnostics)
    stack_document = read(textwrap.dedent(stack), "stack.yaml", diagnostics)
    assert stack_document is not None
    stacks = decode_stacks(stack_document, diagnostics, {})
    diagnostics.raise_errors()
    assert source is not None
    program = analyse(source, diagnostics)
    diagnostics.raise_errors()
    assert program is not None
    chosen = Options(granularity=granularity, **options)
    found = compile_program(program, stacks["default"], TARGET, chosen, diagnostics)
    return found, diagnostics


def compiled(flow: str, stack: str = STACK, /, **options: Any) -> Compilation:
    """Return the compilation of a flow that Argo runs."""
    compilation, diagnostics = diagnose(flow, stack, **options)
    assert compilation is not None, [(d.code.number, d.message) for d in diagnostics]
    return compilation


def emitted(flow: str, stack: str = STACK, /, **options: Any) -> dict[str, str]:
    """Return the emitted files."""
    return TARGET.emit(compiled(flow, stack, **options))


def template_of(files: dict[str, str]) -> dict[str, Any]:
    """Return the WorkflowTemplate among the emitted files."""
    found: dict[str, Any] = yaml.safe_load(files["workflow-template.yaml"])
    return found


def templates(flow: str, stack: str = STACK, /, **options: Any) -> dict[str, dict[str, Any]]:
    """Return the templates of the WorkflowTemplate by name."""
    spec = template_of(emitted(flow, stack, **options))["spec"]
    return {template["name"]: template for template in spec["templates"]}


def tasks(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the tasks of a DAG template by name."""
    return {task["name"]: task for task in template["dag"]["tasks"]}


def arguments(task: dict[str, Any]) -> dict[str, str]:
    """Return the arguments of a task."""
    return {p["name"]: p["value"] for p in task.get("arguments", {}).get("parameters", ())}


def written(folder: Path, files: dict[str, str]) -> list[Path]:
    """Write ``files`` into ``folder``."""
    paths = []
    for name, text in files.items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def chain(length: int) -> str:
    """Return a flow of ``length`` steps, each reading the one before."""
    lines = ["steps:", "- {id: s0, component: /f, input: {x: {$input: x}}}"]
    for number in range(1, length):
        lines.append(f"- {{id: s{number}, component: /f, input: {{x: {{$step: s{number - 1}}}}}}}")
    lines.append(f"output: {{$step: s{length - 1}}}")
    return "\n".join(lines)
