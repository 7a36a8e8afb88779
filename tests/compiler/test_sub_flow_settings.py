"""Numbers that a sub-flow fixes before the run, from variables that the step around it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.engines import compile_case
from tests.conformance.model import Case

from flowc.diagnostics import Diagnostics
from flowc.driver import Analysis, analyse
from flowc.loading import Loader
from flowc.placing import place
from flowc.source.decode_stack import decode_stacks
from flowc.source.yaml_reader import read
from flowc_shim.contract.steps import PlanCall, PlanLoop

if TYPE_CHECKING:
    from pathlib import Path

    from flowc.ir.model import Program
    from flowc_shim.contract.plan import Plan

DECLARED = "schemas: {properties: {variables: {type: object, properties: {%s}}}}\n"
STACK = 'plugins: {b: {type: builtin}}\nroutes: {"/{component}": [{plugin: b}]}\n'
SUB = DECLARED % "n: {default: 1}" + "steps: [{id: x, component: /noop, timeout: %s}]\n"


def analysed(folder: Path, **files: str) -> tuple[Analysis, Diagnostics]:
    """Read `flow.yaml` and what it runs."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text("schema: flowc/v1\n" + text)
    diagnostics = Diagnostics()
    loaded = Loader(diagnostics, folder, {}).flow("flow.yaml")
    assert loaded is not None
    return analyse(loaded.source, diagnostics, sound=loaded.sound), diagnostics


def placed(program: Program, diagnostics: Diagnostics) -> list[tuple[str, str, int]]:
    """Code, file and line of what is wrong so far, and with the program on a stack."""
    document = read(STACK, "stack.yaml", diagnostics)
    assert document is not None
    stacks = decode_stacks(document, diagnostics, {})
    place(program, next(iter(stacks.values())), diagnostics=diagnostics)
    shown = [(d.code.number, d.primary.span) for d in diagnostics if d.primary]
    return [(code, span.file, span.line) for code, span in shown]


def found(folder: Path, **files: str) -> list[tuple[str, str, int]]:
    analysis, diagnostics = analysed(folder, **files)
    return placed(analysis.program, diagnostics)


def plan_of(flow: dict[str, Any], **flows: dict[str, Any]) -> Plan:
    named = {"schema": "flowc/v1", "name": "case", **flow}
    files = {f"{name}.yaml": content for name, content in flows.items()}
    case = Case("case", named, None, "succeeded", None, {}, None, flows=files)
    return compile_case(case, "local", "step", store="memory:").plan


def variables(**declared: Any) -> dict[str, Any]:
    known = {name: {"default": default} for name, default in declared.items()}
    return {"properties": {"variables": {"type": "object", "properties": known}}}


LEAF: dict[str, Any] = {
    "schemas": variables(n=1, deep={"size": 1}),
    "timeout": {"$variable": "n"},
    "steps": [
        {
            "id": "x",
            "component": "/builtin/noop",
            "timeout": {"$variable": "n"},
            "retry": {"user": {"max": {"$variable": "$.deep.size"}}},
        },
        {
            "id": "each",
            "foreach": {"items": [1], "concurrency": {"$variable": "$.deep.size"}},
            "component": "/builtin/noop",
        },
    ],
}


def fixed(plan: Plan, path: str) -> list[Any]:
    """Return what is fixed in the `LEAF` at ``path``: times, re-tries, items at once."""
    flow, call, each = (plan.steps[one].body for one in (path, f"{path}/x", f"{path}/each"))
    assert isinstance(flow, PlanLoop) and flow.flow is not None
    assert isinstance(call, PlanCall) and isinstance(each, PlanLoop)
    return [flow.flow.timeout, call.timeout, call.retry.user.max, each.concurrency]


