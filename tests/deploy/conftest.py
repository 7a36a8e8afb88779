"""Projects on namespaces of their own of the cluster that `tests/engines/argo` starts."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from tests.deploy.project import Project
from tests.engines.argo.cluster import GIVEN_IMAGE
from tests.engines.argo.images import own_unit_image
from tests.engines.argo.node import import_image
from tests.runtime_shim.stores import s3_server

from flowc_targets.argo.deploy.connection import Connection, connect
from flowc_targets.argo.deploy.kinds import KINDS, SECRETS
from flowc_targets.argo.identity import MANAGED_BY, MANAGER
from flowc_targets.argo.pods import DEFAULT_IMAGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engines.argo.cluster import Cluster


@pytest.fixture(scope="session")
def api(argo_cluster: Cluster) -> Iterator[Connection]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(argo_cluster.kubeconfig))
        made, _ = connect()
    yield made
    made.close()


@pytest.fixture
def project(argo_cluster: Cluster, api: Connection, tmp_path: Path) -> Iterator[Project]:
    namespace = f"deploy-{uuid4().hex[:8]}"
    metadata = {"name": namespace}
    document = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    api.write("POST", "/api/v1/namespaces", document)
    environ = {
        "KUBECONFIG": str(argo_cluster.kubeconfig),
        "FLOWC_STORE": f"sqlite:///{tmp_path}/state.db",
        "FLOWC_BRANCH": "main",
        "FLOWC_DEPLOY_TOKEN": "",
    }
    yield Project(tmp_path, namespace, environ=environ).write()
    api.ask("DELETE", f"/api/v1/namespaces/{namespace}")


@pytest.fixture
def there(api: Connection, project: Project) -> Any:
    """A function that returns all of flowc's objects in the namespace."""

    def found() -> dict[str, Any]:
        out = {}
        for kind, facts in KINDS.items():
            for one in api.list(facts.path(project.namespace), f"{MANAGED_BY}={MANAGER}"):
                metadata = one["metadata"]
                kept = {key: metadata.get(key) for key in ("name", "labels", "annotations")}
                rest = {k: v for k, v in one.items() if k not in ("metadata", "status")}
                out[f"{kind} {metadata['name']}"] = {**rest, "metadata": kept}
        return out

    return found


# For runs: an image of this tree, and a store that pods reach

CREDENTIALS = {"key-of-store": "access_key_id", "secret-of-store": "secret_access_key"}


@pytest.fixture(scope="session")
def image(argo_cluster: Cluster) -> str:
    if not argo_cluster.processes:
        return os.environ.get(GIVEN_IMAGE, DEFAULT_IMAGE)
    name, archive = own_unit_image()
    import_image(argo_cluster.folder, archive)
    return name


@pytest.fixture
def bucket() -> Iterator[dict[str, Any]]:
    """A state store that pods reach as this process does: they use the node's network."""
    with pytest.MonkeyPatch.context() as patch:
        server, moto = s3_server.start(patch)
        secrets = {option: {"secret": name} for name, option in CREDENTIALS.items()}
        yield {
            "url": f"s3://{s3_server.BUCKET}/{uuid4().hex}",
            "endpoint": server.endpoint,
            "region": s3_server.CREDENTIALS["region"],
            **secrets,
        }
        moto.stop()


@pytest.fixture
def namespace(api: Connection) -> Iterator[str]:
    name = f"walk-{uuid4().hex[:8]}"
    document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    api.write("POST", "/api/v1/namespaces", document)
    for secret, option in CREDENTIALS.items():
        data = {"value": s3_server.CREDENTIALS[option]}
        document = {
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret}, "stringData": data,
        }  # fmt: skip
        api.write("POST", SECRETS.path(name), document)
    yield name
    api.ask("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def live(project: Project, namespace: str, image: str, bucket: dict[str, Any]) -> Project:
    """A project whose runs run."""
    keys = ("access_key_id", "secret_access_key")
    for key in keys:
        project.environ[f"AWS_{key.upper()}"] = s3_server.CREDENTIALS[key]
    project.environ["FLOWC_STORE"] = ""
    live = replace(
        project, namespace=namespace, stack={"unit_image": image, "state_store": bucket}, slow=True
    )
    return live.write()
