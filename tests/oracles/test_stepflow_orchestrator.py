"""Flows on Stepflow's own server and on flowc: the same outcome, result, and calls."""

from __future__ import annotations

import json
import os
import re
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from tests.oracles import random_flows
from tests.oracles.stepflow_orchestrator import (
    COMPONENTS,
    HERE,
    VERSIONS,
    Ended,
    Orchestrator,
    Refused,
    component_server,
    orchestrator,
    run_here,
    sdk_python,
)

from flowc.diagnostics import Diagnostics
from flowc.source.yaml_reader import read
from flowc_shim.language.decode import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CONFIG = HERE / "stepflow-config.yml"
RANDOM_FLOWS = 150
KEYS = {"name", "why", "input", "variables", "flow", "expect", "differs", "ran", "versions", "dies"}


@dataclass(frozen=True)
class Case:
    """A flow, and what each side makes of it."""

    name: str
    flow: dict[str, Any]
    input: Any
    variables: dict[str, Any] | None
    there: Any
    here: Any
    ran: list[str] | None
    versions: tuple[str, ...]
    dies: bool


def load_cases() -> list[Case]:
    """Return the cases of the file; a difference says why."""
    found = Diagnostics()
    file = HERE / "stepflow_cases.yaml"
    document = read(file.read_text(encoding="utf-8"), file.name, found)
    assert document is not None, found.found
    return [_case(raw) for raw in plain(document.root)]


def _case(raw: dict[str, Any]) -> Case:
    assert not set(raw) - KEYS, f"{raw['name']}: {set(raw) - KEYS}"
    assert ("expect" in raw) != ("differs" in raw), raw["name"]
    assert ("differs" in raw) == ("why" in raw), f"{raw['name']}: a difference has a reason"
    flow = {"name": raw["name"], "description": "-", **raw["flow"]}
    sides = raw.get("differs") or {"there": raw["expect"], "here": raw["expect"]}
    return Case(
        raw["name"], flow, raw.get("input", {}), raw.get("variables"),
        sides["there"], sides["here"], raw.get("ran"), tuple(raw.get("versions", VERSIONS)),
        raw.get("dies", False),
    )  # fmt: skip


def config_text(version: str, url: str | None = None) -> str:
    """Return the configuration; without ``url`` each side starts components of its own."""
    command = f"command: {sdk_python(version)}\n    args: [{COMPONENTS}]"
    text = CONFIG.read_text(encoding="utf-8")
    return re.sub("SERVER: .*", command if url is None else f"url: {url}", text)


def outcome_of(run: Callable[[], Ended]) -> Ended | Refused:
    """Return how a run ended, or the refusal of its flow."""
    try:
        return run()
    except Refused as refused:
        return refused


def differences(expected: dict[str, Any], found: Ended | Refused) -> list[str]:
    """Return what of `found` is not as the case says."""
    if isinstance(found, Refused):
        wanted = expected.get("refused")
        return [] if wanted is True or (wanted and wanted in str(found)) else ["refused"]
    if "result" in expected:
        same = found.outcome == "success" and as_text(found.result) == as_text(expected["result"])
        return [] if same else ["result"]
    if "failed" not in expected or found.outcome != "failed":
        return ["outcome"]
    # Messages are not the same, but both hold what a component said and the path that is missing;
    # Stepflow 0.9 has it below the message.
    wrong = [] if expected["failed"].lower() in as_text(found.error).lower() else ["message"]
    return wrong + (
        [] if expected.get("code", found.error["code"]) == found.error["code"] else ["code"]
    )


def as_text(value: Any) -> str:
    """Return JSON that tells 1 from 1.0 and from true."""
    return json.dumps(value, sort_keys=True)


@dataclass(slots=True)
class Servers:
    """Servers by version, started when first asked for."""

    stack: ExitStack
    started: dict[str, Orchestrator] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, version: str) -> Orchestrator:
        if version not in self.started:
            server = self.stack.enter_context(orchestrator(version, config_text(version)))
            self.started[version] = server
        return self.started[version]

    def config(self, version: str) -> str:
        """Return the configuration for flowc, with components that stay for the next case."""
        if version not in self.urls:
            self.urls[version] = self.stack.enter_context(component_server(version))
        return config_text(version, self.urls[version])


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(stack)


