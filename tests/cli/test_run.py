from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

FLOW = """\
schema: flowc/v1
name: demo
schemas:
  type: object
  properties:
    input: {type: object, properties: {n: {type: integer}}, required: [n]}
    variables: {type: object, properties: {greeting: {type: string, default: hello}}}
steps:
  - {id: a, component: /noop, input: {n: {$input: n}, greeting: {$variable: greeting}}}
  - {id: b, component: /noop, when: input.n > 1, input: {$step: a}}
output: {a: {$step: a}, b: {$step: b, onSkip: none}}
"""


def test_the_result_is_json_on_stdout(flowc, write):
    write(flow_yaml=FLOW)
    ran = flowc("run", "flow.yaml", "--input", '{"n": 2}')
    assert ran.code == 0, ran.err
    a = {"n": 2, "greeting": "hello"}
    assert json.loads(ran.out) == {"a": a, "b": a}
    assert "a " in ran.err and "succeeded" in ran.err


def test_skipped_steps_are_said(flowc, write):
    write(flow_yaml=FLOW)
    ran = flowc("run", "flow.yaml", "--input", '{"n": 1}')
    assert json.loads(ran.out)["b"] == "none"
    assert any(line.split() == ["b", "skipped"] for line in ran.err.splitlines())


def test_input_from_a_file(flowc, write, folder: Path):
    write(flow_yaml=FLOW)
    (folder / "input.json").write_text('{"n": 12345678901234567890}')
    ran = flowc("run", "flow.yaml", "--input", "@input.json")
    assert json.loads(ran.out)["a"]["n"] == 12345678901234567890


def test_values_for_this_run(flowc, write):
    write(flow_yaml=FLOW)
    ran = flowc("run", "flow.yaml", "--input", '{"n": 1}', "--set", "greeting=123")
    assert json.loads(ran.out)["a"]["greeting"] == "123", "the schema says it is a text"
    unknown = flowc("run", "flow.yaml", "--input", '{"n": 1}', "--set", "greting=x")
    assert unknown.code == 1 and "FC208" in unknown.err and unknown.out == ""
    shapeless = flowc("run", "flow.yaml", "--input", '{"n": 1}', "--set", "greeting")
    assert shapeless.code == 1 and "FC113" in shapeless.err


def test_an_input_that_is_no_json(flowc, write):
    write(flow_yaml=FLOW)
    ran = flowc("run", "flow.yaml", "--input", "{n: 1}", "--format", "json")
    assert ran.code == 1
    found = json.loads(ran.err.splitlines()[0])
    assert (found["code"], found["file"], found["line"], found["column"]) == (
        "FC005",
        "--input",
        1,
        2,
    )
    assert "FC005" in flowc("run", "flow.yaml", "--input", '{"n": NaN}').err
    assert "FC003" in flowc("run", "flow.yaml", "--input", "@missing.json").err


def test_an_input_that_the_flow_does_not_take(flowc, write):
    write(flow_yaml=FLOW)
    ran = flowc("run", "flow.yaml", "--input", '{"n": "two"}', "--format", "json")
    found = json.loads(ran.err.splitlines()[0])
    assert (ran.code, found["code"], found["line"], found["column"]) == (1, "FC403", 1, 7)
    assert ran.out == ""


def test_a_run_that_fails(flowc, write):
    stack = """\
plugins:
  m: {type: mock, components: {/a: {behaviors: {x: {error: no such luck}}}}}
routes: {"/{component}": [{plugin: m}]}
"""
    flow = "schema: flowc/v1\nsteps: [{id: a, component: /a, input: x}]\noutput: {$step: a}\n"
    write(flow_yaml=flow, stack_yaml=stack)
    ran = flowc("run", "flow.yaml")
    assert ran.code == 1
    ended = json.loads(ran.out)
    assert ended["outcome"] == "failed"
    assert ended["error"]["step"] == "a" and "no such luck" in ended["error"]["message"]
    assert "no such luck" in ran.err


def test_batches(flowc, write, folder: Path):
    write(flow_yaml=FLOW)
    (folder / "items.jsonl").write_text('{"n": 1}\n\n{"n": 2}\n{"n": 3}\n')
    ran = flowc("run", "flow.yaml", "--items", "items.jsonl", "--concurrency", "2")
    assert ran.code == 0, ran.err
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert [line["index"] for line in lines] == [0, 1, 2]
    assert [line["output"]["a"]["n"] for line in lines] == [1, 2, 3]
    assert "3 of 3 succeeded" in ran.err


def test_an_item_that_fails_fails_alone(flowc, write, folder: Path):
    write(flow_yaml=FLOW)
    (folder / "items.jsonl").write_text('{"n": 1}\n{"n": "two"}\n{"n": 3}\n')
    ran = flowc("run", "flow.yaml", "--items", "items.jsonl")
    assert ran.code == 1
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert [line["outcome"] for line in lines] == ["succeeded", "failed", "succeeded"]


def test_a_line_ends_where_json_lines_end(flowc, write, folder: Path):
    write(flow_yaml=FLOW)
    lines = '\ufeff{"n": 1, "text": "one\u2028line\x85still"}\r\n{"n": 2}\r\n'
    (folder / "items.jsonl").write_bytes(lines.encode())
    ran = flowc("run", "flow.yaml", "--items", "items.jsonl")
    assert ran.code == 0, ran.err
    assert "2 of 2 succeeded" in ran.err


