"""What emitted DAGs do when pods die, by the rules of Argo's controller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.targets.argo.dag_rules import Pod, Run
from tests.targets.argo.flows import templates

from flowc_targets.argo import cells

if TYPE_CHECKING:
    from collections.abc import Set

DONE = {"v": 1, "status": "done", "class": "", "go": True, "count": 0, "retry_wait": 0}


def ends(
    dead: Set[str] = frozenset(), counts: dict[str, int] | None = None, go: bool = True
) -> Any:
    """Pods of the units in ``dead`` die; a unit of an item is written ``unit@scope``."""

    def end(pod: Pod) -> tuple[str, dict[str, Any]]:
        unit, scope = pod.unit
        name = f"{unit}@{scope}" if scope else unit
        asked = f"{name}?" if pod.leaf.startswith("ask") else name
        if asked in dead:
            return "Failed", {}
        return "Succeeded", {**DONE, "count": (counts or {}).get(unit, 0), "go": go}

    return end


def run(flow: str, dead: Set[str] = frozenset(), **how: Any) -> Run:
    return Run(templates(flow), ends(dead, **how))


def units(found: Run) -> list[str]:
    """The units that ran, in order."""
    names = []
    for pod in found.pods:
        unit, scope = pod.unit
        if unit and not pod.leaf.startswith("ask"):
            names.append(f"{unit}@{scope}" if scope else unit)
    return names


def settled(found: Run) -> dict[str, str]:
    return {unit: status for pod in found.pods for unit, status in pod.settled.items()}


DIAMOND = """
steps:
- {id: a, component: /f, input: 1}
- {id: b, component: /f, input: {$step: a}}
- {id: c, component: /f, input: {$step: a}, onError: {action: useDefault}}
- {id: d, component: /f, input: [{$step: b}, {$step: c}]}
output: {$step: d}
"""


def test_a_diamond_runs_in_order() -> None:
    found = run(DIAMOND)
    assert found.phase == "Succeeded"
    assert units(found) == ["a", "b", "c", "d"]
    assert settled(found) == {"c": "Succeeded"}


def test_an_unhandled_death_fails_the_workflow_and_omits_what_comes_after() -> None:
    found = run(DIAMOND, {"b"})
    assert found.phase == "Failed"
    assert units(found) == ["a", "b", "c"]


def test_a_handled_death_is_settled_by_its_reader() -> None:
    found = run(DIAMOND, {"c"})
    assert found.phase == "Succeeded"
    assert units(found)[-1] == "d"
    assert settled(found) == {"c": "Failed"}


HANDLED_LEAF = """
steps:
- {id: a, component: /f, input: 1}
- {id: n, component: /f, input: {$step: a}, onError: {action: useDefault}}
output: {$step: a}
"""


def test_a_handled_leaf_is_settled_at_the_end() -> None:
    found = run(HANDLED_LEAF, {"n"})
    assert found.phase == "Succeeded"
    assert settled(found) == {"n": "Failed"}


def test_settling_never_hides_an_unhandled_failure_further_up() -> None:
    found = run(HANDLED_LEAF, {"a"})
    assert found.phase == "Failed"
    assert units(found) == ["a"]
    assert settled(found) == {}


LOOP = """
steps:
- {id: plan, component: /f, input: 1}
- id: each
  foreach: {items: {$step: plan}, concurrency: 3}
  steps:
  - {id: one, component: /f, input: {$item: ""}}
  - {id: two, component: /f, input: {$step: one}}
  output: {$step: two}
- {id: end, component: /f, input: {$step: each}}
output: {$step: end}
"""
HANDLED_LOOP = LOOP.replace(
    "  output: {$step: two}\n", "  output: {$step: two}\n  onError: {action: useDefault}\n"
)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_loop_runs_every_item_and_is_closed_once(count: int) -> None:
    found = run(LOOP, counts={"each:open": count})
    assert found.phase == "Succeeded"
    items = [f"each/{name}@{index}" for index in range(count) for name in ("one", "two")]
    assert units(found) == ["plan", "each:open", *items, "each:close", "end"]


def test_a_dead_item_is_judged_by_the_close() -> None:
    found = run(LOOP, {"each/one@1"}, counts={"each:open": 3})
    assert "each/two@1" not in units(found)
    assert {"each/two@0", "each/two@2", "each:close", "end"} <= set(units(found))
    assert found.phase == "Succeeded"


def test_a_close_that_fails_fails_the_workflow() -> None:
    found = run(LOOP, {"each/one@1", "each:close"}, counts={"each:open": 3})
    assert found.phase == "Failed"
    assert "end" not in units(found)


def test_a_dead_opening_omits_the_loop_unless_its_failure_may_become_a_value() -> None:
    found = run(LOOP, {"each:open"}, counts={"each:open": 3})
    assert (found.phase, units(found)) == ("Failed", ["plan", "each:open"])
    found = run(HANDLED_LOOP, {"each:open"}, counts={"each:open": 3})
    assert (found.phase, units(found)[2:]) == ("Succeeded", ["each:close", "end"])
    assert settled(found)["each:open"] == "Failed"
    found = run(HANDLED_LOOP, {"plan"}, counts={"each:open": 3})
    assert (found.phase, units(found)) == ("Failed", ["plan"])


def test_nested_loops_pass_the_scope_on() -> None:
    flow = """
    steps:
    - id: outer
      foreach: {items: {$input: rows}}
      steps:
      - id: inner
        foreach: {items: {$item: ""}}
        steps: [{id: f, component: /f, input: {$item: ""}}]
        output: {$step: f}
      output: {$step: inner}
    output: {$step: outer}
    """
    found = run(flow, counts={"outer:open": 2, "outer/inner:open": 2})
    assert found.phase == "Succeeded"
    body = [unit for unit in units(found) if unit.startswith("outer/inner/f")]
    assert body == [f"outer/inner/f@{i}/{j}~2" for i in range(2) for j in range(2)]
    assert units(found)[1] == "outer/inner:open@0"


HEAVY = """
steps:
- {id: small, component: /f, input: 1}
- id: big
  component: /inside/m
  when: steps.small > 1
  input: {$step: small}
  resources: {gpu: 1, memory: 32Gi}
