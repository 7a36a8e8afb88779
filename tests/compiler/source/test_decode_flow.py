"""Flows of the three dialects to one Source."""

from __future__ import annotations

from textwrap import dedent

import pytest

from flowc.diagnostics import Diagnostics, Severity, Span
from flowc.source.decode_flow import decode_flow
from flowc.source.model import (
    At,
    Facts,
    Needs,
    SourceBudget,
    SourceCall,
    SourceFlow,
    SourceLoop,
    SourceRetry,
    SourceStep,
)
from flowc.source.yaml_reader import read
from flowc_shim.contract.policies import FAIL, OnError, Tolerance
from flowc_shim.language import values as v

FLOWC = "schema: flowc/v1\n"


def flow_of(text: str) -> SourceFlow:
    diagnostics = Diagnostics()
    document = read(dedent(text), "f.yaml", diagnostics)
    assert document is not None
    flow = decode_flow(document, diagnostics)
    assert flow is not None and not diagnostics.found, [d.message for d in diagnostics]
    return flow


def step_of(keys: str) -> SourceStep:
    (step,) = flow_of(f"{FLOWC}steps: [{{id: a, {keys}}}]").steps
    return step


def loop_of(keys: str) -> SourceLoop:
    body = step_of(keys).body
    assert isinstance(body, SourceLoop)
    return body


MODERN_FLOW = """
    schema: https://stepflow.org/schemas/v1/flow.json
    name: m
    description: d
    version: "1"
    metadata: {anything: [1]}
    schemas:
      type: object
      $defs: {day: {type: string}}
      properties:
        input: {type: object, properties: {day: {$ref: "#/$defs/day"}}}
        output: {type: object}
        steps: {type: object, properties: {a: {type: integer}}}
        variables:
          type: object
          properties:
            url: {type: string, env_var: URL, is_secret: true}
            depth: {type: integer, default: 3}
          required: [url]
    steps:
      - {id: a, component: /a, input: {x: {$input: day}}, metadata: {}}
      - {id: b, component: /b, mustExecute: true, onError: {action: useDefault}}
      - {id: c, component: /c, onError: {action: useDefault, defaultValue: {$step: a}}}
      - {id: d, component: /d, onError: {action: retry}}
    output: {$coalesce: [{$step: a, path: x}, 1]}
    test: {cases: [{name: one, input: {}}]}
    examples: [{name: e, input: 1}]
"""


def test_modern() -> None:
    flow = flow_of(MODERN_FLOW)
    assert (flow.name, flow.description, flow.version) == ("m", "d", "1")
    assert flow.facts == Facts(False, False, True, False)
    a, b, c, d = flow.steps
    assert isinstance(a.body, SourceCall) and a.body.component.value == "/a"
    assert a.body.input == v.ObjectValue((("x", v.InputRef(("day",))),))
    assert not a.plain and not a.must_execute
    assert b.must_execute and b.on_error == OnError(v.NULL)
    assert c.on_error == OnError(v.Literal({"$step": "a"}))  # literal data, as upstream has it
    assert d.retry == SourceRetry(user=SourceBudget(max=3)) and d.on_error == FAIL
    assert flow.output == v.Coalesce((v.StepRef("a", ("x",), tolerant=True), v.Literal(1)))
    assert flow.test is not None and flow.examples is not None


def test_what_a_modern_flow_declares() -> None:
    flow = flow_of(MODERN_FLOW)
    assert flow.input_schema is not None and flow.input_schema.value == {
        "type": "object",
        "properties": {"day": {"$ref": "#/$defs/day"}},
        "$defs": {"day": {"type": "string"}},
    }
    assert flow.input_schema.span == Span("f.yaml", 11, 12, 1)
    assert set(flow.step_schemas) == {"a"}
    url, depth = flow.variables
    assert (url.required, url.env_var, url.is_secret, url.has_default) == (True, "URL", True, False)
    assert (depth.required, depth.default, depth.has_default) == (False, 3, True)


@pytest.mark.parametrize("name", ["name", "schemas", "steps", "test", "metadata", "description"])
def test_null_means_absent_where_stepflow_says_so(name: str) -> None:
    assert flow_of(f"{name}: null\noutput: 1") == flow_of("output: 1")


