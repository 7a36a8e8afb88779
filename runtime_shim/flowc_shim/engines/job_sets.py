"""JobSets: several pods of one kind that start together, made from a PodTemplate.

JobSet is a project of Kubernetes' batch group; a cluster has it or not (https://jobset.sigs.k8s.io).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flowc_shim.contract.errors import FlowError, platform_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc_shim.engines.kube_api import KubeApi

GROUP = "jobset.x-k8s.io"
VERSION = "v1alpha2"
LABEL = "jobset.sigs.k8s.io/jobset-name"
INDEX_LABEL = "batch.kubernetes.io/job-completion-index"
"""Labels of the pods."""
JOB = "places"
"""The name of the one replicated Job of each; it is part of the names of its pods."""
GONE_SECONDS = 120.0
"""How long what an earlier attempt left may take to go: its pods get their grace."""
POLL_SECONDS = 1.0


class JobSets:
    """The JobSets of one namespace; all of it raises EngineUnavailable, and Refused."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api
        self._root = f"/apis/{GROUP}/{VERSION}/namespaces/{quote(api.namespace)}/jobsets"

    def create(self, job_set: dict[str, Any]) -> None:
        """Create a JobSet, after one of its name is gone; raises FlowError too.

        An earlier attempt whose process was killed has left it: two at once would be twice the
        pods, and each would meet whoever leads now.
        """
        name = job_set["metadata"]["name"]
        end = time.monotonic() + GONE_SECONDS
        self.delete(name)
        while self.get(name) is not None:
            if time.monotonic() > end:
                message = f"JobSet {name} of an earlier attempt does not go away"
                raise platform_error("ENGINE_UNAVAILABLE", message)
            time.sleep(POLL_SECONDS)
        self._api.ask(f"{self._root}?fieldValidation=Strict", job_set)

    def get(self, name: str) -> Any:
        """Return a JobSet, None if there is none of this name."""
        return self._api.ask(f"{self._root}/{quote(name)}", but=404)

    def delete(self, name: str) -> None:
        """Have a JobSet go after its pods have gone; nothing happens if there is none."""
        options = {"propagationPolicy": "Foreground"}
        self._api.ask(f"{self._root}/{quote(name)}", options, method="DELETE", but=404)


def job_set(
    name: str, template: Mapping[str, Any], size: int, owners: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return a JobSet of ``size`` pods of ``template``; a pod that fails fails all of it.

    Pods are told apart by their completion index. They find each other by addresses, so there is
    no Service. What the admission of JobSet would fill in is said, so that it can be left out.
    """
    job = {
        "parallelism": size,
        "completions": size,
        "completionMode": "Indexed",
        "backoffLimit": 0,
        "template": template,
    }
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "JobSet",
        "metadata": {
            "name": name,
            "labels": dict((template.get("metadata") or {}).get("labels") or {}),
            "ownerReferences": [*owners],
        },
        "spec": {
            "network": {"enableDNSHostnames": False},
            "successPolicy": {"operator": "All"},
            "failurePolicy": {"maxRestarts": 0},
            "replicatedJobs": [{"name": JOB, "replicas": 1, "template": {"spec": job}}],
        },
    }


def lost(found: Any) -> FlowError | None:
    """Return the error of a JobSet that does not go on: it failed, or somebody deleted it."""
    if found is None:
        return platform_error("PLACE_LOST", "the JobSet of the call was deleted")
    for condition in (found.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "Failed" and condition.get("status") == "True":
            why = condition.get("message") or condition.get("reason") or "no reason is given"
            return platform_error("PLACE_LOST", f"a pod of the call died: {why}")
    return None
