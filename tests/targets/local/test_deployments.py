"""Deployments here: up together before the first consumer, down after the last, also on failure.

The services are servers of the published SDK; each writes its process's number into ``up/`` before
it starts, and `/look` says which of those processes live.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.servers.stepflow_sdk import COMPONENT_SERVER, server_python

from flowc.diagnostics import Diagnostics
from flowc.driver import Options, compile_flow
from flowc.source.decode_flow import decode_flow
from flowc.source.decode_stack import decode_stacks
from flowc.source.yaml_reader import read
from flowc.targets import find_target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flowc.target import Compilation

LOOK = """
import json, os, pathlib
def lives(pid):
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False
found = {p.name: lives(int(p.read_text())) for p in pathlib.Path("up").iterdir()}
json.dump(found, open(os.environ["FLOWC_OUTPUT"], "w"))
"""
SERVE = 'echo $$ > "up/$1"; shift; exec "$@"\n'
BOTH, NONE = {"one": True, "two": True}, {"one": False, "two": False}


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[..., Compilation]:
    (tmp_path / "up").mkdir()
    (tmp_path / "look.py").write_text(LOOK)
    (tmp_path / "serve.sh").write_text(SERVE)
    words = [str(server_python("0.11.2")), str(COMPONENT_SERVER)]

    def service(name: str, *more: str) -> dict[str, Any]:
        return {
            "type": "stepflow",
            "command": "sh",
            "args": ["serve.sh", name, *(more or words)],
            "working_directory": str(tmp_path),
        }

    def compile_it(
        steps: list[dict[str, Any]], *two: str, last: tuple[Any, ...] = (), **keys: Any
    ) -> Compilation:
        look = {"command": sys.executable, "args": ["look.py"], "working_directory": str(tmp_path)}
        services = {"one": service("one"), "two": service("two", *two)}
        stack = {
            "plugins": {"here": {"type": "command", "components": {"/look": look}}},
            "routes": {
                "/one/{component}": [{"plugin": "pair/one"}],
                "/two/{component}": [{"plugin": "pair/two"}],
                "/{component}": [{"plugin": "here"}],
            },
            "deployments": {"pair": {"services": services, **keys}},
            "state_store": f"sqlite:///{tmp_path}/state.db",
        }
        flow = {"schema": "flowc/v1", "name": "f", "steps": steps, "finally": list(last)}
        return _compiled(flow, stack)

    return compile_it


def _compiled(flow: dict[str, Any], stack: dict[str, Any]) -> Compilation:
    diagnostics = Diagnostics()
    documents = [read(json.dumps(one), "f.json", diagnostics) for one in (flow, stack)]
    assert documents[0] is not None and documents[1] is not None
    source = decode_flow(documents[0], diagnostics)
    stacks = decode_stacks(documents[1], diagnostics, {})
    target = find_target("local", diagnostics)
    assert source is not None and target is not None, diagnostics.found
    done = compile_flow(source, stacks["default"], target, Options(), diagnostics)
    assert done is not None, diagnostics.found
    return done


def look(name: str, *after: str) -> dict[str, Any]:
    return {"id": name, "component": "/look", "needs": list(after)}


def outputs(session: Any, run: str, *steps: str) -> list[Any]:
    from flowc_shim.runner.journal import Journal

    records = [Journal(session.store, run).record((), step) for step in steps]
    return [None if record is None else record.value for record in records]


def lives(folder: Path) -> list[str]:
    found = []
    for file in (folder / "up").iterdir():
        try:
            os.kill(int(file.read_text()), 0)
        except ProcessLookupError:
            continue
        found.append(file.name)
    return found


LOOP = {
    "id": "loop",
    "foreach": {"items": [1, 2, 3]},
    "component": "/two/pid",
    "input": {},
    "needs": ["between"],
}
STEPS = [
    look("before"),
    {"id": "a", "component": "/one/pid", "input": {}, "needs": ["before"]},
    look("between", "a"),
    LOOP,
    look("after", "loop"),
]


@pytest.mark.parametrize("lazy", [True, False])
def test_up_before_the_first_consumer_and_down_after_the_last(
    compiled: Callable[..., Compilation], lazy: bool
) -> None:
    from flowc_targets.local.run import open_session

    with open_session(compiled(STEPS, lazy=lazy)) as session:
        for _ in range(2):
            result = session.run({})
            assert result.error is None
            before, between, after = outputs(session, result.run, "before", "between", "after")
            assert True not in before.values() if lazy else before == BOTH
            assert (between, after) == (BOTH, NONE)


def test_down_when_the_run_failed_and_a_finally_step_needed_it(
    compiled: Callable[..., Compilation], tmp_path: Path
) -> None:
    from flowc_targets.local.run import open_session

    steps = [{"id": "a", "component": "/one/boom", "input": {}}, {**LOOP, "needs": ["a"]}]
    last = {"id": "last", "component": "/two/pid", "input": {}}
    with open_session(compiled(steps, last=(last,))) as session:
        result = session.run({})
        assert result.error is not None and "kaput" in result.error["error"]["message"]
        assert result.outcomes["finally/last"].value == "succeeded"
        assert sorted(path.name for path in (tmp_path / "up").iterdir()) == ["one", "two"]
        assert lives(tmp_path) == []


def test_a_service_that_does_not_start_fails_who_calls_any(
    compiled: Callable[..., Compilation], tmp_path: Path
) -> None:
    from flowc_targets.local.run import open_session

    steps = [{"id": "a", "component": "/one/pid", "input": {}}]
    for lazy in (True, False):
        with open_session(compiled(steps, "sh", "-c", "exit 3", lazy=lazy)) as session:
            result = session.run({})
            assert result.error is not None
            assert result.error["error"]["code"] == "SERVER_START"
            assert "`pair/two`" in result.error["error"]["message"]
            assert lives(tmp_path) == []


def test_runs_of_one_session_share_it(compiled: Callable[..., Compilation]) -> None:
    """The run that ends first leaves the deployment to the other one."""
    from threading import Event, Thread

    from flowc_targets.local.run import open_session

    up, go_on = Event(), Event()
    steps = [
        {"id": "a", "component": "/one/pid", "input": {}},
        look("later", "a"),
        {"id": "b", "component": "/one/pid", "input": {}, "needs": ["later"]},
    ]
    with open_session(compiled(steps)) as session:

        def wait_behind_a(unit: Any, indices: Any, what: str) -> None:
            if unit.id == "later" and what == "started":
                up.set()
                go_on.wait(60)

        results: list[Any] = []
        slow = Thread(target=lambda: results.append(session.run({}, observe=wait_behind_a)))
        slow.start()
        assert up.wait(60)
        quick = session.run({})
        go_on.set()
        slow.join()
        [first] = results
        assert outputs(session, quick.run, "b") == outputs(session, first.run, "a")
        assert outputs(session, first.run, "b") == outputs(session, first.run, "a")