def test_classic() -> None:
    flow = flow_of(
        """
        schema: https://stepflow.org/schemas/v1/flow.json
        inputSchema: {type: object}
        outputSchema: {type: string}
        variables: {type: object, properties: {n: {type: integer}}}
        steps:
          - id: a
            component: /a
            skipIf: {$from: {workflow: input}, path: skip}
            outputSchema: {type: integer}
            input: {x: {$from: {variable: n, default: 1}}}
          - id: b
            component: /b
            input: {$from: {step: a}, path: "$.x", onSkip: {action: useDefault, defaultValue: 2}}
            onError: {action: useDefault, defaultValue: {$from: {workflow: input}}}
          - {id: c, component: /c, input: {$from: {step: a}, onSkip: {action: skip}}}
        output: {$from: {step: b}}
        """
    )
    assert flow.facts == Facts(False, False, True, True)
    assert flow.input_schema is not None and flow.output_schema is not None
    a, b, c = flow.steps
    assert a.when == v.Condition(v.InputRef(("skip",)), "falsy")
    assert a.output_schema == {"type": "integer"}
    assert flow.step_schemas["a"].value == {"type": "integer"}
    assert isinstance(b.body, SourceCall) and isinstance(c.body, SourceCall)
    assert b.body.input == v.StepRef("a", ("x",), tolerant=True, on_skip=v.Literal(2))
    assert b.on_error == OnError(v.InputRef(()))
    assert c.body.input == v.StepRef("a")
    assert [variable.name for variable in flow.variables] == ["n"]


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("output: 1", Facts(False, False, True, False)),
        ("output: {$input: x}\noutputSchema: null", Facts(False, False, True, False)),
        ("output: {$literal: {$from: x}}", Facts(False, False, True, False)),
        ("output: 1\ninputSchema: null", Facts(False, False, True, True)),
        ("steps: [{id: a, component: /a, inputSchema: {}}]", Facts(False, False, True, True)),
        ("steps: [{id: a, component: /a, skipIf: true}]", Facts(False, False, True, True)),
        ("schema: x\noutput: {$from: {workflow: input}}", Facts(False, False, True, True)),
        ("schema: flowc/v1\noutput: 1", Facts(True, True, False, False)),
    ],
)
def test_dialects_become_facts(text: str, facts: Facts) -> None:
    diagnostics = Diagnostics()
    document = read(text, "f.yaml", diagnostics)
    assert document is not None
    flow = decode_flow(document, diagnostics)
    assert flow is not None and flow.facts == facts
    assert not diagnostics.has_errors


def test_mixed_dialects_show_both_places() -> None:
    diagnostics = Diagnostics()
    document = read("output: [{$from: {step: a}}, {$step: a}]", "f.yaml", diagnostics)
    assert document is not None and decode_flow(document, diagnostics) is None
    (finding,) = diagnostics
    assert finding.primary is not None and finding.primary.span.column == 11
    assert [label.span.column for label in finding.secondary] == [31]


def test_lenient_turns_unknown_keys_into_warnings() -> None:
    diagnostics = Diagnostics()
    text = "nmae: x\nsteps: [{id: a, component: /a, input: {$step: b, paht: x}}]"
    document = read(text, "f.yaml", diagnostics)
    assert document is not None and decode_flow(document, diagnostics, lenient=True) is not None
    assert [d.severity for d in diagnostics] == [Severity.WARNING] * 2


def test_flow_keys() -> None:
    flow = flow_of(FLOWC + "failure: failFast\ntags: [a, b]\nowner: me\n")
    assert (flow.fail_fast, flow.tags, flow.owner) == (True, ("a", "b"), "me")
    assert flow.facts == Facts(True, True, False, False)
    assert not flow_of(FLOWC + "failure: failAfterRunning").fail_fast


@pytest.mark.parametrize(
    ("keys", "plain"),
    [
        ("component: /a", True),
        ("component: /a, input: {x: 1}", True),
        ("component: /a, tags: [x]", False),
        ("component: /a, metadata: {}", False),
        ("component: /a, onError: {action: fail}", False),
        ("foreach: {items: []}, component: /a", False),
    ],
)
def test_any_other_key_cuts_a_plain_chain(keys: str, plain: bool) -> None:
    assert step_of(keys).plain is plain


def test_step_keys() -> None:
    step = step_of(
        "component: /a, needs: [b, c], when: input.n > 1, join: any, timeout: 20m, tags: [x],"
        " resources: {cpu: 500m, memory: 1Gi, gpu: 1}"
    )
    assert [need.value for need in step.needs] == ["b", "c"]
    assert step.when == v.Condition(v.Expr("input.n > 1"))
    assert step.join_any and step.tags == ("x",)
    assert step.timeout is not None and step.timeout.value == 1200.0
    assert step.resources is not None
    assert step.resources.value == Needs(cpu=0.5, memory=2**30, gpu=1)
    assert step_of("component: /a, when: false").when == v.Condition(v.Literal(False))


def test_settings_may_be_variables() -> None:
    step = step_of(
        "component: /a, timeout: {$variable: t}, resources: {$variable: profile},"
        " retry: {user: {max: {$variable: n}}}"
    )
    assert step.timeout is not None and step.timeout.value == v.VariableRef("t")
    assert step.resources is not None and step.resources.value == v.VariableRef("profile")
    assert step.retry is not None and step.retry.user.max == v.VariableRef("n")
    loop = loop_of("foreach: {items: [], concurrency: {$variable: c}}, component: /a")
    assert loop.concurrency == v.VariableRef("c")


