"""SIGTERM (a pod is deleted, a node drained): what was started ends, and nothing is decided."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.conformance.engines import components_on_path
from tests.runtime_shim.runner.world import plan_of

from flowc_shim.runner.finish import begin_run
from flowc_shim.runner.journal import Journal
from flowc_shim.runner.runtime import Runtime
from flowc_shim.runner.variables import Variables
from flowc_shim.stores.open import open_store

SHIM = [sys.executable, "-m", "flowc_shim", "run-unit"]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def _children(pid: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_sigterm_ends_the_workers_and_leaves_the_attempt_open(tmp_path: Path) -> None:
    plan = plan_of([{"id": "a", "component": "/t/slow", "input": {"seconds": 60}}])
    url = f"sqlite:///{tmp_path / 's.db'}"
    (tmp_path / "plan.json").write_text(json.dumps(plan.to_json()), encoding="utf-8")
    store = open_store(url)
    runtime = Runtime(plan, Journal(store, "r"), None, Variables(()))
    begin_run(runtime, {})
    with components_on_path():
        shim = subprocess.Popen(
            [*SHIM, "--unit", "a", "--plan", plan.digest, "--run", "r"],
            env={**os.environ, "FLOWC_STORE": url, "FLOWC_PLAN": str(tmp_path / "plan.json")},
            stdout=subprocess.PIPE,
        )
    deadline = time.monotonic() + 30
    while not (workers := _children(shim.pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert workers
    time.sleep(0.3)
    shim.send_signal(signal.SIGTERM)
    assert shim.wait(timeout=10) == 128 + signal.SIGTERM
    assert not any(_alive(worker) for worker in workers)
    journal = Journal(store, "r")
    assert journal.record((), "a") is None
    assert [row.error for row in journal.attempts((), "a")] == [None]
    store.close()
