"""The driver: one road from a decoded flow to a compilation, and what stops it where."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from flowc.diagnostics import Diagnostics
from flowc.driver import Options, analyse, compilation_name, compile_flow, slug
from flowc.source.decode_flow import decode_flow
from flowc.source.decode_stack import decode_stacks
from flowc.source.yaml_reader import read
from flowc.targets import all_targets, canonical_name, find_target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.source.model import SourceFlow
    from flowc.source.stack_model import Stack
    from flowc.target import Compilation, FeatureSupport

STACK = """\
plugins: {b: {type: builtin}, s: {type: stepflow, url: "http://x"}}
routes: {"/s/{component}": [{plugin: s}], "/{component}": [{plugin: b}]}
"""
FLOW = """\
schema: flowc/v1
name: demo
steps:
  - {id: a, component: /noop, input: {$input: x}}
  - {id: b, component: /noop, input: {$step: a}}
output: {$step: b}
"""


class Recording:
    """A target that notes what it was asked, and refuses what it was told to."""

    name = "recording"
    features: Mapping[str, FeatureSupport] = {}
    limits: Mapping[str, int] = {}

    def __init__(self) -> None:
        self.checked: list[Compilation] = []

    def endpoints(self, stack: Stack, shared_name: str) -> Mapping[str, str]:
        return {name: f"http://{shared_name}/{name}" for name in stack.classes if name == "up"}

    def placements(self, compilation: Compilation) -> Mapping[str, str]:
        return {}

    def check(self, compilation: Compilation, diagnostics: Diagnostics) -> None:
        self.checked.append(compilation)

    def emit(self, compilation: Compilation) -> dict[str, str]:
        return {}


def decoded(text: str) -> SourceFlow:
    diagnostics = Diagnostics()
    document = read(text, "flow.yaml", diagnostics)
    assert document is not None
    flow = decode_flow(document, diagnostics)
    assert flow is not None and not diagnostics.has_errors
    return flow


def stack(text: str = STACK) -> Stack:
    diagnostics = Diagnostics()
    document = read(text, "stack.yaml", diagnostics)
    assert document is not None
    return decode_stacks(document, diagnostics, {})["default"]


def compiled(text: str, options: Options | None = None) -> tuple[Compilation | None, list[str]]:
    diagnostics = Diagnostics()
    found = compile_flow(decoded(text), stack(), Recording(), options or Options(), diagnostics)
    return found, [d.code.number for d in diagnostics.sorted()]


def test_a_flow_compiles() -> None:
    compilation, codes = compiled(FLOW)
    assert codes == []
    assert compilation is not None
    assert compilation.name == "demo"
    assert list(compilation.plan.steps) == ["a", "b"]
    assert list(compilation.layout.units) == ["a", "b"]


def test_granularity_is_the_layout_s() -> None:
    compilation, _ = compiled(FLOW, Options(granularity="auto"))
    assert compilation is not None
    assert [unit.steps for unit in compilation.layout.units.values()] == [("a", "b")]


def test_all_independent_errors_in_one_run() -> None:
    text = """\
schema: flowc/v1
schemas: {type: object, properties: {input: {type: objekt}}}
steps:
  - {id: a, component: /nop}
  - {id: b, component: /x/y/z, input: {$step: zzz}}
  - {id: c, component: /noop, input: {$step: d}}
  - {id: d, component: /noop, input: {$step: c}, when: "1 + 1"}
