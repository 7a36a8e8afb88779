"""Pods that pods of flowc have made: what Argo's own get by its configuration, these get here.

The API server itself changes them (a MutatingAdmissionPolicy, beta in Kubernetes 1.34), so that
the shim asks for what it asks for on any cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.engines.argo.api import apply

if TYPE_CHECKING:
    from pathlib import Path

    from lightkube import Client

API_SERVER_FLAGS = (
    "--feature-gates=MutatingAdmissionPolicy=true",
    "--runtime-config=admissionregistration.k8s.io/v1beta1=true",
)
NAME = "flowc-started-pods"
GROUP = "admissionregistration.k8s.io"


def share_with_started_pods(client: Client, shared: Path) -> None:
    """Give pods that a Pod or a Job owns the node's network, and the folder that the tests see.

    And let them ask for little of its cpu: it has not what examples ask for.
    """
    lent = {kind: _lent(kind, shared) for kind in ("containers", "initContainers")}
    path = f'Object.spec.volumes.hostPath{{path: "{shared}", type: "Directory"}}'
    expression = f"""Object{{spec: Object.spec{{
      hostNetwork: true,
      volumes: [Object.spec.volumes{{name: "shared", hostPath: {path}}}],
      containers: object.spec.containers.map(c, {lent["containers"]}),
      initContainers: object.spec.?initContainers.orValue([]).map(c, {lent["initContainers"]})
    }}}}"""
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
            "resources": ["pods"]}  # fmt: skip
    owned = "object.metadata.?ownerReferences.orValue([]).exists(o, o.kind in ['Pod', 'Job'])"
    policy: dict[str, Any] = {
        "matchConstraints": {"resourceRules": [pods]},
        "matchConditions": [{"name": "owned", "expression": owned}],
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "mutations": [
            {
                "patchType": "ApplyConfiguration",
                "applyConfiguration": {"expression": expression},
            }
        ],
    }
    for kind, spec in (
        ("MutatingAdmissionPolicy", policy),
        ("MutatingAdmissionPolicyBinding", {"policyName": NAME}),
    ):
        metadata = {"name": NAME}
        document = {"apiVersion": f"{GROUP}/v1beta1", "kind": kind, "metadata": metadata}
        apply(client, [{**document, "spec": spec}])


def _lent(kind: str, shared: Path) -> str:
    """Return the expression of what each container `c` of a kind gets."""
    at = f"Object.spec.{kind}"
    mount = f'{at}.volumeMounts{{name: "shared", mountPath: "{shared}"}}'
    little = f'{at}.resources{{requests: {{"cpu": "20m"}}}}'
    return f"{at}{{name: c.name, volumeMounts: [{mount}], resources: {little}}}"
