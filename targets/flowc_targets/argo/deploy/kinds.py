"""The kinds of objects that flowc writes, where the API serves them, what is flowc's in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class KindFacts:
    """Where a kind is served; ``always``: looked for although no release of now has one.

    ``left_alone``: fields that people and controllers set at will (``spec.suspend``).
    """

    api: str
    plural: str
    always: bool = False
    left_alone: tuple[tuple[str, ...], ...] = ()

    @property
    def group(self) -> str:
        """The API group, empty for the core's."""
        return self.api.rpartition("/")[0]

    def path(self, namespace: str, name: str = "") -> str:
        """Return the path of the collection in ``namespace``, or of one object."""
        root = f"/apis/{self.api}" if "/" in self.api else f"/api/{self.api}"
        return f"{root}/namespaces/{namespace}/{self.plural}" + (f"/{name}" if name else "")


ARGO = "argoproj.io/v1alpha1"
RBAC = "rbac.authorization.k8s.io/v1"
KINDS: dict[str, KindFacts] = {
    "ServiceAccount": KindFacts(
        "v1", "serviceaccounts", always=True, left_alone=(("secrets",), ("imagePullSecrets",))
    ),
    "Role": KindFacts(RBAC, "roles", always=True),
    "RoleBinding": KindFacts(RBAC, "rolebindings", always=True),
    "ConfigMap": KindFacts("v1", "configmaps", always=True),
    "PodTemplate": KindFacts("v1", "podtemplates"),
    "WorkflowTemplate": KindFacts(ARGO, "workflowtemplates", always=True),
    "CronWorkflow": KindFacts(
        ARGO, "cronworkflows", always=True, left_alone=(("spec", "suspend"),)
    ),
    "Service": KindFacts("v1", "services"),
    "Deployment": KindFacts("apps/v1", "deployments", left_alone=(("spec", "replicas"),)),
    "StatefulSet": KindFacts("apps/v1", "statefulsets", left_alone=(("spec", "replicas"),)),
    "HorizontalPodAutoscaler": KindFacts("autoscaling/v2", "horizontalpodautoscalers"),
    "PodDisruptionBudget": KindFacts("policy/v1", "poddisruptionbudgets"),
    "NetworkPolicy": KindFacts("networking.k8s.io/v1", "networkpolicies"),
}
WORKFLOWS = KindFacts(ARGO, "workflows")
PODS = KindFacts("v1", "pods")
SECRETS = KindFacts("v1", "secrets")
