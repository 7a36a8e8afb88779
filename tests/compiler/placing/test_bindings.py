"""Bindings of stacks and projects: by path, inherited, the longest path wins."""

from __future__ import annotations

import pytest

FLOW = """
steps:
  - {id: a, component: /f/a}
  - id: loop
    foreach: {items: [1, 2]}
    steps:
      - {id: b, component: /f/b}
      - {id: c, component: /f/c, input: {b: {$step: b}}}
      - {id: n, component: /noop}
    output: {$step: c}
output: {a: {$step: a}, l: {$step: loop}}
"""
STACK = """
plugins:
  builtin: {type: builtin}
  x: {type: command, components: {/a: {command: a}, /b: {command: b}, /c: {command: c}}}
  y: {type: command, components: {/a: {command: a}, /b: {command: b}, /c: {command: c}}}
  p: {type: python}
routes: {"/f/{component}": [{plugin: x}], "/{component}": [{plugin: builtin}]}
resources: {big: {cpu: 4}, small: {cpu: 1}}
bindings:
"""
PROJECT = "project: p\nflows: {flow: {file: flow.yaml}}\nbindings:\n"


def written(bindings: list[str]) -> str:
    return "".join(f"  - {binding}\n" for binding in bindings)


def classes(found) -> dict[str, str]:
    calls = found.placement.calls
    return {path: call.candidates[0].component_class for path, call in calls.items()}


@pytest.mark.parametrize(
    ("bindings", "expected"),
    [
        (["{step: /, plugin: y}"], "y y y"),
        (["{step: /loop, plugin: y}"], "x y y"),
        (["{step: /loop/b, plugin: x}", "{step: /loop, plugin: y}"], "x x y"),
        (["{step: /, plugin: y}", "{step: /loop/c, plugin: x}"], "y y x"),
        (["{step: /a, plugin: x}", "{step: /a, plugin: y}"], "y x x"),
        (["{step: /lo, plugin: y}"], None),
    ],
)
def test_the_longest_path_wins(placed, bindings: list[str], expected: str | None) -> None:
    found = placed(FLOW, STACK + written(bindings))
    if expected is None:
        assert [one[:3] for one in found.found] == [("stack.yaml", 10, "FC201")]
        return
    assert found.found == []
    chosen = classes(found)
    assert " ".join(chosen[path] for path in ("a", "loop/b", "loop/c")) == expected
    assert chosen["loop/n"] == "builtin", "built-ins run wherever a shim does"


def test_keys_are_inherited_one_by_one(placed) -> None:
    bindings = [
        "{step: /, resources: small, locations: 2}",
        "{step: /loop, resources: big, plugin: y}",
        "{step: /loop/n, locations: 1}",
    ]
    found = placed(FLOW, STACK + written(bindings))
    assert found.found == []
    calls = found.placement.calls
    assert (calls["a"].profile.name, calls["a"].hosts) == ("small", 2)
    inner = calls["loop/b"]
    assert (inner.profile.name, inner.hosts) == ("big", 2)
    assert calls["loop/n"].hosts == 1


def test_a_project_wins_over_the_stack_where_the_paths_are_equal(placed) -> None:
    stack = STACK + written(["{step: /loop/b, plugin: x}", "{step: /loop, plugin: x}"])
    project = PROJECT + written(["{step: flow, plugin: x}", "{step: flow/loop, plugin: y}"])
    found = placed(FLOW, stack, project=project)
    assert classes(found) == {"a": "x", "loop/b": "x", "loop/c": "y", "loop/n": "builtin"}


def test_a_binding_for_a_builtin_itself_is_meant(placed) -> None:
    found = placed(FLOW, STACK + written(["{step: /loop/n, plugin: x}"]))
    assert found.codes == ["FC408"]


@pytest.mark.parametrize(
    ("binding", "part"),
    [
        ("{step: /a, plugin: p, locations: 2}", "a function is called once"),
        ("{step: /loop/n, locations: 3}", "it runs no program"),
    ],
)
def test_locations_are_for_programs(placed, binding: str, part: str) -> None:
    found = placed(FLOW, STACK + written([binding]))
    assert (found.found[0][:3], part in found.messages) == (("stack.yaml", 10, "FC501"), True)