def test_a_store_that_cannot_be_used(flowc, write, folder: Path):
    write(flow_yaml=FLOW)
    (folder / ".flowc").write_text("not a folder")
    ran = flowc("run", "flow.yaml", "--input", '{"n": 1}')
    assert ran.code == 1 and ran.out == ""
    assert ran.err.startswith("the state store cannot be used: sqlite:///.flowc/state.db: ")
    (folder / ".flowc").unlink()
    (folder / ".flowc").mkdir()
    (folder / ".flowc/state.db").write_text("not a database, and long enough to be seen as none")
    ran = flowc("run", "flow.yaml", "--input", '{"n": 1}')
    assert (ran.code, ran.out) == (1, "")
    assert "not a database" in ran.err and "bug" not in ran.err


def test_one_input_or_many(flowc, write, folder: Path):
    write(flow_yaml=FLOW)
    ran = flowc("run", "flow.yaml", "--items", "items.jsonl", "--input", "{}")
    assert ran.code == 2 and "--items" in ran.err


def test_lines_that_are_no_json(flowc, write, folder: Path):
    write(flow_yaml=FLOW)
    (folder / "items.jsonl").write_text('{"n": 1}\n{n: 2}\n')
    ran = flowc("run", "flow.yaml", "--items", "items.jsonl", "--format", "json")
    found = json.loads(ran.err.splitlines()[0])
    assert (ran.code, found["code"], found["file"], found["line"]) == (1, "FC005", "items.jsonl", 2)


def test_overrides(flowc, write):
    write(flow_yaml=FLOW)
    patch = {"steps": {"a": {"$type": "merge_patch", "value": {"input": {"greeting": "ciao"}}}}}
    ran = flowc("run", "flow.yaml", "--input", '{"n": 1}', "--overrides", json.dumps(patch))
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["a"] == {"n": 1, "greeting": "ciao"}
    for changed, code in (
        ({"steps": {"aa": {"value": {}}}}, "FC216"),
        ({"steps": {"a": {"$type": "json_patch", "value": {}}}}, "FC113"),
        ({"steps": {"a": {"value": {"colour": "red"}}}}, "FC104"),
        ({"step": {}}, "FC104"),
    ):
        ran = flowc("run", "flow.yaml", "--input", '{"n": 1}', "--overrides", json.dumps(changed))
        assert ran.code == 1 and code in ran.err, (changed, ran.err)


def test_a_patch_removes_with_null(flowc, write):
    write(flow_yaml=FLOW)
    patch = {"steps": {"b": {"value": {"when": None}}, "a": {"value": {"input": None}}}}
    ran = flowc("run", "flow.yaml", "--input", '{"n": 1}', "--overrides", json.dumps(patch))
    assert ran.code == 0, ran.err
    assert json.loads(ran.out) == {"a": None, "b": None}


def test_the_stack_has_to_be_for_here(flowc, write):
    write(flow_yaml=FLOW, stack_yaml="target: argo\nplugins: {}\nroutes: {}\n")
    ran = flowc("run", "flow.yaml", "--input", '{"n": 1}')
    assert ran.code == 1 and "FC309" in ran.err


def test_show(flowc, write):
    write(flow_yaml=FLOW)
    ran = flowc("run", "flow.yaml", "--input", '{"n": 2}')
    run = next(line.split()[1] for line in ran.err.splitlines() if line.startswith("run "))
    assert run in flowc("show").out
    assert json.loads(flowc("show", run, "--output").out) == json.loads(ran.out)
    assert json.loads(flowc("show", run, "--input").out) == {"n": 2}
    assert json.loads(flowc("show", run, "a", "--output").out)["n"] == 2
    assert flowc("show", "no-such-run").code == 1
    assert flowc("show", run, "--input", "--output").code == 2


def test_a_loop_among_the_finally_steps_says_how_many_items_it_had(flowc, write):
    write(
        flow_yaml="schema: flowc/v1\n"
        "steps:\n  - {id: two, foreach: {items: [1, 2]}, component: /noop}\n"
        "finally:\n  - {id: three, foreach: {items: [1, 2, 3]}, component: /noop}\n"
    )
    ran = flowc("run", "flow.yaml")
    lines = [line.split() for line in ran.err.splitlines()]
    assert ["two", "done,", "2", "items"] in [line[:4] for line in lines]
    assert ["finally/three", "done,", "3", "items"] in [line[:4] for line in lines]


PORTS = {
    "flowc_yaml": """\
project: shop
flows: {demo: {file: flow.yaml}}
bindings: [{port: demo/n, data: "file://FOLDER/n.txt"}]
""",
    "stack_yaml": """\
plugins: {m: {type: python, module: reading}}
routes: {"/{*component}": [{plugin: m}]}
""",
    "flow_yaml": """\
schema: flowc/v1
schemas: {type: object, properties: {input: {type: object, required: [n]}}}
steps: [{id: a, component: /read, input: {n: {$input: n}}}]
output: {$step: a}
""",
}


@pytest.mark.parametrize("isolate", [(), ("--isolate",)])
def test_a_bound_file_is_read_where_the_input_gives_none(
    flowc, write, folder: Path, isolate: tuple[str, ...]
) -> None:
    write(**{name: text.replace("FOLDER", str(folder)) for name, text in PORTS.items()})
    (folder / "reading.py").write_text(
        "def read(value):\n"
        "    return open(value['n']['path']).read() if isinstance(value['n'], dict) else value\n"
    )
    (folder / "n.txt").write_text("of the file")
    ran = flowc("run", "demo", *isolate)
    assert (ran.code, json.loads(ran.out)) == (0, "of the file"), ran.err
    ran = flowc("run", "demo", "--input", '{"n": 7}', *isolate)
    assert json.loads(ran.out) == {"n": 7}
    (folder / "n.txt").unlink()
    ran = flowc("run", "demo", *isolate)
    assert json.loads(ran.out)["error"]["code"] == "ARTIFACT_NOT_FOUND"
