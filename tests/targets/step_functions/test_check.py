"""What Step Functions cannot run is refused at the line that says it, with the numbers."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tests.targets.step_functions.flows import STACK, chain, compiled, diagnose

from flowc.diagnostics import Diagnostics, Severity
from flowc.features import FEATURES
from flowc_targets.step_functions import TARGET

ONE = "steps: [{id: a, component: /f, input: 1}]\noutput: {$step: a}\n"


def found(flow: str, stack: str = STACK, severity: str = "error") -> list[tuple[str, str, str]]:
    """Return code, ``file:line`` and text of each finding."""
    compilation, diagnostics = diagnose(flow, stack)
    assert (compilation is None) == diagnostics.has_errors
    return [
        (
            d.code.number,
            f"{d.primary.span.file}:{d.primary.span.line}" if d.primary else "",
            f"{d.message} | {d.hint}",
        )
        for d in diagnostics.sorted()
        if d.severity is Severity(severity)
    ]


def line_of(text: str, part: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if part in line)


@pytest.mark.parametrize("store", ["'memory:'", "sqlite:///state.db", "file:///var/state"])
def test_a_store_that_functions_cannot_share(store: str) -> None:
    stack = STACK.replace("s3://bucket/state", store)
    [(code, where, text)] = found(ONE, stack)
    assert (code, where) == ("FC308", f"stack.yaml:{line_of(stack, 'state_store')}")
    assert "s3://bucket/prefix" in text


def test_no_store() -> None:
    [(code, where, _)] = found(ONE, STACK.replace("state_store: s3://bucket/state", ""))
    assert code == "FC308"
    assert where.startswith("stack.yaml:")


def test_a_secret_of_the_store() -> None:
    stack = STACK.replace(
        "s3://bucket/state", "{url: 's3://bucket/state', secret_access_key: {secret: key}}"
    )
    assert found(ONE, stack) == []
    assert [code for code, _, _ in found(ONE, stack.replace("{secret: key}", "key"))] == ["FC506"]
    bad = stack.replace("{secret: key}", "{secret: 'a key'}")
    [(code, _, text)] = found(ONE, bad)
    assert code == "FC502" and "ssm:/path" in text


@pytest.mark.parametrize(
    ("plugin", "code"),
    [
        ("{type: stepflow, command: server}", "FC501"),
        ("{type: command, components: {/f: {command: [b], env: {KEY: {secret: '?'}}}}}", "FC502"),
    ],
)
def test_classes(plugin: str, code: str) -> None:
    stack = STACK.replace('{type: stepflow, url: "http://components:8080"}', plugin)
    [(given, where, _)] = found(ONE, stack)
    assert (given, where) == (code, f"stack.yaml:{line_of(stack, 'served:')}")


ECS_STACK = STACK + "compute: ecs\necs: {subnets: [subnet-1]}\n"


def test_ecs_needs_a_network() -> None:
    [(code, where, text)] = found(ONE, STACK + "compute: ecs\n")
    assert found(ONE, ECS_STACK) == []
    assert (code, where) == ("FC501", "flow.yaml:3")
    assert "ecs: {cluster, subnets" in text


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ("{gpu: 1}", "1 GPU, and Lambda has none"),
        ("{memory: 32Gi}", "32768 MB of memory, and Lambda has 10240"),
        ("{cpu: 8}", "8 cpu, and Lambda has 5.8"),
        ("{disk: 20Gi}", "20480 MB of disk, and Lambda has 10240"),
    ],
)
def test_more_than_lambda_has(needs: str, said: str) -> None:
    step = f"  - id: a\n    component: /t/echo\n    resources: {needs}\n"
    flow = f"steps:\n{step}output: {{$step: a}}\n"
    [(code, where, text)] = found(flow, STACK + "compute: lambda\n")
    assert (code, where) == ("FC501", "flow.yaml:6")
    assert said in text
    assert "compute: batch" in text
    # what a component server needs is not the function's
    assert found(flow.replace("/t/echo", "/echo"), STACK + "compute: lambda\n") == []
    assert found(flow) == []  # where nothing says `lambda`, it is a job


def test_more_time_than_lambda_has() -> None:
    flow = "steps:\n  - {id: a, component: /f, timeout: 5m}\noutput: {$step: a}\n"
    [(code, where, text)] = found(flow, STACK + "compute: lambda\n")
    assert (code, where) == ("FC505", "flow.yaml:4")
    assert "1235 s" in text  # four attempts of 300 s, waits of 5, 10 and 20 s
    assert "840 s" in text
    assert found(flow, STACK + "compute: batch\n") == []
    assert found(flow) == []
    assert found(flow.replace("5m", "3m"), STACK + "compute: lambda\n") == []


def test_disk_on_batch_is_a_warning() -> None:
    flow = "steps: [{id: a, component: /t/echo, resources: {disk: 20Gi}}]\noutput: {$step: a}\n"
    assert [code for code, _, _ in found(flow, STACK + "compute: batch\n", "warning")] == ["FC501"]


def test_keys_of_kubernetes_are_ignored_aloud() -> None:
    stack = STACK.replace("queue: big}", "queue: big, node_selector: {pool: a}}")
    flow = "steps: [{id: a, component: /t/echo, resources: large}]\noutput: {$step: a}\n"
    assert [code for code, _, _ in found(flow, stack, "warning")] == ["FC119"]


def loop(items: int, stack: str = STACK, inside: bool = False) -> list[tuple[str, str, str]]:
    listed = json.dumps(list(range(items)))
    body = "steps: [{id: fit, component: /f, input: {$item: ''}}]\n    output: {$step: fit}"
    step = f"  - id: each\n    foreach: {{items: {listed}}}\n    {body}\n"
    flow = f"steps:\n{step}output: {{$step: each}}\n"
    if inside:
        inner = flow.replace("output: {$step: each}\n", "").replace("steps:\n", "", 1)
        indented = "".join(f"    {line}\n" for line in inner.splitlines())
        flow = (
            f"steps:\n  - id: outer\n    foreach: {{items: [1, 2]}}\n    steps:\n{indented}"
            "    output: {$step: each}\noutput: {$step: outer}\n"
        )
    return found(flow, stack)


def test_items() -> None:
    assert loop(25_000) == []
    [(code, _, text)] = loop(25_001)
    assert code == "FC504"
    assert "25001 items; 25000 is the most" in text
    [(code, _, text)] = loop(1_001, inside=True)
    assert code == "FC504"
    assert "1001 items; 1000 is the most" in text
    elsewhere = STACK.replace("s3://bucket/state", "gs://bucket/state")
    [(code, _, text)] = loop(1_001, elsewhere)
    assert "s3://" in text


def test_a_definition_that_is_too_long() -> None:
    [(code, where, text)] = found(chain(800))
    assert (code, where) == ("FC504", "flow.yaml:1")
    assert "of 800 units has" in text
    assert "1048576" in text
    assert "`auto`" in text


def test_a_history_that_is_too_long() -> None:
    # an inner loop whose size is known, in every item of an outer one
    steps = "".join(
        f"          - {{id: s{i}, component: /f, input: {{$item: ''}}}}\n" for i in range(8)
    )
    flow = (
        "steps:\n  - id: outer\n    foreach: {items: [1, 2]}\n    steps:\n      - id: inner\n"
        f"        foreach: {{items: {list(range(900))}}}\n        steps:\n{steps}"
        "        output: {$step: s0}\n    output: {$step: inner}\noutput: {$step: outer}\n"
    )
    [(code, _, text)] = found(flow)
    assert code == "FC504"
    assert "history events" in text
    assert "20000" in text


def test_what_waits_for_more_is_noted() -> None:
    flow = """
