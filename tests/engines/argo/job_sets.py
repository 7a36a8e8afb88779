"""JobSet: its own controller and admission, beside Argo; started when first wanted."""

from __future__ import annotations

import base64
import ipaddress
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml
from lightkube.generic_resource import create_namespaced_resource
from tests.engines.argo.api import apply, connect
from tests.engines.argo.cluster import Cluster, current
from tests.engines.argo.controller import served
from tests.engines.argo.processes import start, wait_until
from tests.engines.argo.programs import HERE, built_program
from tests.gates.argo_module import run_go

if TYPE_CHECKING:
    from lightkube import Client

MODULE = "sigs.k8s.io/jobset"
SOURCES = HERE / "jobset"
NAME = "jobset-controller"
PORT = 9443
READY_SECONDS = 90
JobSet = create_namespaced_resource("jobset.x-k8s.io", "v1alpha2", "JobSet", "jobsets")


def with_job_sets(cluster: Cluster) -> Cluster:
    """Return the cluster with JobSet in it; one that was given is left as it is."""
    if not cluster.processes:
        return cluster
    cluster = current() or cluster  # with what was started since
    started = [process for process in cluster.processes if process.name == NAME]
    if started and started[-1].alive:
        return cluster
    program = built_program(SOURCES, NAME, MODULE)
    client = connect(cluster.kubeconfig)
    for crd in sorted((_module() / "config/components/crd/bases").glob("*.yaml")):
        apply(client, [yaml.load(crd.read_text(), Loader=yaml.CSafeLoader)])
    wait_until("the API of JobSet", partial(served, client, JobSet), 60, cluster.folder)
    address = _address(cluster.kubeconfig)
    certificate = _certificate(cluster.folder / "jobset", address)
    argv = [
        program,
        f"--kubeconfig={cluster.kubeconfig}",
        f"--config={_configuration(cluster.folder / 'jobset', address)}",
        "--metrics-bind-address=0",
        f"--health-probe-bind-address={address}:8081",
    ]
    grown = cluster.with_process(start(NAME, argv, cluster.folder))
    _admission(client, address, certificate)
    wait_until("JobSet", partial(_admits, client), READY_SECONDS, cluster.folder)
    return grown


def _module() -> Path:
    run_go("mod", "download", MODULE, folder=SOURCES)
    return Path(run_go("list", "-m", "-f", "{{.Dir}}", MODULE, folder=SOURCES).strip())


def _address(kubeconfig: Path) -> str:
    config = yaml.load(kubeconfig.read_text(), Loader=yaml.CSafeLoader)
    return str(urlsplit(config["clusters"][0]["cluster"]["server"]).hostname)


def _configuration(folder: Path, address: str) -> Path:
    config = {
        "apiVersion": "config.jobset.x-k8s.io/v1alpha1",
        "kind": "Configuration",
        "leaderElection": {"leaderElect": False},
        "internalCertManagement": {"enable": False},
        "webhook": {"host": address, "port": PORT, "certDir": str(folder)},
    }
    path = folder / "config.json"
    path.write_text(json.dumps(config))  # JSON is YAML
    return path


def _certificate(folder: Path, address: str) -> bytes:
    """Write a certificate of the controller's own and its key, and return the certificate."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    folder.mkdir(exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    written = certificate.public_bytes(serialization.Encoding.PEM)
    (folder / "tls.crt").write_bytes(written)
    (folder / "tls.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return written


def _admission(client: Client, address: str, certificate: bytes) -> None:
    """Have the API server ask JobSet about JobSets and their pods, as its own manifests do."""
    text = (_module() / "config/components/webhook/manifests.yaml").read_text()
    for document in yaml.load_all(text, Loader=yaml.CSafeLoader):
        document["metadata"]["name"] = f"jobset-{document['metadata']['name']}"
        for webhook in document["webhooks"]:
            path = webhook["clientConfig"]["service"]["path"]
            webhook["clientConfig"] = {
                "url": f"https://{address}:{PORT}{path}",
                "caBundle": base64.b64encode(certificate).decode(),
            }
            if "-pod" in path:
                label = {"key": "jobset.sigs.k8s.io/jobset-name", "operator": "Exists"}
                webhook["objectSelector"] = {"matchExpressions": [label]}
        apply(client, [document])


def _admits(client: Client) -> bool:
    """Whether a JobSet would be admitted, which the API server asks JobSet's webhook."""
    import httpx2
    from lightkube.codecs import from_dict

    container = {"name": "c", "image": "none"}
    pod = {"spec": {"containers": [container], "restartPolicy": "Never"}}
    jobs: list[dict[str, Any]] = [{"name": "j", "template": {"spec": {"template": pod}}}]
    metadata = {"name": "probe", "namespace": "default"}
    probe = {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": metadata,
        "spec": {"replicatedJobs": jobs},
    }
    try:
        client.create(from_dict(probe), dry_run=True)
    except httpx2.HTTPStatusError:
        return False
    return True
