"""Interrupting ``flowc run``: what runs ends, it is recorded, and no server stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SERVER = """\
import os, pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
(folder / f"{os.getpid()}.pid").touch()
time.sleep(300)
"""

STACK = f"""\
plugins:
  builtin: {{type: builtin}}
  slow: {{type: stepflow, command: "{sys.executable}", args: [server.py, "."]}}
routes:
  "/slow/{{*component}}": [{{plugin: slow}}]
  "/{{*component}}": [{{plugin: builtin}}]
"""

FLOW = """\
schema: flowc/v1
name: waits
steps:
  - {id: first, component: /noop, input: 1}
  - {id: server, component: /slow/x, needs: [first]}
  - {id: sleeps, component: /sleep, needs: [first], input: {duration_ms: 300000}}
  - {id: later, component: /noop, needs: [sleeps]}
output: {$step: first}
"""

MAIN = "import sys; from flowc.cli import main; sys.argv[0] = 'flowc'; main()"


def flowc(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *arguments],
        cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0,
    )  # fmt: skip


def wait_for_server(folder: Path, process: subprocess.Popen[str]) -> list[int]:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        if found := list(folder.glob("*.pid")):
            return [int(path.stem) for path in found]
        time.sleep(0.05)
    raise AssertionError(f"no server: {process.communicate()}")


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("arguments", [(), ("--isolate",), ("--items", "items.jsonl")], ids=str)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_runs_ends_and_is_recorded(
    tmp_path: Path, number: signal.Signals, arguments: tuple[str, ...]
):
    (tmp_path / "server.py").write_text(SERVER)
    (tmp_path / "stack.yaml").write_text(STACK)
    (tmp_path / "flow.yaml").write_text(FLOW)
    (tmp_path / "items.jsonl").write_text("{}\n")
    process = flowc(tmp_path, "run", "flow.yaml", *arguments)
    pids = wait_for_server(tmp_path, process)
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
    assert out == ""
    assert "Traceback" not in err
    assert not [pid for pid in pids if is_alive(pid)]
    shown, _ = flowc(tmp_path, "show").communicate(timeout=30)
    run, outcome = shown.split()[:2]
    assert outcome == "stopped"
    step, _ = flowc(tmp_path, "show", run, "later").communicate(timeout=30)
    assert json.loads(step)["outcome"] == "not_started"
