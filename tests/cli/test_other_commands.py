from __future__ import annotations

import json

FLOW = """\
schema: flowc/v1
steps:
  - {id: a, component: /noop}
  - id: each
    needs: [a]
    foreach: {items: [1, 2]}
    steps:
      - {id: in, component: /noop, input: {$item: $}}
      - {id: out, component: /noop, input: {$step: in}, when: index > 0}
    output: {$step: out, onSkip: null}
  - {id: b, component: /noop, input: {$step: each}}
output: {$step: b}
"""


def test_explain(flowc):
    assert "FC201" in flowc("explain").out
    for spelling in ("FC201", "fc201", "201"):
        assert flowc("explain", spelling).out.startswith("# FC201")
    ran = flowc("explain", "FC299")
    assert ran.code == 1 and ran.out == ""


def test_a_step_called_output_is_not_the_output(flowc, write):
    flow = "schema: flowc/v1\nsteps: [{id: output, component: /x}]\noutput: {$step: output}\n"
    write(flow_yaml=flow)
    assert "n0 --> output" in flowc("graph", "flow.yaml").out
    dot = flowc("graph", "flow.yaml", "--format", "dot").out
    assert '"output" -> "/output"' in dot


def test_graph(flowc, write):
    write(flow_yaml=FLOW)
    mermaid = flowc("graph", "flow.yaml")
    assert mermaid.code == 0
    assert mermaid.out.startswith("flowchart TD\n")
    assert 'subgraph n1["each: foreach"]' in mermaid.out
    assert "n0 -.-> n1" in mermaid.out, "`needs` hands over nothing"
    assert "n2 --> n3" in mermaid.out and "n4 --> output" in mermaid.out
    dot = flowc("graph", "flow.yaml", "--format", "dot").out
    assert dot.startswith("digraph") and dot.count("{") == dot.count("}")
    assert '"each/in" -> "each/out";' in dot
    write(flow_yaml=FLOW.replace("$step: each", "$step: eech"))
    broken = flowc("graph", "flow.yaml")
    assert broken.code == 1 and broken.out == "" and "FC201" in broken.err


def test_version(flowc):
    from importlib.metadata import version

    assert flowc("--version").out == f"flowc {version('flowc')}\n"


def test_schema(flowc):
    for kind in ("flow", "stack", "project"):
        schema = json.loads(flowc("schema", kind).out)
        assert schema["$schema"].startswith("https://json-schema.org/")
    assert flowc("schema", "floww").code == 2


def test_targets(flowc):
    table = flowc("targets")
    assert table.code == 0, table.err
    assert table.out.splitlines()[0].split() == ["argo", "local", "step-functions"]
    found = json.loads(flowc("targets", "--format", "json").out)
    assert found["local"]["features"]["components"]["support"] == "native"
    markdown = flowc("targets", "--format", "markdown").out.splitlines()
    assert len({line.replace("\\|", "").count("|") for line in markdown}) == 1
