from __future__ import annotations

import pytest

HEAD = """\
schema: flowc/v1
schemas:
  type: object
  properties:
    input:
      type: object
      properties: {n: {type: integer}, s: {type: string}, xs: {type: array, items: {type: string}}}
      additionalProperties: false
    variables: {type: object, properties: {limit: {type: number, default: 3}}}
    steps:
      type: object
      properties:
        a: {type: object, properties: {ok: {type: boolean}}, additionalProperties: false}
steps:
  - {id: a, component: /noop}
"""


@pytest.mark.parametrize(
    "expression",
    [
        "input.n > 1",
        "input.s == 'x' && steps.a.ok",
        "vars.limit >= input.n",
        "size(input.xs) > 2",
        "input.xs.exists(x, x.startsWith('a'))",
        "has(steps.a)",
        "run.name != ''",
    ],
)
def test_conditions(check_marks, expression):
    check_marks(HEAD + f'  - {{id: b, component: /noop, when: "{expression}"}}\n')


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("input.n", "FC214"),
        ("input.s + 'x'", "FC214"),
        ("size(input.xs)", "FC214"),
        ("input.s > 1", "FC214"),
        ("size(input.n) > 1", "FC214"),
        ("steps.a.ok > 1", "FC214"),
        ("input.m > 1", "FC213"),
        ("steps.a.okay", "FC213"),
        ("sise(input.xs) > 1", "FC213"),
        ("item > 1", "FC213"),
        ("error.code == 'X'", "FC213"),
        ("input.s.matches('(')", "FC212"),
    ],
)
def test_mistakes(check_marks, expression, code):
    check_marks(HEAD + f'  - {{id: b, component: /noop, when: "{expression}"}}  # {code}\n')


def test_unknown_names_are_said_once(check_marks):
    check_marks(HEAD + "  - {id: b, component: /noop, when: inputs.n > 1}  # FC213\n")
    check_marks(HEAD + "  - {id: b, component: /noop, when: steps.zz.n > 1}  # FC201\n")


def test_retry_if_sees_the_error(check_marks):
    check_marks(
        HEAD
        + """\
  - {id: b, component: /noop, retry: {user: {max: 1}, if: error.code != 'NO_DATA'}}
  - {id: c, component: /noop, retry: {user: {max: 1}, if: error.code}}  # FC214
  - {id: d, component: /noop, retry: {user: {max: 1}, if: error.attempt + 'x' == ''}}  # FC214
"""
    )


def test_loops_know_their_items(check_marks):
    check_marks(
        HEAD
        + """\
  - id: each
    foreach: {items: {$input: xs}}
    steps:
      - {id: one, component: /noop, when: "item.startsWith('a') && index > 0"}
      - {id: two, component: /noop, when: item > 1}  # FC214
    output: {$step: one, onSkip: null}
  - {id: after, component: /noop, input: {$expr: "steps.each.x"}}  # FC214
"""
    )


def test_a_default_may_be_anything(check_marks):
    check_marks(
        HEAD
        + """\
  - {id: b, component: /noop, onError: {action: useDefault, defaultValue: 3}}
  - {id: c, component: /noop, when: steps.b > 1}
"""
    )
