"""``flowc test``: comparing, choosing a stack, rewriting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flowc.cases import UpdateError, compare, updated_text

if TYPE_CHECKING:
    from pathlib import Path

FLOW = """\
schema: flowc/v1
name: demo
steps:
  - {id: a, component: /noop, input: {$input: x}}   # a comment
output: {x: {$step: a}, more: [1, 2]}

# what it should do
test:
  cases:
    - name: first
      input: {x: 1}
      output:
        outcome: success
        result: {x: 1}   # partial
    # between
    - name: second
      input: {x: 2}
      output: {outcome: success, result: {x: 3}}
"""
MOCK = """\
plugins:
  m:
    type: mock
    components:
      /a:
        behaviors:
          {n: 1}: {outcome: success, result: %s}
          {n: 2}: {outcome: failed, error: {code: 8, message: no luck}}
routes: {"/{component}": [{plugin: m}]}
"""


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (1, 1),
        (1, 1.0),
        (None, None),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": None}, {}),
        ([1, {"a": 1}], [1, {"a": 1, "b": 2}]),
        ({"run_id": "x"}, {"run_id": "y"}),
        ({"error": {"backtrace": "x", "stack": [1]}}, {"error": {}}),
        ("a" * 64, "0" * 64),
        (
            {"outcome": "failed", "error": {"code": 500, "message": 'step "a" failed'}},
            {"outcome": "failed", "error": {"code": "NO_BEHAVIOR", "message": "no"}},
        ),
        ([{"outcome": "failed", "error": {"code": 1}}], [{"outcome": "failed", "error": {}}]),
    ],
)
def test_what_matches(expected, actual):
    assert compare(expected, actual) == []


@pytest.mark.parametrize(
    ("expected", "actual", "where"),
    [
        (1, 2, "$"),
        (1, True, "$"),
        (0, False, "$"),
        ("1", 1, "$"),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "$.a.b"),
        ({"a": 1}, {}, "$.a"),
        ({"a": 1}, [1], "$"),
        ([1], [1, 2], "$"),
        ([1, 2], [1, 3], "$[1]"),
        ({}, None, "$"),
        ("a" * 64, "0" * 63, "$"),
        ({"outcome": "success"}, {"outcome": "failed"}, "$.outcome"),
        ({"outcome": "failed", "error": {"code": 500}}, {"outcome": "success"}, "$.outcome"),
        (
            {"outcome": "failed", "error": {"code": "A", "message": "m"}},
            {"outcome": "failed", "error": {"code": "B", "message": "m"}},
            "$.error.code",
        ),
        (
            {"outcome": "failed", "error": {"code": "A", "message": "m"}},
            {"outcome": "failed", "error": {"code": "A", "message": "n"}},
            "$.error.message",
        ),
    ],
)
def test_what_does_not(expected, actual, where):
    assert [str(one).partition(": ")[0] for one in compare(expected, actual)] == [where]


def test_one_line_per_case(flowc, write):
    write(flow_yaml=FLOW)
    ran = flowc("test", "flow.yaml")
    assert ran.code == 1
    lines = ran.out.splitlines()
    assert lines[0].startswith("ok    flow.yaml: first")
    assert lines[1] == "FAIL  flow.yaml: second: $.result.x: expected 3, got 2"
    assert lines[2] == "1 passed, 1 failed"
    assert "error[FC008]" in ran.err and "flow.yaml:18:" in ran.err


def test_update_changes_nothing_else(flowc, write, folder: Path):
    write(flow_yaml=FLOW)
    ran = flowc("test", "flow.yaml", "--update")
    assert ran.code == 0
    after = (folder / "flow.yaml").read_text()
    changed = [
        (old, new)
        for old, new in zip(FLOW.splitlines(), after.splitlines(), strict=False)
        if old != new
    ]
    assert len(changed) == 1 and "result: {x: 3}" in changed[0][0]
    assert flowc("test", "flow.yaml").code == 0
    before = (folder / "flow.yaml").read_bytes()
    assert flowc("test", "flow.yaml", "--update").code == 0
    assert (folder / "flow.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "outputs", "after"),
    [
        (
            "test:\n  cases:\n  - name: x\n    output:\n      outcome: success\n\n# end\n",
            {0: {"outcome": "success", "result": [1, {"a": "yes"}]}},
            "test:\n  cases:\n  - name: x\n    output:\n      outcome: success\n"
            "      result:\n      - 1\n      - a: 'yes'\n\n# end\n",
        ),
        (
            "test:\n  cases:\n  - name: x\n    input: 1\n  - name: y\n",
            {0: {"outcome": "skipped"}},
            "test:\n  cases:\n  - name: x\n    input: 1\n    output:\n      outcome: skipped\n"
            "  - name: y\n",
        ),
        (
            '{"test": {"cases": [{"name": "x", "output": {"outcome": "failed"}}]}}\n',
            {0: {"outcome": "skipped"}},
            '{"test": {"cases": [{"name": "x", "output": {"outcome": "skipped"}}]}}\n',
        ),
        (
            "test:\n  cases:\n  - {name: x}\n",
            {0: {"outcome": "skipped"}},
            'test:\n  cases:\n  - {name: x, "output": {"outcome": "skipped"}}\n',
        ),
        (
            "test:\n  cases:\n  - output: {outcome: failed}\n    name: x\n"
            "  - output: {outcome: failed}\n",
            {0: {"outcome": "skipped"}, 1: {"outcome": "success", "result": "é: 0o17"}},
            "test:\n  cases:\n  - output:\n      outcome: skipped\n    name: x\n"
            "  - output:\n      outcome: success\n      result: 'é: 0o17'\n",
        ),
        (
            "test:\r\n  cases:\r\n  - name: x\r\n    input: 1\r\n",
            {0: {"outcome": "skipped"}},
            "test:\r\n  cases:\r\n  - name: x\r\n    input: 1\r\n"
            "    output:\r\n      outcome: skipped\r\n",
        ),
    ],
)
def test_rewriting(text, outputs, after):
    assert updated_text(text, outputs) == after


def test_rewriting_what_cannot_be():
    with pytest.raises(UpdateError):
        updated_text("test:\n  cases: &c\n  - name: x\nother: *c\n", {0: {"outcome": "skipped"}})


def test_the_order_of_configurations(flowc, write, folder: Path):
    flow = """\
