"""Random flows of the modern dialect, on a mock that gives values of every kind.

They keep away from what stepflow_cases.yaml knows to differ: conditions, all but the last member of
`$coalesce`, and defaults of variables read no steps; a step with `onError` has a plain input.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

CONFIG = """
plugins:
  mock:
    type: mock
    components:
      /v:
        input_schema: {}
        output_schema: {}
        behaviors:
          {v: null}: {outcome: success, result: null}
          {v: 0}: {outcome: success, result: 0}
          {v: ""}: {outcome: success, result: ""}
          {v: false}: {outcome: success, result: false}
          {v: []}: {outcome: success, result: [1, {a: 2}]}
          {v: {}}: {outcome: success, result: {a: {b: 1}, l: [1, 2, {c: 3}], n: null}}
          {v: fail}: {outcome: failed, error: {code: 7, message: it failed}}
routes: {"/{component}": [{plugin: mock}]}
retry: {transportMaxRetries: 0}
"""
INPUT = {"a": {"b": [10, 20]}, "n": None, "z": 0, "t": True, "f": False, "e": "", "o": {}, "l": []}
VARIABLES = {
    "v": {"type": "string", "default": "given"},
    "w": {"type": "object", "default": {"x": {"y": 1}}},
    "text": {"type": "string"},
    "number": {"type": "integer"},
    "flag": {"type": "boolean"},
    "none": {"type": ["string", "null"]},
}
_OF_INPUT = [
    *INPUT, "$", "", "$.a.b", "$.a.b[1]", "$['a']", "$.l", "missing", "$.a.x", "$.l[0]", "$.n.x",
]  # fmt: skip
_OF_STEP = [
    None, "$", "", "a", "l", "n", "$.a.b", "$.l[2].c", "$[1].a", "missing", "$.l[9]", "$.n.q",
]  # fmt: skip
_OF_VARIABLE = [*VARIABLES, "$.v", "$.w.x", "$.w.x.y", "$.w.q"]
_PLAIN = [
    None, 0, "", False, True, 1, 1.5, "fail", [], {}, {"$literal": {"$step": "s0"}},
]  # fmt: skip


def random_flow(seed: int) -> dict[str, Any]:
    """Return the flow of that number."""
    random = Random(seed)
    steps: list[dict[str, Any]] = []
    for number in range(random.randint(1, 5)):
        known = [step["id"] for step in steps]
        value = random.choice([None, 0, "", False, [], {}, {}, "fail"])
        step = {"id": f"s{number}", "component": "/v", "input": {"v": value}}
        if random.random() < 0.3:
            step["onError"] = {"action": "useDefault"}
            if random.random() < 0.5:
                step["onError"]["defaultValue"] = random.choice([None, 3, {"a": 1}, []])
        elif random.random() < 0.4:
            step["input"]["v"] = _value(random, known, 1)
        steps.append(step)
    return {
        "name": f"random {seed}",
        "schemas": {
            "type": "object",
            "properties": {"variables": {"type": "object", "properties": VARIABLES}},
        },
        "steps": steps,
        "output": _value(random, [step["id"] for step in steps], 3),
    }


def _value(random: Random, steps: list[str], depth: int) -> Any:
    if depth == 0 or random.random() < 0.3:
        return _leaf(random, steps)
    kind = random.choice(["if", "if", "coalesce", "object", "list"])
    if kind == "if":
        found = {"$if": _value(random, [], depth - 1), "then": _value(random, steps, depth - 1)}
        return found | ({"else": _value(random, steps, depth - 1)} if random.random() < 0.7 else {})
    if kind == "coalesce":
        members = [_value(random, [], depth - 1) for _ in range(random.randint(0, 2))]
        return {"$coalesce": [*members, _leaf(random, steps)]}
    if kind == "object":
        return {
            key: _value(random, steps, depth - 1) for key in random.sample(["p", "path", "then"], 2)
        }
    return [_value(random, steps, depth - 1) for _ in range(random.randint(0, 2))]


def _leaf(random: Random, steps: list[str]) -> Any:
    kind = random.choice(["step", "step", "input", "variable", "plain"])
    if kind == "step" and steps:
        path = random.choice(_OF_STEP)
        return {"$step": random.choice(steps)} | ({} if path is None else {"path": path})
    if kind == "variable":
        found = {"$variable": random.choice(_OF_VARIABLE)}
        return found | ({"default": _leaf(random, [])} if random.random() < 0.5 else {})
    if kind == "plain":
        return json.loads(json.dumps(random.choice(_PLAIN)))
    return {"$input": random.choice(_OF_INPUT)}
