"""A control plane of its makers' own programs, on a loopback address of its own.

All of 127.0.0.0/8 is this machine, so each cluster takes one address and every program its usual
port. That address is also the first of the cluster's range of services: the service `kubernetes`,
through which pods find the API server, is where the API server listens, and no proxy is needed.
"""

from __future__ import annotations

import csv
import json
import random
import secrets
import socket
import ssl
import urllib.request
from typing import TYPE_CHECKING

from tests.engines.argo.processes import Process, start, wait_until
from tests.engines.argo.started_pods import API_SERVER_FLAGS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engines.argo.programs import Programs

PORT = 443
READY_SECONDS = 120


def free_address() -> str:
    """Return a loopback address on which nobody listens."""
    for _ in range(100):
        address = f"127.{random.randrange(20, 250)}.{random.randrange(250)}.1"
        with socket.socket() as probe:
            try:
                probe.bind((address, PORT))
            except OSError:
                continue
        return address
    raise RuntimeError("no free loopback address")


def start_control_plane(folder: Path, address: str, programs: Programs) -> list[Process]:
    """Start etcd, the API server, the controllers and the scheduler; write `folder/kubeconfig`."""
    token = secrets.token_hex(16)
    _write_credentials(folder, address, token)
    found = [_etcd(folder, address, programs), _api_server(folder, address, programs)]
    wait_until("the API server", lambda: _ready(address), READY_SECONDS, folder)
    return [*found, *_controllers(folder, address, programs)]


def _write_credentials(folder: Path, address: str, token: str) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    (folder / "accounts.key").write_bytes(key)
    with (folder / "tokens.csv").open("w", newline="") as file:
        csv.writer(file).writerow([token, "admin", "admin", "system:masters"])
    certificate = str(folder / "certificates" / "apiserver.crt")
    cluster = {"server": f"https://{address}", "certificate-authority": certificate}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        "current-context": "test",
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config, indent=1), encoding="utf-8")  # JSON is YAML
    path.chmod(0o600)


def _etcd(folder: Path, address: str, programs: Programs) -> Process:
    client, peer = f"http://{address}:2379", f"http://{address}:2380"
    argv = [
        programs.kubernetes / "etcd",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",  # nothing of it is to survive the machine
        "--log-level=warn",
    ]
    return start("etcd", argv, folder)


def _api_server(folder: Path, address: str, programs: Programs) -> Process:
    key = folder / "accounts.key"
    argv = [
        programs.kubernetes / "kube-apiserver",
        f"--etcd-servers=http://{address}:2379",
        f"--bind-address={address}",
        f"--advertise-address={address}",
        f"--secure-port={PORT}",
        f"--service-cluster-ip-range={address.rpartition('.')[0]}.0/24",
        "--endpoint-reconciler-type=none",  # endpoints may not be loopback addresses
        f"--cert-dir={folder / 'certificates'}",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--allow-privileged",
        "--kubelet-preferred-address-types=Hostname",
        "--watch-cache-sizes=pods#1000",
        *API_SERVER_FLAGS,
    ]
    return start("kube-apiserver", argv, folder)


def _ready(address: str) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(  # only whether it answers; clients verify
            f"https://{address}:{PORT}/readyz", context=context, timeout=2
        ) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _controllers(folder: Path, address: str, programs: Programs) -> list[Process]:
    common = [f"--kubeconfig={folder / 'kubeconfig'}", f"--bind-address={address}"]
    common += ["--leader-elect=false"]
    manager = [
        programs.kubernetes / "kube-controller-manager",
        *common,
        f"--service-account-private-key-file={folder / 'accounts.key'}",
        f"--root-ca-file={folder / 'certificates' / 'apiserver.crt'}",
        "--use-service-account-credentials",
        f"--cert-dir={folder / 'manager-certificates'}",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]
    scheduler = [
        programs.kubernetes / "kube-scheduler",
        *common,
        f"--cert-dir={folder / 'scheduler-certificates'}",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]
    return [
        start("kube-controller-manager", manager, folder),
        start("kube-scheduler", scheduler, folder),
    ]
