"""The node: a real kubelet with containerd and runc, and images imported from files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.engines.argo.cgroups import make_cgroup
from tests.engines.argo.images import PAUSE
from tests.engines.argo.processes import Process, processes_that_name, start, wait_until
from tests.gates.tools import missing, required_tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.engines.argo.programs import Programs

DEBIAN = "apt-get install containerd runc containernetworking-plugins"
PLUGINS = ("/usr/lib/cni", "/opt/cni/bin")
PODS = 250
READY_SECONDS = 60


def require_node_tools() -> None:
    """Skip, or fail in CI, where a node cannot be started."""
    if os.geteuid() != 0:
        missing("a kubelet needs root; or give a cluster: make test-argo KUBECONFIG=…")
    required_tool("containerd", DEBIAN)
    required_tool("ctr", DEBIAN)
    required_tool("runc", DEBIAN)
    required_tool("ldd", "it comes with the C library")


def start_node(
    folder: Path, address: str, programs: Programs, archives: Sequence[Path]
) -> list[Process]:
    """Start containerd and the kubelet; the node's name is its address."""
    container = _containerd(folder)
    wait_until("containerd", lambda: _ctr(folder, "version").returncode == 0, READY_SECONDS, folder)
    for archive in archives:
        import_image(folder, archive)
    return [container, _kubelet(folder, address, programs)]


def import_image(folder: Path, archive: Path) -> None:
    """Give the node an image, by the names that its archive says."""
    done = _ctr(folder, "images", "import", "--local", str(archive))
    if done.returncode != 0:
        done = _ctr(folder, "images", "import", str(archive))
    if done.returncode != 0:
        raise RuntimeError(f"containerd cannot import {archive}: {done.stderr}")


def stop_containers(folder: Path) -> None:
    """End what containerd started: it leaves its containers running when it ends."""
    for process in processes_that_name(str(folder / "containerd.sock")):
        if "containerd-shim" in process.name:
            process.end()
    running = _ctr(folder, "tasks", "list", "-q").stdout.split()
    for task in running:
        _ctr(folder, "tasks", "kill", "-s", "SIGKILL", task)


def remove_mounts(folder: Path) -> None:
    """Unmount what was mounted below the folder."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted((m for m in mounts if m.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "-l", mount], check=False, capture_output=True)


def _containerd(folder: Path) -> Process:
    (folder / "cni").mkdir()
    network = {"cniVersion": "1.0.0", "name": "none", "plugins": [{"type": "loopback"}]}
    (folder / "cni" / "10-loopback.conflist").write_text(json.dumps(network))
    plugins = next((place for place in PLUGINS if Path(place, "loopback").exists()), None)
    if plugins is None:
        raise RuntimeError(f"no CNI plugin `loopback`: {DEBIAN}")
    config = _CONTAINERD.format(
        folder=folder, pause=PAUSE, plugins=plugins, runc=shutil.which("runc")
    )
    (folder / "containerd.toml").write_text(config)
    argv = ["containerd", "--config", folder / "containerd.toml", "--log-level", "warn"]
    return start("containerd", argv, folder)


def _ctr(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = ["ctr", "--address", str(folder / "containerd.sock"), "--namespace", "k8s.io"]
    return subprocess.run(
        [*argv, *arguments], capture_output=True, text=True, timeout=300, check=False
    )


def _kubelet(folder: Path, address: str, programs: Programs) -> Process:
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": address,
        "healthzBindAddress": address,
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": make_cgroup(folder.name),
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        "containerRuntimeEndpoint": f"unix://{folder / 'containerd.sock'}",
        "maxPods": PODS,
        "evictionHard": {},  # a full disk of the machine is not this test's matter
        "imageGCHighThresholdPercent": 100,
        "registryPullQPS": 0,
        "eventRecordQPS": 0,
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
        "resolvConf": "",
        "podLogsDir": str(folder / "pod-logs"),
    }
    (folder / "kubelet.json").write_text(json.dumps(config, indent=1))
    argv = [
        programs.kubernetes / "kubelet",
        f"--kubeconfig={folder / 'kubeconfig'}",
        f"--config={folder / 'kubelet.json'}",
        f"--root-dir={folder / 'kubelet'}",
        f"--cert-dir={folder / 'kubelet-certificates'}",
        f"--hostname-override={address}",
    ]
    return start("kubelet", argv, folder, {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"})


# `restrict_oom_score_adj`: without CAP_SYS_RESOURCE nobody may make a process less likely to be
# killed than it is, which is what a pod's sandbox asks for.
_CONTAINERD = """\
version = 2
root = "{folder}/containerd"
state = "{folder}/containerd-state"
[grpc]
  address = "{folder}/containerd.sock"
[ttrpc]
  address = "{folder}/containerd-ttrpc.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      BinaryName = "{runc}"
"""
