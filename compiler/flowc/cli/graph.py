"""``flowc graph``: steps and what they wait for, as Mermaid or Graphviz text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc.cli.session import Session
from flowc.ir.model import Call, Loop, Program, Step, While
from flowc_shim.contract.scopes import FINALLY

if TYPE_CHECKING:
    from collections.abc import Iterator

OUTPUT = "/output"
"""The flow's output among paths of steps: none of those begins like this."""


@dataclass(frozen=True, slots=True)
class Edge:
    """``before`` comes before ``after``. ``solid``: it hands over data, else it only goes first."""

    before: str
    after: str
    solid: bool


def run_graph(name: str, format: str, lenient: bool) -> int:
    """Print the graph of a flow; return 1 if the flow has errors."""
    session = Session(lenient)
    flow = session.loader.flow(name)
    analysis = None if flow is None else session.analyse(flow)
    code = session.report("human")
    if analysis is None or code:
        return 1
    print(mermaid(analysis.program) if format == "mermaid" else dot(analysis.program))
    return 0


def edges(program: Program) -> Iterator[Edge]:
    """Yield who waits for whom, the flow's output included."""
    for step in program.steps.values():
        outer = [path for path in step.reads if path not in step.data and path not in step.needs]
        for path in step.data:
            yield Edge(path, step.path, solid=True)
        for path in (*step.needs, *outer):
            yield Edge(path, step.path, solid=False)
    for path in _output_steps(program):
        yield Edge(path, OUTPUT, solid=True)


def _output_steps(program: Program) -> list[str]:
    from flowc.ir.references import step_uses

    return list(dict.fromkeys(use.step for use in step_uses(program.output)))


def mermaid(program: Program) -> str:
    """Return the graph in Mermaid's flowchart language; loops are boxes around their steps."""
    ids = {path: f"n{index}" for index, path in enumerate(program.steps)}
    lines = ["flowchart TD"]
    lines += _mermaid_scope(program, "", ids, 1)
    if FINALLY in program.scopes:
        lines.append('  subgraph finally["finally"]')
        lines += _mermaid_scope(program, FINALLY, ids, 2)
        lines.append("  end")
    lines.append('  output(["output"])')
    ids[OUTPUT] = "output"
    for edge in edges(program):
        arrow = "-->" if edge.solid else "-.->"
        lines.append(f"  {ids[edge.before]} {arrow} {ids[edge.after]}")
    return "\n".join(lines)


def _mermaid_scope(program: Program, scope: str, ids: dict[str, str], depth: int) -> list[str]:
    indent = "  " * depth
    lines = []
    for path in program.scopes[scope]:
        step = program.steps[path]
        if isinstance(step.body, Call):
            lines.append(f'{indent}{ids[path]}["{_mermaid_text(_label(step))}"]')
        else:
            lines.append(f'{indent}subgraph {ids[path]}["{_mermaid_text(_label(step))}"]')
            lines += _mermaid_scope(program, path, ids, depth + 1)
            lines.append(f"{indent}end")
    return lines


def _label(step: Step) -> str:
    body = step.body
    text = f"{step.id}: while"
    if isinstance(body, Call):
        text = f"{step.id}\n{body.component.value}"
    elif isinstance(body, Loop):
        kind = "while" if isinstance(body, While) else "foreach"
        flow = None if isinstance(body, While) else body.flow
        text = f"{step.id}: {kind}" if flow is None else f"{step.id}: {flow.file}"
    return text + ("\nmay be skipped" if step.may_skip else "")


def _mermaid_text(text: str) -> str:
    return text.replace('"', "#quot;").replace("<", "#lt;").replace("\n", "<br/>")


def dot(program: Program) -> str:
    """Return the graph in Graphviz's language; loops are clusters around their steps."""
    lines = ["digraph flow {", "  rankdir=TB;", "  compound=true;", "  node [shape=box];"]
    lines += _dot_scope(program, "", 1)
    if FINALLY in program.scopes:
        lines.append('  subgraph "cluster finally" {')
        lines.append("    label=finally;")
        lines += _dot_scope(program, FINALLY, 2)
        lines.append("  }")
    lines.append(f"  {_quoted(OUTPUT)} [label=output, shape=oval];")
    for edge in edges(program):
        style = "" if edge.solid else " [style=dashed]"
        lines.append(f"  {_quoted(edge.before)} -> {_quoted(edge.after)}{style};")
    return "\n".join([*lines, "}"])


def _dot_scope(program: Program, scope: str, depth: int) -> list[str]:
    indent = "  " * depth
    lines = []
    for path in program.scopes[scope]:
        step = program.steps[path]
        if isinstance(step.body, Call):
            lines.append(f"{indent}{_quoted(path)} [label={_quoted(_label(step))}];")
            continue
        lines.append(f"{indent}subgraph {_quoted('cluster ' + path)} {{")
        lines.append(f"{indent}  label={_quoted(_label(step))};")
        lines.append(f"{indent}  {_quoted(path)} [shape=point];")
        lines += _dot_scope(program, path, depth + 1)
        lines.append(f"{indent}}}")
    return lines


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