RUNS = [
    pytest.param(case, version, id=f"{case.name.replace(' ', '-')}-{version}")
    for case in load_cases()
    for version in case.versions
]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry at once: how long flowc waits is not compared."""
    monkeypatch.setattr("flowc_shim.runner.attempts.random.uniform", lambda low, high: low)


@pytest.mark.parametrize(("case", "version"), RUNS)
def test_same_as_stepflow(case: Case, version: str, servers: Servers, tmp_path: Path) -> None:
    server = servers[version]
    config = config_text(version) if case.dies else servers.config(version)
    logs = {side: tmp_path / side for side in ("there", "here")}

    def value(side: str) -> Any:
        return {**case.input, "log": str(logs[side])} if case.ran is not None else case.input

    there = outcome_of(lambda: server.run(case.flow, value("there"), case.variables))
    here = outcome_of(lambda: run_here(case.flow, config, value("here"), case.variables))
    assert not differences(case.there, there), f"Stepflow {version} made of it: {there}"
    assert not differences(case.here, here), f"flowc made of it: {here}"
    if case.ran is not None:
        for side, log in logs.items():
            ran = log.read_text().split() if log.exists() else []
            assert sorted(ran) == sorted(case.ran), side


@pytest.mark.parametrize("version", VERSIONS)
def test_items_of_a_batch(version: str, servers: Servers) -> None:
    flow = {
        "name": "batch",
        "steps": [{"id": "s", "component": "/mock/v", "input": {"v": {"$input": "$"}}}],
        "output": {"$step": "s"},
    }
    inputs = ["text", "fail", None, {}]
    there = servers[version].run_batch(flow, inputs)
    here = [run_here(flow, config_text(version), value) for value in inputs]
    assert [(each.outcome, each.result) for each in there] == [
        (each.outcome, each.result) for each in here
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_component_server_by_url(version: str) -> None:
    flow = {
        "steps": [{"id": "s", "component": "/all/add", "input": {"a": 1, "b": {"$input": "b"}}}],
        "output": {"$step": "s", "path": "sum"},
    }
    with component_server(version) as url:
        config = f"""
            plugins: {{all: {{type: stepflow, url: "{url}"}}}}
            routes: {{"/all/{{*component}}": [{{plugin: all}}]}}
        """
        with orchestrator(version, config) as server:
            assert (
                server.run(flow, {"b": 2})
                == run_here(flow, config, {"b": 2})
                == Ended("success", 3)
            )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("routes", "code"),
    [
        (
            '{"/a/{x}": [{plugin: one, component: /v}], "/a/{y}": [{plugin: one, component: /v}]}',
            "FC302",
        ),
        ('{"/a/{*x}/b": [{plugin: one, component: /v}]}', "FC303"),
        ('{"/a/{component}c": [{plugin: one}]}', "FC303"),
        ('{"/a/{component}": [{plugin: two}]}', "FC301"),
    ],
    ids=["same", "rest-in-the-middle", "text-behind", "unknown-plugin"],
)
def test_routes_that_both_refuse(routes: str, code: str, version: str) -> None:
    config = f"plugins: {{one: {{type: builtin}}}}\nroutes: {routes}"
    with pytest.raises(Refused), orchestrator(version, config):
        pass
    with pytest.raises(Refused) as refused:
        run_here({"output": 1}, config)
    assert code in str(refused.value)


@pytest.mark.parametrize("version", VERSIONS)
def test_routes_that_only_flowc_takes(version: str) -> None:
    # Upstream's tables cannot hold a segment and all the rest at one place; here the segment wins.
    config = """
        plugins: {one: {type: builtin}, two: {type: builtin}}
        routes: {"/a/{*component}": [{plugin: one}], "/a/{component}": [{plugin: two}]}
    """
    with pytest.raises(Refused, match="conflict"), orchestrator(version, config):
        pass
    assert run_here({"output": 1}, config) == Ended("success", 1)


def test_servers_are_ended() -> None:
    version = next(iter(VERSIONS))
    with orchestrator(version, config_text(version)) as server:
        group = server.process.pid
        os.killpg(group, 0)
    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)


@pytest.mark.parametrize("version", VERSIONS)
def test_random_flows(version: str) -> None:
    differing = []
    with orchestrator(version, random_flows.CONFIG) as server:
        for seed in range(RANDOM_FLOWS):
            flow = random_flows.random_flow(seed)
            there = server.run(flow, random_flows.INPUT)
            here = run_here(flow, random_flows.CONFIG, random_flows.INPUT)
            if (there.outcome, as_text(there.result)) != (here.outcome, as_text(here.result)):
                differing.append(f"{as_text(flow)}\n  there: {there}\n  here: {here}")
    assert not differing, "\n".join(differing)
