"""Sub-flows are read with the flow that runs them: circles, bad files, flows that differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flowc.diagnostics import Diagnostics
from flowc.driver import Analysis, analyse
from flowc.ir.model import Loop
from flowc.loading import Loader

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "schema: flowc/v1\n"
LEAF = HEAD + "steps: [{id: x, component: /f, input: {$input: n}}]\noutput: {$step: x}\n"


def load(folder: Path, **files: str) -> tuple[Analysis, Diagnostics]:
    """Load `flow.yaml` and what it runs; `a_b` is `a/b`."""
    for name, text in files.items():
        path = folder / (name.replace("_", "/") + ".yaml")
        path.parent.mkdir(exist_ok=True)
        path.write_text(HEAD + text if "schema:" not in text else text)
    diagnostics = Diagnostics()
    loaded = Loader(diagnostics, folder, {}).flow("flow.yaml")
    assert loaded is not None
    return analyse(loaded.source, diagnostics, sound=loaded.sound), diagnostics


def found(diagnostics: Diagnostics) -> list[tuple[str, str, int]]:
    """Code, file and line of each finding."""
    spans = [(d.code.number, d.primary.span) for d in diagnostics if d.primary]
    return sorted((code, span.file, span.line) for code, span in spans)


def test_paths_are_beside_the_file_that_they_stand_in(tmp_path: Path) -> None:
    analysis, diagnostics = load(
        tmp_path,
        flow="steps: [{id: a, flow: parts/one.yaml, input: {n: 1}}]\noutput: {$step: a}\n",
        parts_one="steps: [{id: b, flow: ./two.yaml}]\noutput: {$step: b}\n",
        parts_two=LEAF,
    )
    assert found(diagnostics) == []
    assert list(analysis.program.steps) == ["a", "a/b", "a/b/x"]


@pytest.mark.parametrize(
    ("other", "cycle"),
    [
        ("flow: flow.yaml", "flow.yaml → other.yaml → flow.yaml"),
        ("flow: other.yaml", "other.yaml → other.yaml"),
        ("flow: ./sub/../flow.yaml", "flow.yaml → other.yaml → flow.yaml"),
    ],
)
def test_flows_that_run_each_other(tmp_path: Path, other: str, cycle: str) -> None:
    (tmp_path / "sub").mkdir()
    loop = "steps:\n  - id: each\n    foreach: {items: [1]}\n    steps:\n      - {id: b, %s}\n"
    _, diagnostics = load(tmp_path, flow="steps: [{id: a, flow: other.yaml}]\n", other=loop % other)
    assert found(diagnostics) == [("FC218", "other.yaml", 6)]
    assert [d.message for d in diagnostics] == [f"these flows run each other: {cycle}"]


def test_one_flow_may_be_run_often(tmp_path: Path) -> None:
    twice = "steps: [{id: a, flow: %s}, {id: b, flow: %s}]\noutput: [{$step: a}, {$step: b}]\n"
    analysis, diagnostics = load(
        tmp_path,
        flow=twice % ("one.yaml", "one.yaml"),
        one=twice % ("two.yaml", "two.yaml"),
        two=LEAF,
    )
    assert found(diagnostics) == []
    assert len([path for path in analysis.program.steps if path.endswith("/x")]) == 4


def test_what_cannot_be_read(tmp_path: Path) -> None:
    _, diagnostics = load(
        tmp_path,
        flow="steps:\n  - {id: a, flow: gone.yaml}\n  - {id: b, flow: bad.yaml}\n"
        "  - {id: c, component: /f, needs: [nobody]}\n",
        bad="steps: [{id: x, component: /f, timeot: 3s}]\n",
    )
    # a mistake in one file hides none in another
    assert found(diagnostics) == [
        ("FC003", "flow.yaml", 3), ("FC104", "bad.yaml", 2), ("FC201", "flow.yaml", 5),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "schema: https://stepflow.org/schemas/v1/flow.json\nsteps: [{id: x, component: /f}]\n",
        "steps: []\nfinally: [{id: x, component: /f}]\n",
        "schemas: {properties: {variables: {type: object, properties: {n: {default: 2}}}}}\n",
    ],
)
def test_what_no_step_can_run(tmp_path: Path, text: str) -> None:
    flow = (
        "schemas: {properties: {variables: {type: object, properties: {n: {default: 1}}}}}\n"
        "steps: [{id: a, flow: other.yaml}]\n"
    )
    _, diagnostics = load(tmp_path, flow=flow, other=text)
    assert [(code, file) for code, file, _ in found(diagnostics)] == [("FC219", "flow.yaml")]


def test_what_a_failure_does_is_each_flows_own(tmp_path: Path) -> None:
    analysis, diagnostics = load(
        tmp_path,
        flow="steps: [{id: a, flow: one.yaml}, {id: b, flow: two.yaml}]\n",
        one="failure: failFast\nsteps: [{id: x, component: /f}]\n",
        two="failure: failAfterRunning\nsteps: [{id: x, component: /f}]\n",
    )
    assert found(diagnostics) == []
    bodies = [analysis.program.steps[path].body for path in ("a", "b")]
    flows = [body.flow for body in bodies if isinstance(body, Loop)]
    assert [flow is not None and flow.fail_fast for flow in flows] == [True, False]
    assert not analysis.program.fail_fast


def test_names_of_one_flow_are_none_in_the_other(tmp_path: Path) -> None:
    _, diagnostics = load(
        tmp_path,
        flow="steps:\n"
        "  - id: each\n    foreach: {items: [1]}\n    steps:\n"
        "      - {id: a, flow: other.yaml, input: {n: 1}, variables: {m: 1, deep: {x: 1}}}\n"
        "  - {id: b, component: /f, input: {$step: x}}\n"
        "output: {$step: b}\n",
        other="schemas:\n  properties:\n"
        "    input: {type: object, properties: {n: {type: integer}}, additionalProperties: false}\n"
        "    variables: {type: object, properties: {deep: {type: object, properties: {x: {}},"
        " additionalProperties: false}}}\n"
        "steps:\n"
        "  - {id: x, component: /f, input: {$item: $}}\n"
        "  - {id: y, component: /f, input: {$expr: 'item + 1'}}\n"
        "  - {id: z, component: /f, needs: [each]}\n"
        "  - {id: w, component: /f, input: [{$input: m}, {$expr: input.m}]}\n"
        "  - {id: v, component: /f, input: [{$variable: $.deep.y}, {$expr: vars.deep.y}]}\n",
    )
    assert found(diagnostics) == sorted([
        ("FC208", "flow.yaml", 6),
        ("FC201", "flow.yaml", 7),
        ("FC207", "other.yaml", 7),
        ("FC213", "other.yaml", 8),
        ("FC201", "other.yaml", 9),
        ("FC404", "other.yaml", 10),
        ("FC213", "other.yaml", 10),
        ("FC404", "other.yaml", 11),
        ("FC213", "other.yaml", 11),
    ])  # fmt: skip


def test_the_variables_of_all_flows_are_those_of_the_run(tmp_path: Path) -> None:
    declared = "schemas: {properties: {variables: {type: object, properties: {%s}}}}\n"
    analysis, diagnostics = load(
        tmp_path,
        flow=declared % "a: {default: 1}, b: {type: integer}"
        + "steps: [{id: s, flow: other.yaml, variables: {c: {$variable: a}}}]\n",
        other=declared % "a: {default: 1}, c: {}, d: {default: 4}" + "steps: []\n",
    )
    assert found(diagnostics) == []
    assert [variable.name for variable in analysis.program.variables] == ["a", "b", "d"]


def test_loops_and_flows_nest_to_a_depth(tmp_path: Path) -> None:
    flows = {f"f{n}": f"steps: [{{id: s, flow: f{n + 1}.yaml}}]\n" for n in range(1, 11)}
    _, diagnostics = load(tmp_path, flow="steps: [{id: s, flow: f1.yaml}]\n", **flows, f11=LEAF)
    assert [code for code, _, _ in found(diagnostics)] == ["FC217"]


def test_secrets_are_shared_and_not_handed_over(tmp_path: Path) -> None:
    declared = "schemas: {properties: {variables: {type: object, properties: {%s}}}}\n"
    _, diagnostics = load(
        tmp_path,
        flow=declared % "key: {type: string, is_secret: true}, plain: {default: x}" + "steps:\n"
        "  - {id: a, flow: other.yaml, input: {k: [{$variable: key}]}}\n"
        "  - {id: b, flow: other.yaml, variables: {given: {$variable: key}}}\n"
        "  - {id: c, flow: other.yaml, variables: {given: {$variable: plain}}}\n",
        other=declared % "key: {type: string, is_secret: true}, given: {type: string}"
        + "steps: [{id: x, component: /f, input: [{$variable: key}, {$variable: given}]}]\n",
    )
    shown = [one for one in found(diagnostics) if one[0] == "FC219"]
    assert shown == [("FC219", "flow.yaml", 4), ("FC219", "flow.yaml", 5)]


def test_a_detached_flow_is_a_flow_of_its_own(tmp_path: Path) -> None:
    """It may have what a sub-flow may not, and its errors are found with the others."""
    analysis, diagnostics = load(
        tmp_path,
        flow="steps: [{id: a, flow: one.yaml, detached: true, variables: {v: 1}},"
        " {id: b, flow: one.yaml, detached: true, variables: {v: 2, w: 3}}]\n",
        one="timeout: 5m\nfailure: failFast\n"
        "schemas: {properties: {variables: {type: object, properties: {v: {type: integer}}}}}\n"
        "steps: [{id: x, component: /f, input: [{$variable: v}, {$step: y}]}]\n"
        "finally: [{id: z, component: /f}]\n",
    )
    assert set(found(diagnostics)) == {("FC201", "one.yaml", 5), ("FC208", "flow.yaml", 2)}
    assert list(analysis.program.steps) == ["a", "b"]
    assert list(analysis.detached["a"].program.steps) == ["x", "finally/z"]


def test_a_detached_flow_cannot_start_itself(tmp_path: Path) -> None:
    _, diagnostics = load(
        tmp_path,
        flow="steps: [{id: a, flow: one.yaml, detached: true}]\n",
        one="steps: [{id: b, flow: two.yaml}]\n",
        two="steps: [{id: c, flow: flow.yaml, detached: true}]\n",
    )
    assert [d.message for d in diagnostics] == [
        "these flows run each other: flow.yaml → one.yaml → two.yaml → flow.yaml"
    ]


def test_a_secret_is_not_handed_to_a_detached_flow(tmp_path: Path) -> None:
    secret = "schemas: {properties: {variables: {properties: {key: {is_secret: true}}}}}\n"
    _, diagnostics = load(
        tmp_path,
        flow=secret + "steps: [{id: a, flow: one.yaml, detached: true, input: {$variable: key}}]\n",
        one="steps: []\n",
    )
    assert found(diagnostics) == [("FC219", "flow.yaml", 3)]
