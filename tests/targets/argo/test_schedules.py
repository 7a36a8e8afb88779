"""CronWorkflows: each trigger's time and input, in Argo's words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml
from tests.gates.argo_crds import validate_strict
from tests.gates.argo_validator import argo_problems

from flowc.cli.session import Session
from flowc.loading import Choice
from flowc.targets import find_target

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

FLOW = """
schema: flowc/v1
name: prices
steps: [{id: a, component: /t/x, input: {v: {$input: $}}}]
"""
STACK = """
target: argo
namespace: shop
state_store: "s3://bucket/x"
plugins: {t: {type: python, module: x}}
routes: {"/t/{*component}": [{plugin: t}]}
"""


def schedules(folder: Path, monkeypatch: pytest.MonkeyPatch, triggers: str) -> list[dict[str, Any]]:
    (folder / "prices.yaml").write_text(FLOW)
    (folder / "stack.yaml").write_text(STACK)
    (folder / "flowc.yaml").write_text(
        f"project: shop\nflows: {{prices: {{file: prices.yaml, triggers: {triggers}}}}}\n"
    )
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FLOWC_BRANCH", "main")
    session = Session()
    compilation = session.compile_named("prices", Choice(), "argo", "step")
    target = find_target("argo", session.diagnostics)
    assert compilation is not None and target is not None, list(session.diagnostics)
    files = target.emit(compilation)
    paths = []
    for name, text in files.items():
        (folder / name).write_text(text)
        paths.append(folder / name)
    assert argo_problems(paths) == []
    found = list(yaml.safe_load_all(files.get("schedules.yaml", "")))
    for document in found:
        assert validate_strict(document) == []
    return [document for document in found if document]


def trigger_of(document: dict[str, Any]) -> str:
    [parameter] = document["spec"]["workflowSpec"]["arguments"]["parameters"]
    assert parameter["name"] == "trigger"
    return str(parameter["value"])


def test_a_schedule_per_trigger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    triggers = '[{cron: "*/20 2 * * mon-7", timezone: Europe/Rome}, {cron: "0 0 1 * 1"}]'
    first, second = schedules(tmp_path, monkeypatch, triggers)
    assert [first["metadata"]["name"], first["spec"]["schedules"], first["spec"]["timezone"]] == [
        "shop-main-prices", ["0,20,40 2 * * 0-6"], "Europe/Rome",
    ]  # fmt: skip
    assert second["spec"]["schedules"] == ["0 0 1 * 1"]
    assert second["spec"]["timezone"] == "UTC"
    assert second["metadata"]["name"] != first["metadata"]["name"]


def test_another_time_is_the_same_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two objects would both fire until the old one is deleted."""
    [before] = schedules(tmp_path, monkeypatch, '[{cron: "0 2 * * *"}]')
    [after] = schedules(tmp_path, monkeypatch, '[{cron: "0 3 * * *"}]')
    assert before["metadata"] == after["metadata"]


def test_argo_expands_the_time_and_nothing_of_the_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = '{day: {$trigger: date}, text: "{{workflow.uid}} {{{x}}} {\\\\u007b"}'
    [found] = schedules(tmp_path, monkeypatch, f'[{{cron: "0 2 * * *", input: {given}}}]')
    text = trigger_of(found)
    assert text.count("{{") == 1
    expanded = json.loads(text.replace("{{workflow.scheduledTime}}", "2027-03-01T02:00:00Z"))
    assert expanded["scheduledTime"] == "2027-03-01T02:00:00Z"
    assert expanded["input"] == {
        "day": {"$trigger": "date"}, "text": "{{workflow.uid}} {{{x}}} {\\u007b",
    }  # fmt: skip


def test_no_trigger_no_schedule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert schedules(tmp_path, monkeypatch, "[]") == []
