"""`container` components by a real podman: `make test-podman`.

Needs podman with runc and a static busybox: `apt-get install podman runc busybox-static`.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
import time
from typing import TYPE_CHECKING

import pytest

from flowc.diagnostics import Diagnostics
from flowc.driver import Options, compile_flow
from flowc.source.decode_flow import decode_flow
from flowc.source.decode_stack import decode_stacks
from flowc.source.yaml_reader import read
from flowc.targets import find_target
from flowc_targets.local.run import open_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IMAGE = "localhost/flowc-test-busybox:1"
# Debian's podman on hosts with hybrid cgroups, and without the right to raise limits.
CONFIGURATION = """
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
netns = "host"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
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


@pytest.fixture
def podman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    program, busybox = shutil.which("podman"), shutil.which("busybox")
    if program is None or busybox is None:
        pytest.skip("needs podman and busybox: apt-get install podman runc busybox-static")
    configuration = tmp_path / "containers.conf"
    configuration.write_text(CONFIGURATION)
    monkeypatch.setenv("CONTAINERS_CONF", str(configuration))
    root = io.BytesIO()
    with tarfile.open(fileobj=root, mode="w") as tar:
        tar.add(busybox, "bin/busybox")
        for name in ("sh", "sed", "echo", "sleep"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    subprocess.run([program, "import", "-q", "-", IMAGE], input=root.getvalue(), check=True)
    yield program
    subprocess.run([program, "rmi", "--force", IMAGE], check=True, capture_output=True)


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