- {id: end, component: /f, input: {$step: big, onSkip: 0}}
output: {$step: end}
"""
HANDLED_HEAVY = HEAVY.replace("  resources:", "  onError: {action: useDefault}\n  resources:")


@pytest.mark.parametrize("flow", [HEAVY, HANDLED_HEAVY], ids=["unhandled", "handled"])
def test_a_heavy_unit_starts_only_if_its_guard_says_so(flow: str) -> None:
    found = run(flow, go=True)
    assert (found.phase, units(found)) == ("Succeeded", ["small", "big", "end"])
    found = run(flow, go=False)
    assert (found.phase, units(found)) == ("Succeeded", ["small", "end"])


def test_a_guard_that_dies_is_a_unit_that_dies() -> None:
    found = run(HEAVY, {"big?"})
    assert (found.phase, units(found)) == ("Failed", ["small"])
    found = run(HANDLED_HEAVY, {"big?"})
    assert (found.phase, units(found)) == ("Succeeded", ["small", "end"])
    assert settled(found)["big"] == "Failed"
    found = run(HANDLED_HEAVY, {"big"})
    assert (found.phase, units(found)) == ("Succeeded", ["small", "big", "end"])
    assert settled(found)["big"] == "Failed"
    found = run(HANDLED_HEAVY, {"small"})
    assert (found.phase, units(found)) == ("Failed", ["small"])


def test_a_flow_that_needs_no_step_runs_one_pod_that_puts_the_input_in() -> None:
    flow = """
    schema: https://stepflow.org/schemas/v1/flow.json
    name: idle
    steps: [{id: idle, component: /f, input: 1}]
    output: {$input: x}
    """
    found = run(flow)
    assert (found.phase, [pod.leaf for pod in found.pods]) == ("Succeeded", ["settle-first"])


@st.composite
def graphs(draw: st.DrawFn) -> tuple[str, dict[str, list[str]], set[str], set[str]]:
    """A flow, its edges, the units whose failures may become values, and the units that die."""
    size = draw(st.integers(1, 14))
    edges: dict[str, list[str]] = {}
    handled, dead = set(), set()
    lines = ["steps:"]
    for number in range(size):
        name = f"s{number}"
        before = (
            draw(st.lists(st.integers(0, number - 1), max_size=3, unique=True)) if number else []
        )
        edges[name] = [f"s{other}" for other in before]
        extra = ""
        if draw(st.booleans()):
            handled.add(name)
            extra = ", onError: {action: useDefault}"
        if draw(st.integers(0, 3)) == 0:
            dead.add(name)
        needs = ", ".join(edges[name])
        lines.append(f"- {{id: {name}, component: /f, input: 1, needs: [{needs}]{extra}}}")
    return "\n".join([*lines, "output: 1"]), edges, handled, dead


@settings(max_examples=150, deadline=None)
@given(graph=graphs(), small=st.booleans())
def test_any_graph_fails_exactly_by_its_unhandled_deaths(
    graph: tuple[str, dict[str, list[str]], set[str], set[str]], small: bool
) -> None:
    flow, edges, handled, dead = graph
    with pytest.MonkeyPatch.context() as patch:
        if small:  # segments of three steps
            patch.setattr(cells, "TASKS_PER_DAG", 4)
            patch.setattr(cells, "_ROOM", 3)
        found = run(flow, dead)
    ran = set(units(found))
    blocked: set[str] = set()
    for name, before in edges.items():
        if any(other in blocked or other in dead - handled for other in before):
            blocked.add(name)
    assert not ran & blocked
    fatal = ran & (dead - handled)
    assert (found.phase == "Failed") == bool(fatal)
    if not small:
        assert ran == edges.keys() - blocked
    if not fatal:
        assert ran == edges.keys()
        said = settled(found)
        assert {unit for unit, status in said.items() if status == "Failed"} == dead & handled
    for name in ran:
        order = units(found)
        assert all(order.index(other) < order.index(name) for other in edges[name])
