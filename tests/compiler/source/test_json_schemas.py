"""The JSON Schemas agree with the decoders."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal

import jsonschema_rs
import pytest

from flowc.diagnostics import Diagnostics
from flowc.source.decode_flow import decode_flow
from flowc.source.decode_project import decode_project
from flowc.source.decode_stack import decode_stacks
from flowc.source.json_schemas import schema_of
from flowc.source.yaml_reader import read
from flowc_shim.language.decode import plain

Kind = Literal["flow", "stack", "project"]
KINDS: tuple[Kind, ...] = ("flow", "stack", "project")
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_are_valid_and_complete(kind: Kind) -> None:
    schema = schema_of(kind)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema_rs.meta.validate(schema)
    used = set(re.findall(r'"#/\$defs/(\w+)"', json.dumps(schema)))
    assert used <= set(schema["$defs"])
    assert used | {"storage_config", "stack"} >= set(schema["$defs"])


GOOD: dict[Kind, list[str]] = {
    "flow": [
        "schema: flowc/v1\nsteps: []",
        "name: null\nschemas: null\noutput: {$step: a, path: b}",
        """
schema: flowc/v1
steps:
  - {id: a, component: /a, input: {x: {$literal: {$foo: 1}}, y: [{$input: z}]}, timeout: 3s,
     when: input.x, retry: {user: {max: {$variable: n}}}, resources: {cpu: 500m},
     onError: {action: useDefault, defaultValue: 3}}
  - {id: b, foreach: {product: {x: [1]}, maxFailures: 10%}, steps: [{id: c, component: /c}],
     output: {$step: c, onSkip: null}}
""",
    ],
    "stack": [
        'plugins: {a: {type: builtin}}\nroutes: {"/{component}": [{plugin: a}]}',
        """
stacks:
  a:
    state_store: {url: "s3://b", secret_access_key: {secret: k}}
    resources: {big: {gpu: 1}}
    plugins: {m: {type: mock, components: {/x: {behaviors: {a: {error: b}}}}},
              c: {type: stepflow, deploy: {image: i, replicas: {min: 1}}}}
    routes: {}
""",
    ],
    "project": [
        'project: x\nflows: {a: {file: a.yaml, triggers: [{cron: "* * * * *"}]}}\n'
        "environments: {d: {stack: s, variables: {v: {secret: n}}}}\n"
        "bindings: [{step: a/b, resources: {gpu: 1}}]",
    ],
}
BAD: dict[Kind, list[str]] = {
    "flow": [
        "schema: flowc/v1\nnmae: x",
        "schema: flowc/v1\nsteps: [{id: a, component: /a, timout: 3}]",
        "schema: flowc/v1\noutput: {a: {$step: b, pth: c}}",
        "schema: flowc/v1\nsteps: [{component: /a}]",
        "schema: flowc/v2",
    ],
    "stack": ["plugins: {a: {type: grpc}}\nroutes: {}", "plugins: {}", "stacks: {a: {}}"],
    "project": ["project: x", "project: x\nflows: {a: {file: b, strategy: {rule: x}}}"],
}


def tree_and_errors(kind: Kind, text: str) -> tuple[Any, bool]:
    diagnostics = Diagnostics()
    document = read(text, "f.yaml", diagnostics)
    assert document is not None
    if kind == "flow":
        decode_flow(document, diagnostics)
    elif kind == "stack":
        decode_stacks(document, diagnostics, {})
    else:
        decode_project(document, diagnostics, {})
    return plain(document.root), diagnostics.has_errors


@pytest.mark.parametrize(("kind", "text"), [(k, text) for k in KINDS for text in GOOD[k]])
def test_good_files(kind: Kind, text: str) -> None:
    tree, has_errors = tree_and_errors(kind, text)
    assert not has_errors
    jsonschema_rs.validator_for(schema_of(kind)).validate(tree)


@pytest.mark.parametrize(("kind", "text"), [(k, text) for k in KINDS for text in BAD[k]])
def test_bad_files(kind: Kind, text: str) -> None:
    tree, has_errors = tree_and_errors(kind, text)
    assert has_errors
    assert not jsonschema_rs.validator_for(schema_of(kind)).is_valid(tree)


def example_files() -> list[tuple[Kind, Path]]:
    found: list[tuple[Kind, Path]] = []
    for file in sorted((ROOT / "examples").rglob("*.yaml")):
        text = file.read_text()
        if re.search(r"^schema: flowc/v1", text, re.M):
            found.append(("flow", file))
        elif re.search(r"^(stacks|plugins):", text, re.M):
            found.append(("stack", file))
        elif re.search(r"^project:", text, re.M):
            found.append(("project", file))
    return found


def test_examples() -> None:
    for kind, file in example_files():
        diagnostics = Diagnostics()
        document = read(file.read_text(), file.name, diagnostics)
        assert document is not None
        jsonschema_rs.validator_for(schema_of(kind)).validate(plain(document.root))