def test_retry() -> None:
    step = step_of(
        "component: /a, retry: {user: {max: 2, delay: 1m}, timeout: {max: 1, jitter: false},"
        ' platform: {factor: 3, cap: 10m}, if: error.code != "X"}'
    )
    assert step.retry == SourceRetry(
        user=SourceBudget(max=2, delay=60.0),
        platform=SourceBudget(factor=3, cap=600.0),
        timeout=SourceBudget(max=1, jitter=False),
        condition=v.Expr('error.code != "X"'),
    )


@pytest.mark.parametrize(
    ("written", "on_error", "retries"),
    [
        ("{action: fail}", FAIL, None),
        ("{action: useDefault}", OnError(v.NULL), None),
        ("{action: useDefault, defaultValue: {$input: x}}", OnError(v.InputRef(("x",))), None),
        ("{action: retry}", FAIL, 3),
        ("{action: retry, maxRetries: 5}", FAIL, 5),
        ("{action: retry, maxRetries: null}", FAIL, 3),
        ("null", FAIL, None),
    ],
)
def test_on_error(written: str, on_error: OnError, retries: int | None) -> None:
    step = step_of(f"component: /a, onError: {written}")
    assert step.on_error == on_error
    assert (step.retry.user.max if step.retry else None) == retries


def test_loop_with_steps() -> None:
    loop = loop_of(
        "foreach: {product: {alpha: [1, 2], depth: {$step: plan}}, concurrency: 4,"
        " maxFailures: 10%}, steps: [{id: fit, component: /fit, input: {a: {$item: alpha}}}],"
        " output: {m: {$step: fit}}"
    )
    assert [name for name, _ in loop.product] == ["alpha", "depth"]
    assert loop.product[1][1] == v.StepRef("plan")
    assert loop.items is None
    assert (loop.concurrency, loop.tolerance) == (4, Tolerance(share=0.1))
    assert [step.id.value for step in loop.steps] == ["fit"]
    assert loop.output == v.ObjectValue((("m", v.StepRef("fit")),))


def test_loop_over_a_component() -> None:
    step = step_of(
        "foreach: {items: {$input: xs}, maxFailures: 2}, component: /f, input: {$item: $},"
        " retry: {user: {max: 1}}, timeout: 3s, resources: big,"
        " when: input.x, needs: [b], join: any, onError: {action: useDefault, defaultValue: []}"
    )
    loop = step.body
    assert isinstance(loop, SourceLoop)
    assert loop.items == v.InputRef(("xs",))
    assert (loop.concurrency, loop.tolerance) == (100, Tolerance(count=2))
    assert loop.output == v.StepRef("item", tolerant=True)
    (inner,) = loop.steps
    assert inner.id.value == "item" and not inner.plain
    assert inner.timeout is not None and inner.retry is not None and inner.resources is not None
    assert (inner.when, inner.needs, inner.join_any, inner.on_error) == (None, (), False, FAIL)
    assert (step.timeout, step.retry, step.resources) == (None, None, None)
    assert step.when is not None and step.needs and step.join_any and step.on_error.handles


def test_on_error_retry_of_a_loop_over_a_component_is_the_items() -> None:
    step = step_of("foreach: {items: []}, component: /f, onError: {action: retry, maxRetries: 2}")
    assert isinstance(step.body, SourceLoop) and step.retry is None
    inner = step.body.steps[0].retry
    assert inner is not None and inner.user.max == 2


@pytest.mark.parametrize(
    ("line", "column", "length"),
    [
        ("when: input.x > 1", 11, 11),
        ('when: "input.x > 1"', 12, 11),
        ("when: 'input.x > 1'", 12, 11),
        ("input: {$expr: input.x > 1}", 20, 11),
    ],
)
def test_expressions_stand_where_their_text_does(line: str, column: int, length: int) -> None:
    step = flow_of(f"{FLOWC}steps:\n  - id: a\n    component: /a\n    {line}\n").steps[0]
    expression = step.when.value if step.when else None
    if expression is None and isinstance(step.body, SourceCall):
        expression = step.body.input
    assert isinstance(expression, v.Expr)
    assert expression.at == Span("f.yaml", 5, column, length)


def test_places() -> None:
    step = step_of("component: /a, needs: [bb], onError: {action: useDefault, defaultValue: 1}")
    assert step.id == At("a", Span("f.yaml", 2, 14, 1))
    assert step.needs[0].span == Span("f.yaml", 2, 40, 2)
