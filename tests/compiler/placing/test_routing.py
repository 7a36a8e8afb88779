from __future__ import annotations

FLOW = "steps:\n  - {id: a, component: %s, input: {x: 1}}\noutput: {$step: a}\n"


def test_a_call_gets_its_candidates(placed):
    stack = """\
plugins:
  b: {type: builtin}
  m: {type: mock, components: {/fit: {behaviors: {}}, /noop: {behaviors: {}}}}
routes:
  "/ml/{*component}":
    - {plugin: m, conditions: [{path: $.x, value: 2}]}
    - {plugin: m}
    - {plugin: b}
"""
    found = placed(FLOW % "/ml/fit", stack)
    assert found.codes == []
    candidates = found.placement.calls["a"].candidates
    assert [(c.component_class, c.component, c.conditions) for c in candidates] == [
        ("m", "/fit", (("$.x", 2),)),
        ("m", "/fit", ()),  # what stands behind it is never reached
    ]
    assert [cls.name for cls in found.placement.calls["a"].classes] == ["m"]


def test_no_route(placed):
    stack = """\
plugins: {b: {type: builtin}}
routes: {"/ml/{*component}": [{plugin: b}], "/data/{*component}": [{plugin: b}]}
"""
    found = placed(FLOW % "/mll/fit", stack)
    assert found.placement is None
    assert found.found == [("flow.yaml", 3, "FC401", "error")]
    (one,) = found.diagnostics
    assert one.secondary[0].span.line == 2
    assert "`/ml/{*component}`" in one.hint


def test_denied(placed):
    stack = """\
plugins: {b: {type: builtin}}
routes:
  "/x/{component}": [{plugin: b, componentDeny: [/noop]}]
  "/y/{component}": [{plugin: b, componentAllow: [/sleep]}]
"""
    for component in ("/x/noop", "/y/noop"):
        found = placed(FLOW % component, stack)
        assert found.found == [("flow.yaml", 3, "FC402", "error")]
        assert next(iter(found.diagnostics)).secondary[0].span.file == "stack.yaml"


def test_a_component_that_its_class_does_not_have(placed):
    found = placed(FLOW % "/nop")
    assert found.found == [("flow.yaml", 3, "FC408", "error")]
    assert next(iter(found.diagnostics)).hint == "did you mean `/noop`?"


def test_classes_that_do_not_say_what_they_have_are_trusted(placed):
    stack = """\
plugins: {s: {type: stepflow, url: "http://localhost:1"}, p: {type: python}}
routes: {"/s/{component}": [{plugin: s}], "/p/{*component}": [{plugin: p}]}
"""
    assert placed(FLOW % "/s/anything", stack).codes == []
    assert placed(FLOW % "/p/module/f", stack).codes == []


def test_every_step_is_looked_at(placed):
    flow = "steps: [{id: a, component: /zzz}, {id: b, component: /x/y/z}]\noutput: 1\n"
    assert sorted(placed(flow).codes) == ["FC401", "FC408"]


def test_bindings_choose_the_class(placed):
    stack = """\
plugins: {b: {type: builtin}, m: {type: mock, components: {/noop: {behaviors: {}}}}}
routes: {"/{component}": [{plugin: b}]}
resources: {big: {cpu: 4}}
"""
    project = """\
project: p
flows: {flow: {file: flow.yaml}}
environments: {dev: {stack: default}, prod: {stack: default}}
bindings:
  - {step: flow/a, environments: [prod], plugin: m, resources: big}
"""
    flow = FLOW % "/noop"
    dev = placed(flow, stack, project=project, environment="dev")
    assert dev.placement.calls["a"].candidates[0].component_class == "b"
    prod = placed(flow, stack, project=project, environment="prod")
    assert prod.placement.calls["a"].candidates[0].component_class == "m"
    assert prod.placement.calls["a"].profile.name == "big"
    other = placed(flow, stack, project=project, environment="prod", name="other")
    assert other.placement.calls["a"].candidates[0].component_class == "b"


def test_bindings_of_what_does_not_exist(placed):
    project = """\
project: p
flows: {flow: {file: flow.yaml}}
environments: {dev: {stack: default}}
bindings:
  - {step: flow/aa, plugin: b}
  - {step: flow/a, plugin: c}
"""
    found = placed(FLOW % "/noop", project=project, environment="dev")
    assert found.found == [
        ("flowc.yaml", 5, "FC201", "error"),
        ("flowc.yaml", 6, "FC301", "error"),
    ]
