"""Names, types and edges of ``while``, from flow files to diagnostics."""

from __future__ import annotations

from textwrap import dedent

import pytest

from flowc.diagnostics import Diagnostics
from flowc.driver import analyse
from flowc.source.decode_flow import decode_flow
from flowc.source.yaml_reader import read

FLOW = """
schema: flowc/v1
steps:
  - {{id: limit, component: /f}}
  - {{id: some, when: input.go, component: /f}}
  - id: loop
    while: {{state: {state}, condition: {condition}, maxIterations: 5}}
    steps:
      - {{id: s, component: /f, input: {input}}}
      - {{id: t, when: {when}, component: /f, input: {{$step: s}}}}
    output: {output}
output: {{$step: loop}}
"""
GOOD = {
    "state": "{$step: limit}",
    "condition": "'state.x > steps.limit.n && iteration < 3'",
    "input": "{$state: x}",
    "when": "state.x == iteration",
    "output": "{x: {$iteration: true}, y: {$step: t, onSkip: null}}",
}


def found(**parts: str) -> list[str]:
    diagnostics = Diagnostics()
    document = read(dedent(FLOW.format(**(GOOD | parts))), "flow.yaml", diagnostics)
    assert document is not None
    flow = decode_flow(document, diagnostics)
    assert flow is not None
    diagnostics.raise_errors()
    analyse(flow, diagnostics)
    return [f"{d.code.number} {d.message}" for d in diagnostics]


def test_a_sound_loop_has_no_findings() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("parts", "code", "words"),
    [
        ({"condition": "steps.s.x"}, "FC206", "is part of a pass"),
        ({"condition": "steps.loop.x"}, "FC203", "refers to itself"),
        ({"condition": "'\"text\"'"}, "FC214", "`condition` is a condition"),
        ({"condition": "item.x"}, "FC213", "`item` is not a name here"),
        ({"state": "{$state: x}"}, "FC207", "no `while` around"),
        ({"state": "{$expr: state.x}"}, "FC213", "`state` is not a name here"),
        ({"input": "{$item: x}"}, "FC207", "no `foreach` around"),
        ({"output": "{$step: t}"}, "FC209", "may be skipped"),
        ({"when": "iteration"}, "FC214", "`when` is a condition"),
    ],
)
def test_what_is_wrong_is_said(parts: dict[str, str], code: str, words: str) -> None:
    assert any(one.startswith(code) and words in one for one in found(**parts)), found(**parts)


def test_a_condition_that_reads_a_step_that_may_be_skipped_skips_the_loop() -> None:
    findings = found(condition="steps.some.x > 1")
    assert any("the output of the flow reads step `loop`" in one for one in findings), findings
