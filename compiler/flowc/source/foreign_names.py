"""Names that people know from other systems, and why they are none here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Foreign:
    """``reason`` follows the name in a sentence; ``hint`` is the way out."""

    reason: str
    hint: str


_PYTHON = "is no target: it runs Python code of its own SDK, not what flowc emits"
_TO_CLUSTER = "write `target: argo`; Argo Workflows runs on any Kubernetes, GKE and AKS among them"
TARGETS = {
    "vertex": Foreign(
        "is no target: Vertex AI runs pipelines in Kubeflow's form, and flowc emits none",
        "write `target: argo` with `gs://` stores: Argo Workflows runs on GKE",
    ),
    "kubeflow": Foreign(
        "is no target: Kubeflow Pipelines compiles to Argo Workflows itself",
        "write `target: argo`: the same clusters run it",
    ),
    "airflow": Foreign(_PYTHON, "write `target: argo` or `target: step-functions`"),
    "sagemaker": Foreign(_PYTHON, "write `target: step-functions`, with `compute: batch` for GPUs"),
    "azureml": Foreign(_PYTHON, _TO_CLUSTER),
    "databricks": Foreign(_PYTHON, "call it from a component server; write `target: argo`"),
    "ray": Foreign(_PYTHON, "serve Ray from a component server; write `target: argo`"),
    "azure": Foreign(
        "is no target: there is no engine of Azure's that flowc emits for",
        "write `target: argo` with `az://` stores: Argo Workflows runs on AKS",
    ),
}
_ALIASES = {"vertexai": "vertex", "kfp": "kubeflow", "gcpvertex": "vertex"}

STORES = {
    "mysql": Foreign(
        "is no store: there are PostgreSQL, SQLite, folders and object stores",
        "write `postgresql://user@host/database`, or share an object store (`s3://`, `gs://`)",
    ),
    "cloudsql": Foreign(
        "names a product, not a database",
        "write `postgresql://user@host/database` if it is Cloud SQL for PostgreSQL",
    ),
    "redis": Foreign(
        "is no store: it may lose what it acknowledged",
        "write `postgresql://user@host/database`, or share an object store (`s3://`, `gs://`)",
    ),
}


def foreign_target(name: str) -> Foreign | None:
    """Return why ``name`` is no target, None if it is not known from elsewhere."""
    plain = name.lower().replace("-", "").replace("_", "").removesuffix("pipelines")
    return TARGETS.get(_ALIASES.get(plain, plain))


def foreign_store(scheme: str) -> Foreign | None:
    """Return why ``scheme`` is no store, None if it is not known from elsewhere."""
    plain = scheme.lower().partition("+")[0].replace("_", "").replace("-", "")
    return STORES.get(plain)