steps:
  - {id: a, component: /f}
  - {id: b, component: /f}
  - {id: c, component: /f, input: [{$step: a}, {$step: b}]}
  - {id: d, component: /f, input: {$step: b}}
output: [{$step: c}, {$step: d}]
"""
    [(code, where, text)] = found(flow, severity="note")
    assert (code, where) == ("FC520", "flow.yaml:8")
    assert "`d` now waits for `a` too" in text


def test_many_notes_become_a_summary() -> None:
    lines = ["  - {id: a0, component: /f}", "  - {id: b0, component: /f}"]
    for i in range(1, 40):
        lines.append(f"  - {{id: a{i}, component: /f, input: {{$step: a{i - 1}}}}}")
        both = f"[{{$step: b{i - 1}}}, {{$step: a{i - 1}}}]"
        lines.append(f"  - {{id: b{i}, component: /f, input: {both}}}")
    flow = "steps:\n" + "\n".join(lines) + "\noutput: [{$step: a39}, {$step: b39}]\n"
    notes = found(flow, severity="note")
    assert len(notes) == 11
    assert any("more steps wait" in text for _, _, text in notes)


def test_a_loop_that_runs_fewer_at_a_time_is_noted() -> None:
    elsewhere = STACK.replace("s3://bucket/state", "gs://bucket/state")
    flow = """
