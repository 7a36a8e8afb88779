from __future__ import annotations

import pytest

SCHEMAS = """\
schema: flowc/v1
schemas:
  type: object
  properties:
    input:
      type: object
      properties:
        name: {type: string}
        tags:
          type: array
          items: {type: object, properties: {id: {}}, additionalProperties: false}
        pair: {type: array, prefixItems: [{}, {}], items: false}
        open: {type: object}
        listed: {type: object, properties: {a: {}}}
        any: {anyOf: [{type: string}, {type: object}]}
        mapped:
          type: object
          additionalProperties: {type: object, properties: {x: {}}, additionalProperties: false}
      additionalProperties: false
    variables:
      type: object
      properties: {v: {type: object, properties: {a: {}}, additionalProperties: false}}
      required: [v]
    steps:
      type: object
      properties:
        a: {type: object, properties: {x: {}}, additionalProperties: false}
        n: {type: [object, "null"], properties: {x: {}}, additionalProperties: false}
        h: {type: object, properties: {x: {}}, additionalProperties: false}
steps:
  - {id: a, component: /noop}
  - {id: n, component: /noop}
  - {id: h, component: /noop, onError: {action: useDefault, defaultValue: {y: 1}}}
"""


@pytest.mark.parametrize(
    "value",
    [
        "{$input: name}",
        "{$input: '$.tags[3].id'}",
        "{$input: '$.pair[1]'}",
        "{$input: $.open.whatever.there}",
        "{$input: $.any.x}",
        "{$input: $.mapped.key.x}",
        "{$variable: $.v.a}",
        "{$variable: $.v.zz, default: 1}",
        "{$step: a, path: x}",
        "{$step: h, path: y}",
    ],
)
def test_paths_that_may_lead_somewhere(check_marks, value):
    check_marks(SCHEMAS + f"output: {value}\n")


@pytest.mark.parametrize(
    "value",
    [
        "{$input: nmae}",
        "{$input: $.name.first}",
        "{$input: '$.name[0]'}",
        "{$input: $.tags.id}",
        "{$input: '$.tags[0].name'}",
        "{$input: '$.pair[2]'}",
        "{$input: $.mapped.key.y}",
        "{$variable: $.v.b}",
        "{$step: a, path: y}",
    ],
)
def test_paths_that_lead_nowhere(check_marks, value):
    check_marks(SCHEMAS + f"output: {value}  # FC404\n")


@pytest.mark.parametrize(
    "value",
    [
        "{$input: $.listed.b}",  # an open object without that name among the declared ones
        "{$step: n, path: y}",  # an output of null gives null whatever the path
        "{$if: {$input: nmae}, then: 1}",  # a condition that fails is merely false
    ],
)
def test_paths_that_are_only_doubtful(check_marks, value):
    check_marks(SCHEMAS + f"output: {value}  # FC404 warning\n")


def test_the_hint_names_the_nearest(check_marks):
    (found,) = check_marks(SCHEMAS + "output: {$input: nmae}  # FC404\n").sorted()
    assert found.hint == "did you mean `name`?"


def test_items_of_loops(check_marks):
    check_marks(
        SCHEMAS
        + """\
  - id: each
    foreach: {items: {$input: tags}}
    steps:
      - {id: one, component: /noop, input: {$item: id}}
      - {id: two, component: /noop, input: {$item: name}}  # FC404
    output: {$step: one}
  - id: grid
    foreach: {product: {a: [1, 2], b: {$input: tags}}}
    steps:
      - {id: one, component: /noop, input: [{$item: a}, {$item: $.b.id}]}
      - {id: two, component: /noop, input: {$item: c}}  # FC404
      - {id: three, component: /noop, input: {$item: $.a.x}}  # FC404
    output: {$step: one}
output: {$step: each}
"""
    )


def test_stepflow_never_compared_paths_and_is_only_warned(check_marks):
    text = SCHEMAS.replace("schema: flowc/v1\n", "")
    check_marks(
        text + "output: [{$input: nmae}, {$step: a}, {$step: n}, {$step: h}]  # FC404 warning\n"
    )
