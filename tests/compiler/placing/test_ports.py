"""Ports: which inputs a file may be bound to, and what then is in the placement."""

from __future__ import annotations

import pytest

from flowc_shim.contract.plan import with_data

INPUT = """
schemas:
  type: object
  properties:
    input:
      type: object
      required: [sales]
      properties:
        sales: {$ref: "#/$defs/file"}
        day: {type: string}
      $defs: {file: {type: object, required: [$artifact]}}
"""
FLOW = """
steps:
  - {id: load, component: /noop, input: {table: {$input: sales}, first: {$input: "$.parts[0]"}}}
  - {id: all, component: /noop, input: {$input: $.whole}}
  - {id: empty, component: /noop, when: has(input.maybe)}
  - id: loop
    foreach: {items: [1]}
    steps:
      - {id: inner, component: /noop, input: {n: {$item: $}}}
    output: {$step: inner}
  - {id: each, foreach: {items: [1]}, component: /noop, input: {n: {$item: $}}}
output: {$step: load}
"""
STACK = """\
plugins: {b: {type: builtin}}
routes: {"/{component}": [{plugin: b}]}
bindings:
"""
PROJECT = """\
project: p
flows: {flow: {file: flow.yaml}}
environments: {dev: {stack: default}, live: {stack: default}}
bindings:
"""


def bound(port: str, data: str = "s3://b/x", more: str = "") -> str:
    return f'  - {{port: {port}, data: "{data}"{more}}}\n'


@pytest.mark.parametrize("port", ["sales", "parts", "whole", "maybe"])
def test_a_member_of_the_input_that_the_flow_reads(placed, port: str) -> None:
    found = placed(FLOW, STACK + bound(f"/{port}"))
    assert found.found == []
    assert {key: uri.value for key, uri in found.placement.data.items()} == {port: "s3://b/x"}


def test_a_member_that_is_declared_alone(placed) -> None:
    found = placed(INPUT + "output: {$input: sales}", STACK + bound("/sales"))
    assert (found.found, list(found.placement.data)) == ([], ["sales"])


@pytest.mark.parametrize(
    ("flow", "port", "code", "hint"),
    [
        (FLOW, "/sale", "FC220", "write `/sales`"),
        (FLOW, "/x", "FC220", "`/maybe`, `/parts`, `/sales`, `/whole`"),
        ("output: 1", "/x", "FC220", "its inputs: none"),
        (INPUT + "output: {$input: sales}", "/day", "FC403", None),
        (FLOW, "/lod/x", "FC201", "write `/load/x`"),
        (FLOW, "/loop/x", "FC220", "bind what the steps in it read"),
        (FLOW, "/all/x", "FC220", "write it as a mapping"),
        (FLOW, "/load/table", "FC121", "`port: /sales`"),
        (FLOW, "/load/first", "FC121", "leave one of them out"),
    ],
)
def test_what_no_file_can_be_bound_to(
    placed, flow: str, port: str, code: str, hint: str | None
) -> None:
    found = placed(flow, STACK + bound(port))
    assert [one[:3] for one in found.found] == [("stack.yaml", 4, code)]
    assert hint is None or hint in found.diagnostics.found[0].hint


def test_any_name_where_all_of_the_input_is_read(placed) -> None:
    assert placed("output: {$input: $}", STACK + bound("/x")).found == []
    assert placed("output: {$expr: size(input)}", STACK + bound("/x")).found == []
    closed = "schemas: {type: object, properties: {input: {additionalProperties: false}}}\n"
    assert placed(closed + "output: {$input: $}", STACK + bound("/x")).codes == ["FC220"]


def test_steps_get_it_beside_what_the_flow_writes(placed) -> None:
    ports = "".join(bound(port) for port in ("/load/x", "/empty/x", "/loop/inner/x", "/each/x"))
    found = placed(FLOW, STACK + ports)
    assert found.found == []
    calls = found.placement.calls
    paths = ["load", "empty", "loop/inner", "each/item"]
    assert [list(calls[path].data) for path in paths] == [["x"]] * 4
    assert len(list(found.placement.bound_files())) == 4


@pytest.mark.parametrize(
    ("environment", "expected"),
    [("dev", "s3://b/dev"), ("live", "s3://b/all"), (None, "s3://b/all")],
)
def test_environments_and_the_stack(placed, environment: str | None, expected: str) -> None:
    project = PROJECT + bound("flow/sales", "s3://b/all")
    project += bound("flow/sales", "s3://b/dev", ", environments: [dev]")
    stack = STACK + bound("/sales", "s3://b/stack")
    found = placed(FLOW, stack, project=project, environment=environment)
    assert (found.found, found.placement.data["sales"].value) == ([], expected)


def test_another_flow_is_not_meant(placed) -> None:
    found = placed(FLOW, project=PROJECT + bound("flow/typo"), name="other")
    assert (found.found, found.placement.data) == ([], {})


def test_only_what_a_mapping_lacks_is_added() -> None:
    data = {"a": {"$artifact": "s3://b/x"}}
    assert with_data({"b": 1}, data) == {"b": 1, **data}
    assert with_data({"a": None}, data) == {"a": None}
    for other in (None, [1], "a", 3):
        assert with_data(other, data) == other
