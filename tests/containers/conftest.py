"""A real podman with settings that Debian's needs on many hosts, and a small image in it."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

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