output: {$step: b}
"""
    compilation, codes = compiled(text)
    assert compilation is None
    assert sorted(codes) == ["FC201", "FC204", "FC214", "FC401", "FC407", "FC408"]


def test_a_flow_decoded_with_errors_gives_no_consequences() -> None:
    diagnostics = Diagnostics()
    text = FLOW.replace("input: {$step: a}", "input: {$step: a}, retries: 3, needs: [zzz]")
    document = read(text, "flow.yaml", diagnostics)
    assert document is not None
    flow = decode_flow(document, diagnostics)
    assert flow is not None and diagnostics.has_errors
    analysis = analyse(flow, diagnostics, sound=False)
    assert not analysis.whole
    assert [d.code.number for d in diagnostics.sorted()] == ["FC201", "FC104"] or [
        d.code.number for d in diagnostics.sorted()
    ] == ["FC104", "FC201"]


def test_a_target_is_asked_only_about_what_is_sound() -> None:
    target = Recording()
    diagnostics = Diagnostics()
    compile_flow(decoded(FLOW.replace("/noop", "/nop")), stack(), target, Options(), diagnostics)
    assert diagnostics.has_errors and target.checked == []
    compile_flow(decoded(FLOW), stack(), target, Options(), diagnostics)
    assert len(target.checked) == 1, "errors of another compilation do not count"


def test_routes_are_in_the_plan_only_where_calls_may_arrive_as_data() -> None:
    plain, _ = compiled(FLOW)
    assert plain is not None and plain.plan.routes is None
    assert list(plain.plan.classes) == ["b"]
    for component in ("/eval", "/s/anything"):
        dynamic, _ = compiled(
            FLOW.replace(
                "component: /noop, input: {$step", f"component: {component}, input: {{$step"
            )
        )
        assert dynamic is not None
        assert dynamic.plan.routes == [
            ["/s/{component}", [{"class": "s"}]],
            ["/{component}", [{"class": "b"}]],
        ]
        assert sorted(dynamic.plan.classes) == ["b", "s"]


@pytest.mark.parametrize(
    ("flow", "options", "name"),
    [
        ("My Flow", Options(), "my-flow"),
        ("forecast", Options(project="sales", branch="main"), "sales-main-forecast"),
        ("f", Options(project="Sales EU", branch="feature/x_y"), "sales-eu-feature-x-y-f-HASH"),
        ("größe", Options(project="sales", branch="main"), "sales-main-gr-e-HASH"),
        ("f", Options(branch="main"), "f"),
        ("日本", Options(), "flow"),
    ],
)
def test_names(flow: str, options: Options, name: str) -> None:
    found = compilation_name(flow, options)
    assert re.fullmatch(name.replace("HASH", "[0-9a-f]{6}"), found)
    assert slug(found) == found


def test_names_of_a_project_are_its_own() -> None:
    parts = [
        ("prices", "feature/x"), ("prices", "feature-x"), ("prices", "feature_x"),
        ("x-prices", "feature"), ("x prices", "feature"), ("Prices", "feature/x"), ("日本", "main"),
        ("中国", "main"), ("prices", "feature"), ("main", "main"),
    ]  # fmt: skip
    names = {
        compilation_name(flow, Options(project="shop", branch=branch)) for flow, branch in parts
    }
    assert len(names) == len(parts)


def test_the_same_bytes_under_any_hash_seed() -> None:
    program = f"""
import json
from flowc.diagnostics import Diagnostics
from flowc.driver import Options, compile_flow
from flowc.source.decode_flow import decode_flow
from flowc.source.decode_stack import decode_stacks
from flowc.source.yaml_reader import read
from flowc.targets import find_target
d = Diagnostics()
flow = decode_flow(read({FLOW!r}, "flow.yaml", d), d)
stack = decode_stacks(read({STACK!r}, "stack.yaml", d), d, {{}})["default"]
found = compile_flow(flow, stack, find_target("local", d), Options(), d)
print(json.dumps(found.plan.to_json()))
"""
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "424242")
    }
    assert len(texts) == 1
    assert json.loads(texts.pop())["name"] == "demo"


def test_targets_are_found_by_entry_point() -> None:
    diagnostics = Diagnostics()
    target = find_target("local", diagnostics)
    assert target is not None and target.name == "local"
    assert {t.name for t in all_targets(diagnostics)} >= {"argo", "local", "step-functions"}
    assert not diagnostics.found
    assert canonical_name("kubernetes") == "argo"
    assert canonical_name("step_functions") == "step-functions"


def test_an_unknown_target_lists_the_known_ones() -> None:
    diagnostics = Diagnostics()
    assert find_target("argoo", diagnostics) is None
    (found,) = diagnostics
    assert found.code.number == "FC006"
    assert "write `argo`" in (found.hint or "") and "`local`" in (found.hint or "")


@pytest.mark.parametrize("shape", ["chain", "fan", "diamonds"])
def test_large_flows_need_no_recursion(shape: str) -> None:
    lines = ["schema: flowc/v1", "steps:", "  - {id: s0, component: /noop}"]
    if shape == "chain":
        lines += [
            f"  - {{id: s{i}, component: /noop, input: {{$step: s{i - 1}}}}}"
            for i in range(1, 3000)
        ]
        lines.append("output: {$step: s2999}")
    elif shape == "fan":
        lines += [
            f"  - {{id: s{i}, component: /noop, input: {{$step: s0}}}}" for i in range(1, 3000)
        ]
        lines.append("output: [" + ", ".join(f"{{$step: s{i}}}" for i in range(1, 3000)) + "]")
    else:
        for i in range(600):
            before = f"{{$step: j{i - 1}}}" if i else "{$step: s0}"
            lines += [f"  - {{id: {x}{i}, component: /noop, input: {before}}}" for x in "ab"]
            both = f"[{{$step: a{i}}}, {{$step: b{i}}}]"
            lines.append(f"  - {{id: j{i}, component: /noop, input: {both}}}")
        lines.append("output: {$step: j599}")
    compilation, codes = compiled("\n".join(lines) + "\n")
    assert codes == [] and compilation is not None
