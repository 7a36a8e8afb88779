"""The other dimensions, each varied alone over a slice: compute kind, store, SDK version, rest."""

from __future__ import annotations

import json
import os
import random
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.conformance.engines import StepFunctions, run_local
from tests.conformance.model import differences, load_cases
from tests.servers.stepflow_sdk import COMPONENT_SERVER, VERSIONS, server_python

from flowc.diagnostics import Diagnostics
from flowc.driver import Options, compile_flow
from flowc.source.decode_flow import decode_flow
from flowc.source.decode_stack import decode_stacks
from flowc.source.yaml_reader import read
from flowc.targets import find_target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.postgres_server import PostgresServer

CASES = {case.name: case for case in load_cases()}

BATCH = [
    "a chain hands values on",
    "a graph that is not series-parallel keeps its order",
    "a large value goes by reference",
    "only the branch that is taken runs",
    "a step computes the condition of others",
    "the joins of the language page",
    "a default after retries",
    "retries of class user until it works",
    "a shim killed for good fails the run",
    "a shim killed for good leaves the default",
    "a killed shim is started again and repeats only its own step",
    "foreach over items known at run time",
    "one failure too many fails the loop",
]
STORES = [
    "a large value goes by reference",
    "a default after retries",
    "the joins of the language page",
    "demand that waits for itself is widened",
    "an item that fails within the tolerance is null",
    "loops nest, and inner items see outer ones",
    "a failing branch beside a running one",
]


@pytest.mark.engine
@pytest.mark.parametrize("name", BATCH)
def test_batch(name: str, step_functions: StepFunctions, tmp_path: Path) -> None:
    observed = step_functions.run(CASES[name], "step", tmp_path, compute="batch")
    assert differences(CASES[name], observed) == []


ECS = [
    "a chain hands values on",
    "a default after retries",
    "a shim killed for good leaves the default",
    "a killed shim is started again and repeats only its own step",
    "foreach over items known at run time",
]


@pytest.mark.engine
@pytest.mark.parametrize("name", ECS)
def test_ecs(name: str, step_functions: StepFunctions, tmp_path: Path) -> None:
    observed = step_functions.run(CASES[name], "step", tmp_path, compute="ecs")
    assert differences(CASES[name], observed) == []


@pytest.fixture(scope="module")
def step_functions() -> Iterator[StepFunctions]:
    with StepFunctions() as made:
        yield made


@pytest.mark.parametrize("store", ["memory:", "file://{folder}/objects", "sqlite:///{folder}/x.db"])
@pytest.mark.parametrize("name", STORES)
def test_store(name: str, store: str, tmp_path: Path) -> None:
    url = store.format(folder=tmp_path)
    assert differences(CASES[name], run_local(CASES[name], "step", tmp_path, store=url)) == []


@pytest.mark.parametrize("name", STORES)
def test_postgres(name: str, tmp_path: Path, postgres_server: PostgresServer) -> None:
    url = postgres_server.url_with_password
    assert differences(CASES[name], run_local(CASES[name], "step", tmp_path, store=url)) == []


def test_a_random_sample_in_processes_of_their_own(tmp_path: Path) -> None:
    """What the product leaves out: a sample with every unit isolated, by a printed seed."""
    seed = int(os.environ.get("FLOWC_SEED") or random.SystemRandom().randrange(10**6))
    print(f"FLOWC_SEED={seed}", file=sys.stderr)
    for number, case in enumerate(random.Random(seed).sample(list(CASES.values()), 5)):
        folder = tmp_path / str(number)
        folder.mkdir()
        observed = run_local(replace(case, deaths=True), "auto", folder)
        assert differences(case, observed) == [], f"FLOWC_SEED={seed}: {case.name}"


SDK_FLOW = {
    "schema": "flowc/v1",
    "name": "sdk",
    "steps": [
        {"id": "sum", "component": "/sdk/add", "input": {"a": {"$input": "a"}, "b": 2}},
        {"id": "blob", "component": "/sdk/blobby", "input": {"payload": {"$step": "sum"}}},
        {
            "id": "bad",
            "component": "/sdk/boom",
            "input": {"message": "kaput"},
            "onError": {"action": "useDefault", "defaultValue": "handled"},
        },
        {
            "id": "loop",
            "foreach": {"items": [1, 2, 3], "concurrency": 3},
            "component": "/sdk/echo",
            "input": {"n": {"$item": "$"}},
        },
    ],
    "output": {
        "sum": {"$step": "sum", "path": "result"},
        "echoed": {"$step": "blob", "path": "echoed"},
        "bad": {"$step": "bad"},
        "loop": {"$step": "loop"},
    },
}


@pytest.mark.parametrize("version", VERSIONS)
def test_sdk_version(version: str, tmp_path: Path) -> None:
    """The same flow on component servers written with each SDK, calls that go back included."""
    from flowc_targets.local.run import open_session

    stack_text = json.dumps(
        {
            "plugins": {
                "sdk": {
                    "type": "stepflow",
                    "command": str(server_python(version)),
                    "args": [str(COMPONENT_SERVER)],
                }
            },
            "routes": {"/sdk/{*component}": [{"plugin": "sdk"}]},
            "state_store": f"sqlite:///{tmp_path}/state.db",
        }
    )
    diagnostics = Diagnostics()
    document = read(json.dumps(SDK_FLOW), "flow.json", diagnostics)
    stacks = read(stack_text, str(tmp_path / "stack.json"), diagnostics)
    assert document is not None and stacks is not None
    flow = decode_flow(document, diagnostics)
    stack = decode_stacks(stacks, diagnostics, {})["default"]
    target = find_target("local", diagnostics)
    assert flow is not None and target is not None, diagnostics.found
    compilation = compile_flow(flow, stack, target, Options(), diagnostics)
    assert compilation is not None, diagnostics.found
    with open_session(compilation) as session:
        result = session.run({"a": 3})
    assert result.error is None
    assert result.output == {
        "sum": 5,
        "echoed": {"result": 5},
        "bad": "handled",
        "loop": [{"n": 1}, {"n": 2}, {"n": 3}],
    }


def test_every_named_case_exists() -> None:
    assert [name for name in [*BATCH, *STORES] if name not in CASES] == []
    assert len(BATCH) <= 15
