"""A whole cluster with Argo on this machine: started, found again, shared by test workers, ended.

What is started is written to a file first and last, so that `down` ends all of it by id, also
after a start that failed half way.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.engines.argo.api import connect
from tests.engines.argo.cgroups import remove_cgroup
from tests.engines.argo.control_plane import free_address, start_control_plane
from tests.engines.argo.controller import install_argo, start_controller, start_server
from tests.engines.argo.images import archives
from tests.engines.argo.node import remove_mounts, require_node_tools, start_node, stop_containers
from tests.engines.argo.processes import Process, processes_that_name, wait_until
from tests.engines.argo.programs import programs
from tests.engines.argo.started_pods import share_with_started_pods
from tests.gates.tools import cache_directory, locked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lightkube import Client

GIVEN = "FLOWC_ARGO_KUBECONFIG"
"""A cluster with Argo that is there already: `make test-argo KUBECONFIG=…` sets it."""
GIVEN_FOLDER = "FLOWC_ARGO_FOLDER"
"""A folder of this machine that the given cluster's nodes see under the same path."""

GIVEN_IMAGE = "FLOWC_ARGO_IMAGE"
"""The image of a unit that the given cluster has; without it the one that manifests name."""

READY_SECONDS = 90


@dataclass(frozen=True)
class Cluster:
    """A running cluster."""

    folder: Path
    kubeconfig: Path
    processes: tuple[Process, ...] = ()
    server: str = ""
    """The argo-server's URL."""

    @property
    def shared(self) -> Path:
        """The folder that every main container sees under the same path."""
        given = os.environ.get(GIVEN_FOLDER)
        return Path(given) if given else self.folder / "shared"

    def process(self, name: str) -> Process:
        """Return the newest process of this name."""
        return next(p for p in reversed(self.processes) if p.name == name)

    def with_process(self, process: Process) -> Cluster:
        """Return the cluster with one more process, which is written down."""
        grown = replace(self, processes=(*self.processes, process))
        _write(grown)
        return grown

    @property
    def alive(self) -> bool:
        """Whether all of it runs: of each name the newest."""
        newest = {process.name: process for process in self.processes}
        return all(process.alive for process in newest.values())


def pod_patch(shared: Path, **also: Any) -> dict[str, Any]:
    """Return what this cluster merges into the spec of each of Argo's pods.

    Pods use the node's network: there is no proxy for services. The main container gets a folder
    that the tests see too: the state store of most runs.
    """
    volume = {"name": "shared", "hostPath": {"path": str(shared), "type": "Directory"}}
    mount = {"name": "shared", "mountPath": str(shared)}
    main = {"name": "main", "volumeMounts": [mount], **also.pop("main", {})}
    return {"hostNetwork": True, "volumes": [volume], "containers": [main], **also}


def state_file() -> Path:
    """Return where the running cluster is written down."""
    return cache_directory() / "argo-cluster.json"


def up() -> Cluster:
    """Return the running cluster, started if there is none."""
    found = current()
    if found is not None and found.alive:
        return found
    if found is not None:
        down()
    require_node_tools()
    built = programs()
    images = archives(built)
    # A short path: sockets below it may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="flowc-argo-"))
    folder.chmod(0o755)
    address = free_address()
    processes: list[Process] = []

    def note(server: str = "") -> Cluster:
        made = Cluster(folder, folder / "kubeconfig", tuple(processes), server)
        _write(made)
        return made

    note()
    try:
        processes += start_control_plane(folder, address, built)
        note()
        processes += start_node(folder, address, built, images)
        made = note()
        made.shared.mkdir()
        made.shared.chmod(0o777)
        client = connect(made.kubeconfig)
        install_argo(client, pod_patch(made.shared), folder)
        share_with_started_pods(client, made.shared)
        processes.append(start_controller(folder, built))
        server, url = start_server(folder, built)
        processes.append(server)
        made = note(url)
        wait_until("the node", lambda: _node_ready(client), READY_SECONDS, folder)
    except BaseException:
        down()
        raise
    return made


def down() -> None:
    """End all that `up` started, and remove what it wrote."""
    found = current()
    if found is None:
        return
    by_name = {process.name: process for process in found.processes}
    for name in ("argo-server", "workflow-controller", "kubelet"):
        if name in by_name:
            by_name[name].end()
    stop_containers(found.folder)
    for process in reversed(found.processes):
        process.end()
    for process in processes_that_name(str(found.folder)):
        process.end()
    remove_mounts(found.folder)
    remove_cgroup(found.folder.name)
    shutil.rmtree(found.folder, ignore_errors=True)
    state_file().unlink(missing_ok=True)


def current() -> Cluster | None:
    """Return the cluster that was started and not yet ended."""
    path = state_file()
    if not path.exists():
        return None
    fields = json.loads(path.read_text())
    processes = tuple(Process(**process) for process in fields["processes"])
    return Cluster(Path(fields["folder"]), Path(fields["kubeconfig"]), processes, fields["server"])


@contextmanager
def shared_cluster() -> Iterator[Cluster]:
    """Give a test worker the cluster: the first starts it, and the last ends it if one did."""
    given = os.environ.get(GIVEN)
    if given:
        folder = Path(tempfile.mkdtemp(prefix="flowc-argo-"))
        yield Cluster(folder, Path(given), server=os.environ.get("FLOWC_ARGO_SERVER", ""))
        shutil.rmtree(folder)
        return
    with locked(_lock()):
        users = _users()
        # one that was up before the first user came was started by hand, and stays
        kept = _kept() if users else _is_up()
        cluster = up()
        _write_users([*users, os.getpid()], kept)
    try:
        yield cluster
    finally:
        with locked(_lock()):
            left = [user for user in _users() if user != os.getpid()]
            kept = _kept()
            _write_users(left, kept)
            if not left and not kept:
                down()


def _lock() -> Path:
    return cache_directory() / "argo-cluster.lock"


def _users_file() -> Path:
    return cache_directory() / "argo-cluster-users.json"


def _is_up() -> bool:
    found = current()
    return found is not None and found.alive


def _kept() -> bool:
    path = _users_file()
    return path.exists() and bool(json.loads(path.read_text())["kept"])


def _users() -> list[int]:
    """Return the ids of the workers that use the cluster; one that died does not."""
    path = _users_file()
    found = json.loads(path.read_text())["users"] if path.exists() else []
    return [user for user in found if Path(f"/proc/{user}").exists()]


def _write_users(users: list[int], kept: bool) -> None:
    _users_file().write_text(json.dumps({"users": users, "kept": kept}))


def _write(cluster: Cluster) -> None:
    fields = {
        "folder": str(cluster.folder),
        "kubeconfig": str(cluster.kubeconfig),
        "processes": [asdict(process) for process in cluster.processes],
        "server": cluster.server,
    }
    state_file().write_text(json.dumps(fields, indent=1))


def _node_ready(client: Client) -> bool:
    from lightkube.resources.core_v1 import Node

    conditions = [c for node in client.list(Node) for c in node.status.conditions or []]
    return any(c.type == "Ready" and c.status == "True" for c in conditions)
