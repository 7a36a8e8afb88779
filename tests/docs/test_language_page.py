"""Every whole file on the page about the language is read, checked and, where it says so, run."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.docs.page_examples import Example, examples_of

from flowc.diagnostics import Diagnostics, Severity
from flowc.driver import Options, analyse, compile_program
from flowc.source.decode_flow import decode_flow
from flowc.source.decode_project import decode_project
from flowc.source.decode_stack import decode_stacks
from flowc.source.link_flows import link_flows
from flowc.source.stack_model import StoreSpec
from flowc.source.yaml_reader import read
from flowc.targets import find_target
from flowc_targets.local.run import RunResult, open_session

if TYPE_CHECKING:
    from flowc.source.model import SourceFlow

PAGE = Path(__file__).parents[2] / "docs" / "language.md"
SHIM = Path(__file__).parents[2] / "runtime_shim" / "flowc_shim"
MAKERS = {"user_error", "final_error", "platform_error", "ErrorInfo"}
EXAMPLES = examples_of(PAGE)
FLOWS = [example for example in EXAMPLES if example.kind == "flow"]
STACK = next(example for example in EXAMPLES if example.kind == "stack")
"""The page's first stack is the one that its flows run on."""


def codes(diagnostics: Diagnostics) -> list[str]:
    return sorted({one.code.number for one in diagnostics})


def messages(diagnostics: Diagnostics) -> str:
    return "; ".join(f"{one.code.number} {one.message}" for one in diagnostics.sorted())


@pytest.mark.parametrize("example", FLOWS, ids=lambda example: example.label)
def test_flow(example: Example, tmp_path: Path) -> None:
    diagnostics = Diagnostics()
    document = read(example.text, PAGE.name, diagnostics)
    flow = None if document is None else decode_flow(document, diagnostics)
    if flow is None or diagnostics.has_errors:
        assert codes(diagnostics) == sorted(example.says.get("diagnostics", [])), messages(
            diagnostics
        )
        return
    flow = link_flows(flow, lambda path, at: _other(example, path), diagnostics)
    analysis = analyse(flow, diagnostics)
    stack = replace(
        decode_stacks(_read(STACK), diagnostics, {})["default"],
        state_store=StoreSpec(f"sqlite:///{tmp_path / 'state.db'}", flow.span),
    )
    target = find_target("local", diagnostics)
    assert target is not None
    compilation = compile_program(analysis, stack, target, Options(), diagnostics)
    assert codes(diagnostics) == sorted(example.says.get("diagnostics", [])), messages(diagnostics)
    if compilation is None or not example.says.keys() & {
        "result",
        "outcomes",
        "failed",
        "timedout",
    }:
        assert (compilation is None) == any(d.severity is Severity.ERROR for d in diagnostics)
        return
    with open_session(compilation) as session:
        says = example.says
        _compare(session.run(says.get("input", {}), trigger=says.get("trigger")), example)


def _other(example: Example, path: str) -> SourceFlow | None:
    """The flow that an example's own runs."""
    file = example.says["file"]
    assert path == f"./{file['name']}"
    document = read(json.dumps(file["flow"], indent=1), path, Diagnostics())
    return None if document is None else decode_flow(document, Diagnostics())


def _compare(run: RunResult, example: Example) -> None:
    says = example.says
    ends = {"failed": "failed", "timedout": "timed_out"}
    bad = next((key for key in ends if key in says), None)
    if bad is not None:
        assert run.outcome.value == ends[bad], run.output
        assert run.error is not None and run.error["error"]["code"] == says[bad], run.error
    else:
        assert run.outcome.value == "succeeded", run.error
    if "result" in says:
        assert json.dumps(run.output) == json.dumps(says["result"])
    found = {path: run.outcomes[path].value for path in says.get("outcomes", {})}
    assert found == says.get("outcomes", {})


@pytest.mark.parametrize(
    "example",
    [example for example in EXAMPLES if example.kind != "flow"],
    ids=lambda example: example.label,
)
def test_stack_and_project(example: Example) -> None:
    diagnostics = Diagnostics()
    document = read(example.text, PAGE.name, diagnostics)
    assert document is not None, messages(diagnostics)
    if example.kind == "stack":
        assert decode_stacks(document, diagnostics, {}), messages(diagnostics)
    else:
        assert decode_project(document, diagnostics, {}), messages(diagnostics)
    assert codes(diagnostics) == sorted(example.says.get("diagnostics", [])), messages(diagnostics)


REFUSED = {
    "`await`": "steps: [{id: a, await: {}}]",
    "`emit`": "steps: [{id: a, component: /noop, emit: {}}]",
}
"""What the page says is refused by name; an entry that is built must leave both."""


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_refused_by_name(text: str) -> None:
    diagnostics = Diagnostics()
    document = read(f"schema: flowc/v1\n{text}\n", PAGE.name, diagnostics)
    flow = None if document is None else decode_flow(document, diagnostics)
    if flow is not None and not diagnostics.has_errors:
        analyse(flow, diagnostics)
    assert "FC118" in codes(diagnostics), messages(diagnostics)


def test_every_error_code_is_in_the_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    missing = {code for code in raised_codes() if f"`{code}`" not in page}
    assert missing == set()


def raised_codes() -> set[str]:
    """Return the codes that the shim's sources spell out where they make an error."""
    found = set()
    for path in SHIM.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                place = {"ErrorInfo": 1}.get(node.func.id, 0)
                if node.func.id not in MAKERS or len(node.args) <= place:
                    continue
                code = node.args[place]
                if isinstance(code, ast.Constant):
                    found.add(str(code.value))
    return found


def test_most_of_the_page_is_run() -> None:
    run = [flow for flow in FLOWS if flow.says.keys() & {"result", "outcomes", "failed"}]
    assert len(run) >= 20


def _read(example: Example):
    document = read(example.text, PAGE.name, Diagnostics())
    assert document is not None
    return document
