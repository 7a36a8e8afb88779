"""Projects on namespaces of their own of the cluster that `tests/engines/argo` starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from tests.deploy.project import Project
from tests.engines.argo.processes import wait_until

from flowc_targets.argo.deploy.connection import Connection, connect
from flowc_targets.argo.deploy.kinds import ARGO, KINDS, MANAGED_BY, MANAGER

KINDS_OF_ARGO = {"workflows", "workflowtemplates", "cronworkflows", "workflowtaskresults"}

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engines.argo.cluster import Cluster


@pytest.fixture(scope="session")
def api(argo_cluster: Cluster) -> Iterator[Connection]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(argo_cluster.kubeconfig))
        made, _ = connect()
    # a kind is served a moment after its CRD was applied
    wait_until("Argo's kinds", lambda: _served(made) >= KINDS_OF_ARGO, 60, argo_cluster.folder)
    yield made
    made.close()


def _served(api: Connection) -> set[str]:
    resources = (api.get(f"/apis/{ARGO}") or {}).get("resources", [])
    return {one["name"] for one in resources}


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
