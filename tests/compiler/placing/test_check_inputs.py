from __future__ import annotations

import pytest

STACK = """\
plugins:
  m:
    type: mock
    components:
      /fit:
        input_schema:
          type: object
          properties: {n: {type: integer}, name: {type: string}}
          required: [n]
          additionalProperties: false
        behaviors: {}
routes: {"/{component}": [{plugin: m}]}
"""
HEAD = """\
schemas:
  type: object
  properties: {input: {type: object, properties: {s: {type: string}, n: {type: integer}}}}
"""


@pytest.mark.parametrize(
    "value",
    ["{n: 1}", "{n: {$input: n}}", "{n: {$input: other}, name: {$input: s}}", "{$input: $}"],
)
def test_inputs_that_may_match(placed, value):
    flow = HEAD + f"steps:\n  - {{id: a, component: /fit, input: {value}}}\noutput: {{$step: a}}\n"
    assert placed(flow, STACK).codes == []


@pytest.mark.parametrize(
    "value",
    [
        "{n: one}",
        "{name: x}",
        "{n: 1, m: 2}",
        "{n: {$input: s}}",
        "{n: {$input: n}, name: 3}",
        "[1]",
    ],
)
def test_inputs_that_cannot_match(placed, value):
    flow = HEAD + f"steps:\n  - {{id: a, component: /fit, input: {value}}}\noutput: {{$step: a}}\n"
    assert placed(flow, STACK).found == [("flow.yaml", 6, "FC403", "error")]


def test_the_place_is_the_part_that_is_wrong(placed):
    flow = "steps:\n  - id: a\n    component: /fit\n    input:\n      n: one\noutput: {$step: a}\n"
    assert placed(flow, STACK).found == [("flow.yaml", 6, "FC403", "error")]
