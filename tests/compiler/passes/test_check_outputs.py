from __future__ import annotations

import pytest

HEAD = """\
schema: flowc/v1
schemas:
  type: object
  properties:
    input: {type: object, properties: {n: {type: integer}, s: {type: string}, x: {}}}
    output:
      type: object
      properties:
        n: {type: number}
        s: {type: string}
        xs: {type: array, items: {type: string}, maxItems: 2}
      required: [n]
      additionalProperties: false
steps:
  - {id: a, component: /noop}
"""


@pytest.mark.parametrize(
    "output",
    [
        "{n: 1}",
        "{n: {$input: n}, s: {$input: s}}",
        "{n: {$input: x}}",
        "{n: {$step: a}, xs: [{$input: s}, b]}",
        "{n: {$if: {$input: x}, then: text, else: 1}}",  # which branch counts is open
        "{n: {$coalesce: [{$step: a}, text]}}",
        "{$step: a}",
    ],
)
def test_outputs_that_may_match(check_marks, output):
    check_marks(HEAD + f"output: {output}\n")


@pytest.mark.parametrize(
    "output",
    [
        "{s: x}",
        "{n: one}",
        "{n: {$input: s}}",
        "{n: 1, m: 2}",
        "{n: 1, s: {$input: n}}",
        "{n: 1, xs: [a, 2]}",
        "{n: 1, xs: [a, {$input: n}]}",
        "{n: 1, xs: [a, b, {$step: a}]}",
        "{n: 1, xs: {a: {$step: a}}}",
        "[{$step: a}]",
    ],
)
def test_outputs_that_cannot_match(check_marks, output):
    check_marks(HEAD + f"output: {output}  # FC405\n")


def test_the_place_is_the_part_that_is_wrong(check_marks):
    (found,) = check_marks(HEAD + "output: {n: 1, s: {$input: n}}  # FC405\n").sorted()
    assert found.primary.span.column > len("output: {n: 1, s:")
    assert found.secondary[0].text == "the schema"
