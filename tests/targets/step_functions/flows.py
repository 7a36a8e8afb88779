"""Compilations for Step Functions from texts, and what is in their files."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

from flowc.diagnostics import Diagnostics
from flowc.driver import Options, compile_flow
from flowc.source.decode_flow import decode_flow
from flowc.source.decode_stack import decode_stacks
from flowc.source.link_flows import link_flows
from flowc.source.yaml_reader import read
from flowc_targets.step_functions import TARGET

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc.diagnostics import Span
    from flowc.source.model import SourceFlow
    from flowc.target import Compilation

STACK = """
state_store: s3://bucket/state
plugins:
  builtin: {type: builtin}
  served: {type: stepflow, url: "http://components:8080"}
  inside: {type: python, module: conformance_components}
resources:
  large: {cpu: 2, memory: 8Gi, compute: batch, queue: big}
  gpu:
    {cpu: 8, memory: 32Gi, gpu: 1, gpu_type: a100, preemptible: true, compute: batch, queue: gpus}
routes:
  "/t/{*component}": [{plugin: inside}]
  "/builtin/{component}": [{plugin: builtin}]
  "/{*component}": [{plugin: served}]
"""


def diagnose(
    flow: str, stack: str = STACK, /, *, flows: Mapping[str, str] | None = None, **options: Any
) -> tuple[Compilation | None, Diagnostics]:
    """Return the compilation, or None, and what was found; ``flows``: those that steps run."""
    diagnostics = Diagnostics()
    source = _source(flow, "flow.yaml", "orders", diagnostics)
    stack_document = read(textwrap.dedent(stack), "stack.yaml", diagnostics)
    assert stack_document is not None
    stacks = decode_stacks(stack_document, diagnostics, {})
    diagnostics.raise_errors()
    assert source is not None

    def load(path: str, _at: Span) -> SourceFlow | None:
        return _source((flows or {})[path], path, path.partition(".")[0], diagnostics)

    source = link_flows(source, load, diagnostics)
    found = compile_flow(source, stacks["default"], TARGET, Options(**options), diagnostics)
    return found, diagnostics


def _source(text: str, file: str, name: str, diagnostics: Diagnostics) -> SourceFlow | None:
    text = textwrap.dedent(text)
    if not text.startswith(("schema:", "{")):
        text = f"schema: flowc/v1\nname: {name}\n{text}"
    document = read(text, file, diagnostics)
    assert document is not None
    return decode_flow(document, diagnostics)


def compiled(flow: str, stack: str = STACK, /, **options: Any) -> Compilation:
    """Return the compilation of a flow that Step Functions runs."""
    compilation, diagnostics = diagnose(flow, stack, **options)
    assert compilation is not None, [(d.code.number, d.message) for d in diagnostics]
    return compilation


def emitted(flow: str, stack: str = STACK, /, **options: Any) -> dict[str, Any]:
    """Return the emitted files, parsed."""
    files = TARGET.emit(compiled(flow, stack, **options))
    return {name: json.loads(text) for name, text in files.items()}


def bodies(files: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return name → body of the objects of one kind."""
    return {one["name"]: one["body"] for one in files["objects.json"] if one["kind"] == kind}


def statements(files: dict[str, Any], role: str) -> list[dict[str, Any]]:
    """Return the statements of a role's one policy."""
    (policy,) = (
        body for name, body in bodies(files, "role-policy").items() if name.startswith(f"{role}/")
    )
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def machine(flow: str, stack: str = STACK, /, **options: Any) -> dict[str, Any]:
    """Return the state machine."""
    found: dict[str, Any] = emitted(flow, stack, **options)["state-machine.asl.json"]
    return found


def all_states(definition: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every state of a machine, nested ones too."""
    for name, state in definition["States"].items():
        yield name, state
        for inner in [*state.get("Branches", ()), state.get("ItemProcessor")]:
            if inner is not None:
                yield from all_states(inner)


def states(flow: str, stack: str = STACK, /, **options: Any) -> dict[str, dict[str, Any]]:
    """Return all states of the machine by name."""
    found = list(all_states(machine(flow, stack, **options)))
    assert len(dict(found)) == len(found), "a name is used twice"
    return dict(found)


def chain(count: int) -> str:
    """Return a flow of ``count`` steps in a row."""
    steps = [
        {"id": f"s{i}", "component": "/f", "input": {"$step": f"s{i - 1}"} if i else 1}
        for i in range(count)
    ]
    output = {"$step": f"s{count - 1}"}
    return json.dumps({"schema": "flowc/v1", "name": "chain", "steps": steps, "output": output})