def test_they_are_what_the_step_gives() -> None:
    """Neither what the flow itself says, nor the run's variables of the same names."""
    flow = {
        "schemas": variables(n=100, deep={"size": 50}, other={"time": "20m"}),
        "steps": [
            {"id": "a", "flow": "leaf.yaml", "variables": {"n": "5m", "deep": {"size": 7}}},
            {"id": "b", "flow": "leaf.yaml",
             "variables": {"n": {"$variable": "$.other.time"}, "deep": {"$variable": "deep"}}},
            {"id": "c", "flow": "middle.yaml", "variables": {"n": 3}},
        ],
    }  # fmt: skip
    given = {"n": {"$variable": "n"}, "deep": {"$literal": {"size": 9}}}
    middle = {
        "schemas": variables(n=1, deep={"size": 50}),
        "steps": [{"id": "d", "flow": "leaf.yaml", "variables": given}],
    }
    plan = plan_of(flow, leaf=LEAF, middle=middle)
    assert fixed(plan, "a") == [300.0, 300.0, 7, 7]
    assert fixed(plan, "b") == [1200.0, 1200.0, 50, 50]
    assert fixed(plan, "c/d") == [3.0, 3.0, 9, 9]


def test_they_are_the_runs_where_no_step_gives_them() -> None:
    flow = {
        "schemas": variables(n=1, deep={"size": 1}),
        "steps": [{"id": "a", "flow": "leaf.yaml"}],
    }
    assert fixed(plan_of(flow, leaf=LEAF), "a") == [1.0, 1.0, 1, 1]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("{$input: n}", "FC219"),
        ("{$expr: input.n}", "FC219"),
        ("[{$variable: m}]", "FC219"),
        ("0", "FC111"),
        ("soon", "FC111"),
        ("{$literal: {a: 1}}", "FC111"),
        ("9", None),
        ("{$variable: m}", None),
    ],
)
def test_a_value_that_only_the_run_knows(tmp_path: Path, given: str, code: str | None) -> None:
    flow = (
        DECLARED % "m: {default: 4}" + "steps:\n  - {id: a, flow: sub.yaml, variables: {n: %s}}\n"
    )
    shown = found(tmp_path, flow=flow % given, sub=SUB % "{$variable: n}")
    assert shown == ([] if code is None else [(code, "sub.yaml", 3)])


def test_a_path_that_leads_nowhere(tmp_path: Path) -> None:
    flow = "steps: [{id: a, flow: sub.yaml, variables: {n: {time: 3}}}]\n"
    assert found(tmp_path, flow=flow, sub=SUB % "{$variable: $.n.time}") == []
    assert found(tmp_path, flow=flow, sub=SUB % "{$variable: $.n.tme}") == [
        ("FC004", "sub.yaml", 3)
    ]
    with_default = SUB % "{$variable: $.n.tme, default: 4}"
    assert found(tmp_path, flow=flow, sub=with_default) == []


def test_a_name_that_is_no_variable_is_said_where_it_stands(tmp_path: Path) -> None:
    flow = "steps:\n  - {id: a, flow: sub.yaml, variables: {n: {$variable: nope}}}\n"
    shown = found(tmp_path, flow=flow, sub=SUB % "{$variable: n}")
    assert {file for _, file, _ in shown} == {"flow.yaml"}
    flow = "steps: [{id: a, flow: sub.yaml}]\n"
    assert found(tmp_path, flow=flow, sub=SUB % "{$variable: nope}") == [("FC208", "sub.yaml", 3)]


def test_the_starter_of_a_run_knows_a_value_too_late(tmp_path: Path) -> None:
    """Also where there is a default, which would be another value than the one that is given."""
    for setting in ("{$variable: n}", "{$variable: n, default: 3}"):
        flow = "steps: [{id: a, flow: sub.yaml, detached: true, variables: {n: 4}}]\n"
        analysis, diagnostics = analysed(tmp_path, flow=flow, sub=SUB % setting)
        started = analysis.detached["a"].program
        assert placed(started, diagnostics) == [("FC004", "sub.yaml", 3)]
        assert "from whoever starts a run" in next(iter(diagnostics)).message