steps:
  - {id: rows, component: /f}
  - {id: each, foreach: {items: {$step: rows}, concurrency: 200}, component: /f, input: {$item: ""}}
output: {$step: each}
"""
    [(code, _, text), (other, _, _)] = found(flow, elsewhere, "note")
    assert (code, other) == ("FC520", "FC313")
    assert "200 items at a time; 40 run" in text
    assert found(flow, severity="note") == []


def test_every_feature_has_a_cell() -> None:
    assert list(TARGET.features) == [feature.name for feature in FEATURES]
    assert all(cell.note or cell.support.value == "native" for cell in TARGET.features.values())


def test_check_reports_nothing_about_what_it_runs() -> None:
    diagnostics = Diagnostics()
    TARGET.check(compiled(ONE), diagnostics)
    assert list(diagnostics) == []


def test_the_target_is_import_light() -> None:
    code = (
        "import sys, flowc_targets.step_functions\n"
        "print([m for m in sys.modules if m in ('networkx', 'jsonschema_rs', 'yaml', 'json')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "networkx" not in done.stdout
    assert "yaml" not in done.stdout


def test_an_endpoint_for_blobs_has_to_be_there() -> None:
    stack = STACK + "blob_api: {token: {secret: blob-token}}\n"
    [(code, where, text)] = found(ONE, stack)
    assert (code, where) == ("FC501", f"stack.yaml:{line_of(stack, 'blob_api')}")
    assert "give its `url`" in text


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ("{gpu: 1}", "1 GPU, and Fargate has none"),
        ("{cpu: 17}", "17 cpu, and Fargate has 16"),
        ("{memory: 121Gi}", "123904 MiB of memory, and Fargate has 122880"),
        ("{disk: 201Gi}", "201 GiB of disk, and Fargate has 200"),
    ],
)
def test_more_than_fargate_has(needs: str, said: str) -> None:
    step = f"  - id: a\n    component: /t/echo\n    resources: {needs}\n"
    [(code, where, text)] = found(f"steps:\n{step}output: {{$step: a}}\n", ECS_STACK)
    assert (code, where) == ("FC501", "flow.yaml:6")
    assert said in text


def test_what_fargate_rounds_up_is_said() -> None:
    flow = "steps: [{id: a, component: /t/echo, resources: NEEDS}]\noutput: {$step: a}\n"
    [(code, _, text)] = found(flow.replace("NEEDS", "{cpu: 3, memory: 5Gi}"), ECS_STACK, "note")
    assert (code, "4 vCPU and 8192 MiB" in text) == ("FC521", True)
    assert found(flow.replace("NEEDS", "{cpu: 4, memory: 8Gi}"), ECS_STACK, "note") == []


SPOT = "resources:\n  p: {cpu: 1, preemptible: true}\n"


def test_spot_on_ecs() -> None:
    flow = "steps: [{id: a, component: /t/echo, resources: p}]\noutput: {$step: a}\n"
    assert found(flow, ECS_STACK.replace("resources:\n", SPOT)) == []
    never = flow.replace("resources: p", "resources: p, retry: {platform: {max: 0}}")
    [(code, _, _)] = found(never, ECS_STACK.replace("resources:\n", SPOT))
    assert code == "FC312"
