"""`container` components by a real podman: `make test-podman`.

Needs podman with runc and a static busybox: `apt-get install podman runc busybox-static`.
"""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING

from tests.containers.conftest import IMAGE

from flowc.diagnostics import Diagnostics
from flowc.driver import Options, compile_flow
from flowc.source.decode_flow import decode_flow
from flowc.source.decode_stack import decode_stacks
from flowc.source.yaml_reader import read
from flowc.targets import find_target
from flowc_targets.local.run import open_session

if TYPE_CHECKING:
    from pathlib import Path

FLOW = {
    "schema": "flowc/v1",
    "name": "boxes",
    "steps": [
        {"id": "double", "component": "/c/double", "input": {"x": {"$input": "x"}}},
        {
            "id": "boom",
            "component": "/c/boom",
            "onError": {"action": "useDefault", "defaultValue": "saved"},
        },
        {
            "id": "slow",
            "component": "/c/slow",
            "timeout": "1s",
            "onError": {"action": "useDefault", "defaultValue": "late"},
        },
    ],
    "output": [{"$step": "double", "path": "y"}, {"$step": "boom"}, {"$step": "slow"}],
}


def shell(script: str) -> dict[str, object]:
    return {"image": IMAGE, "command": ["/bin/sh", "-c"], "args": [script]}


STACK = {
    "plugins": {
        "c": {
            "type": "container",
            "components": {
                "/double": shell(
                    'x=$(/bin/sed "s/[^0-9]//g" $FLOWC_INPUT); '
                    '/bin/echo "{\\"y\\": $((x * 2))}" > $FLOWC_OUTPUT'
                ),
                "/boom": shell("exit 3"),
                "/slow": shell("/bin/sleep 60"),
            },
        }
    },
    "routes": {"/c/{component}": [{"plugin": "c"}]},
}


def test_containers_run_fail_and_end(podman: str, tmp_path: Path) -> None:
    diagnostics = Diagnostics()
    flow_file = read(json.dumps(FLOW), "flow.json", diagnostics)
    stack_text = json.dumps({**STACK, "state_store": f"sqlite:///{tmp_path}/state.db"})
    stack_file = read(stack_text, "stack.json", diagnostics)
    assert flow_file is not None and stack_file is not None
    flow = decode_flow(flow_file, diagnostics)
    stack = decode_stacks(stack_file, diagnostics, {})["default"]
    target = find_target("local", diagnostics)
    assert flow is not None and target is not None, diagnostics.found
    compilation = compile_flow(flow, stack, target, Options(), diagnostics)
    assert compilation is not None, diagnostics.found
    began = time.monotonic()
    with open_session(compilation) as session:
        result = session.run({"x": 21})
    assert result.output == [42, "saved", "late"], result.error
    assert time.monotonic() - began < 20, "a container that is too slow is ended, not waited for"
    left = subprocess.run(
        [podman, "ps", "--all", "--format", "{{.Names}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert [name for name in left.stdout.split() if name.startswith("flowc-")] == []
