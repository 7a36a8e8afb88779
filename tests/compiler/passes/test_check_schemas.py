from __future__ import annotations

HEAD = "schema: flowc/v1\n"


def test_invalid_schemas(check_marks):
    found = check_marks(
        HEAD
        + """\
schemas:
  type: object
  properties:
    input: {type: objekt}  # FC407
    output: {$ref: "http://nowhere.invalid/schema"}  # FC407
    steps:
      type: object
      properties:
        a: {properties: {x: {minimum: three}}}  # FC407
    variables:
      type: object
      properties:
        v: {pattern: "("}  # FC407
steps: [{id: a, component: /noop, input: {$variable: v, default: x}}]
output: {$step: a}
"""
    )
    assert "`$.properties.x.minimum`" in " ".join(d.message for d in found)


def test_references_within_the_schemas_are_followed(check_marks):
    check_marks(
        HEAD
        + """\
schemas:
  type: object
  $defs: {name: {type: string}}
  properties:
    input: {type: object, properties: {n: {$ref: "#/$defs/name"}}}
    output: {type: object, properties: {n: {$ref: "#/$defs/name"}}}
output: {n: 3}  # FC405
"""
    )


def test_defaults(check_marks):
    found = check_marks(
        HEAD
        + """\
schemas:
  type: object
  properties:
    variables:
      type: object
      properties:
        good: {type: integer, default: 3}
        bad: {type: integer, default: deep}  # FC406
        key: {type: integer, is_secret: true, default: hunter2}  # FC406
output: [{$variable: good}, {$variable: bad}, {$variable: key}]
"""
    )
    assert "hunter2" not in " ".join(d.message for d in found)


def test_a_default_in_stepflow_is_only_warned_about(check_marks):
    check_marks(
        """\
schemas:
  type: object
  properties:
    variables:
      type: object
      properties:
        bad: {type: integer, default: deep}  # FC406 warning
output: {$variable: bad}
"""
    )


def test_schemas_of_steps_that_are_none(check_marks):
    check_marks(
        HEAD
        + """\
schemas:
  type: object
  properties:
    steps:
      type: object
      properties:
        a: {type: object}
        b: {type: object}  # FC201
steps: [{id: a, component: /noop}]
"""
    )