steps: [{id: a, component: /a, input: {n: 1}}]
output: {$step: a}
test:%s
  cases: [{name: it, output: {outcome: success, result: %s}}]
"""
    write(flow_yaml=flow % ("", "[folder]"))
    (folder / "stepflow-config.yml").write_text(MOCK % "[folder]")
    assert flowc("test", "flow.yaml").code == 0
    (folder / "stepflow-config.test.yml").write_text(MOCK % "[test]")
    write(flow_yaml=flow % ("", "[test]"))
    assert flowc("test", "flow.yaml").code == 0
    inline = "\n  config:\n" + "".join(
        f"    {line}\n" for line in (MOCK % "[inline]").splitlines()
    ).rstrip("\n")
    write(flow_yaml=flow % (inline, "[inline]"))
    assert flowc("test", "flow.yaml").code == 0, "mappings as keys are read in it, too"
    (folder / "other.yml").write_text(MOCK % "[other]")
    write(flow_yaml=flow % ("\n  configFile: other.yml", "[other]"))
    assert flowc("test", "flow.yaml").code == 0
    (folder / "given.yml").write_text(MOCK % "[given]")
    write(flow_yaml=flow % ("\n  configFile: other.yml", "[given]"))
    assert flowc("test", "flow.yaml", "--config", "given.yml").code == 0


def test_failures_as_written_for_old_and_new_stepflow(flowc, write):
    flow = """\
steps: [{id: a, component: /a, input: {n: 2}}]
output: {$step: a}
test:
  cases:
    - name: old
      output: {outcome: failed, error: {code: 500, message: step "a" failed}}
    - name: new
      output: {outcome: failed, error: {code: "8", message: no luck}}
    - name: other
      output: {outcome: failed, error: {code: "9", message: no luck}}
"""
    write(flow_yaml=flow, stack_yaml=MOCK % "[]")
    lines = flowc("test", "flow.yaml").out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["ok", "ok", "FAIL"]


def test_folders_are_walked(flowc, write, folder: Path):
    write(flow_yaml=FLOW.replace("{x: 3}", "{x: 2}"), values_yaml="a: {{ .Values.x }}\n---\nb: 1\n")
    (folder / ".hidden").mkdir()
    (folder / ".hidden/flow.yaml").write_text(FLOW)
    (folder / "deep").mkdir()
    (folder / "deep/untested.yaml").write_text("schema: flowc/v1\noutput: 1\n")
    ran = flowc("test", ".")
    assert ran == (0, ran.out, "")
    assert ran.out.splitlines()[-1] == "2 passed"


def test_flows_that_cannot_be_tested(flowc, write):
    write(flow_yaml=FLOW.replace("/noop", "/nop"))
    ran = flowc("test", "flow.yaml")
    assert ran.code == 1
    assert "cannot be tested" in ran.out and "FC408" in ran.err
    assert flowc("test", "missing.yaml").code == 1
    write(flow_yaml=FLOW.replace("  cases:", "  servers: {}\n  cases:"))
    assert "FC008" in flowc("test", "flow.yaml").err
    write(flow_yaml=FLOW.replace("outcome: success", "outcome: succes"))
    assert "FC008" in flowc("test", "flow.yaml").err
