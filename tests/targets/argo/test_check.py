"""What Argo cannot run is refused at the line that says it."""

from __future__ import annotations

import re

import pytest
from tests.targets.argo.flows import STACK, chain, compiled, diagnose

ONE = "steps: [{id: a, component: /f, input: 1}]\noutput: {$step: a}\n"


def refusals(flow: str, stack: str = STACK, **options: str) -> list[tuple[str, str, int, str]]:
    """Return code, file, line and text of each error."""
    compilation, diagnostics = diagnose(flow, stack, **options)
    assert compilation is None
    return [
        (d.code.number, d.primary.span.file, d.primary.span.line, f"{d.message} | {d.hint}")
        for d in diagnostics.sorted()
        if d.primary is not None and d.severity.value == "error"
    ]


def line_of(text: str, part: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if part in line)


@pytest.mark.parametrize("store", ["'memory:'", "sqlite:///state.db", "file:///var/state"])
def test_a_store_that_pods_cannot_share(store: str) -> None:
    stack = STACK.replace("s3://bucket/state", store)
    ((code, file, line, text),) = refusals(ONE, stack)
    assert (code, file, line) == ("FC308", "stack.yaml", line_of(stack, "state_store"))
    assert "cannot share" in text


def test_plain_credentials_of_a_store() -> None:
    for store in (
        "postgresql://me:hunter2@db/flowc",
        "{url: 'postgresql://me@db/flowc', password: hunter2}",
        "{url: 's3://bucket/state', secret_access_key: hunter2}",
    ):
        stack = STACK.replace("s3://bucket/state", store)
        ((code, file, line, text),) = refusals(ONE, stack)
        assert (code, file, line) == ("FC506", "stack.yaml", line_of(stack, "state_store"))
        assert "hunter2" not in text
    stack = STACK.replace("s3://bucket/state", "{url: 'postgresql://d', password: {secret: pw}}")
    compilation, _ = diagnose(ONE, stack)
    assert compilation is not None


def test_no_store_at_all() -> None:
    ((code, file, _, text),) = refusals(ONE, STACK.replace("state_store: s3://bucket/state\n", ""))
    assert (code, file) == ("FC308", "stack.yaml")
    assert "share an object store" in text


@pytest.mark.parametrize(
    ("plugin", "code", "part"),
    [
        (
            "{type: container, components: {/f: {image: x, env: {1st: y}}}}",
            "FC502",
            "`1st` is no name of an environment variable",
        ),
        ("{type: stepflow, command: python, args: [s.py]}", "FC501", "give its `url`"),
        (
            "{type: command, components: {/f: {command: x, env: {K: {secret: No_Name}}}}}",
            "FC502",
            "No_Name",
        ),
        (
            "{type: command, components: {/f: {command: x, env: {K: {secret: a.b}, "
            "L: {secret: a-b}}}}}",
            "FC502",
            "FLOWC_SECRET_A_B",
        ),
    ],
)
def test_classes_that_no_pod_can_use(plugin: str, code: str, part: str) -> None:
    stack = re.sub(r"served: .*", f"served: {plugin}", STACK)
    ((number, file, line, text),) = refusals(ONE, stack)
    assert (number, file, line) == (code, "stack.yaml", line_of(stack, "served:"))
    assert part in text


def test_classes_that_the_flow_does_not_use_are_nobodys_business() -> None:
    stack = STACK.replace("plugins:", "plugins:\n  other: {type: stepflow, command: python}")
    assert compiled(ONE, stack)


def test_a_loop_that_is_known_to_be_too_large() -> None:
    flow = f"""\
    steps:
    - id: each
      foreach: {{product: {{a: [1, 2, 3], b: {{$literal: {list(range(200))}}}}}}}
      steps: [{{id: f, component: /f, input: {{$item: a}}}}, {{id: g, component: /f}}]
      output: {{$step: f}}
    output: {{$step: each}}
    """
    ((code, file, line, text),) = refusals(flow)
    assert (code, file, line) == ("FC504", "flow.yaml", 4)
    assert "600 items" in text
    assert "500 is the most for a body of 2 units" in text


def test_nested_loops_whose_items_are_too_many_together() -> None:
    flow = f"""\
    steps:
    - id: outer
      foreach: {{items: {{$literal: {list(range(100))}}}}}
      steps:
      - id: inner
        foreach: {{items: {{$literal: {list(range(100))}}}}}
        steps: [{{id: f, component: /f, input: {{$item: ""}}}}]
        output: {{$step: f}}
      output: {{$step: inner}}
    output: {{$step: outer}}
    """
    ((code, _, line, text),) = refusals(flow)
    assert (code, line) == ("FC504", 4)
    assert "status of a run" in text
    assert re.search(r"\d\d,\d{3} nodes", text)


def test_a_chain_of_5000_steps_is_sent_to_auto() -> None:
    ((code, file, _, text),) = refusals(chain(5000))
    assert (code, file) == ("FC504", "flow.yaml")
    assert re.search(r"5000 units would take \d+ KiB; 300 KiB", text)
    assert "--granularity auto" in text


def test_ids_that_argo_would_change() -> None:
    flow = 'steps: [{id: "a{{b", component: /f, input: 1}]\noutput: {$step: "a{{b"}\n'
    ((code, _, line, _),) = refusals(flow)
    assert (code, line) == ("FC502", 3)


def test_secrets_need_names_that_kubernetes_knows() -> None:
    flow = """\
    schemas:
      type: object
      properties:
        variables: {type: object, properties: {url: {type: string, is_secret: true}}}
    steps: [{id: a, component: /f, input: {$variable: url}}]
    output: {$step: a}
    """
    stack = STACK + "variables: {url: {secret: Warehouse_URL}}\n"
    ((code, _, _, text),) = refusals(flow, stack)
    assert code == "FC502"
    assert "Warehouse_URL" in text


def test_a_gpu_type_alone_says_nothing_about_nodes() -> None:
    stack = STACK + "resources: {big: {gpu: 1, gpu_type: v100}}\n"
    flow = "steps: [{id: a, component: /inside/m, resources: big, input: 1}]\noutput: {$step: a}"
    ((code, file, line, _),) = refusals(flow, stack)
    assert (code, file, line) == ("FC501", "stack.yaml", line_of(stack, "big:"))


def test_a_namespace_is_a_dns_label() -> None:
    ((code, _, _, text),) = refusals(ONE, STACK.replace("flows", "My_Flows"))
    assert code == "FC502"
    assert "My_Flows" in text
