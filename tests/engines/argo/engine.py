"""Runs emitted manifests on Argo's own controller, and says what became of them."""

from __future__ import annotations

import base64
import gzip
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml
from lightkube import ApiError
from lightkube.resources.core_v1 import Namespace, Pod
from tests.engines.argo.api import Workflow, apply, connect
from tests.engines.argo.cluster import current
from tests.engines.argo.processes import last_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.engines.argo.cluster import Cluster

Document = dict[str, Any]
TAKEN_UP_SECONDS = 120
ENDED = frozenset({"Succeeded", "Failed", "Error"})


@dataclass(frozen=True)
class Result:
    """A Workflow that ended, as the API server has it."""

    workflow: Document = field(repr=False)

    @property
    def uid(self) -> str:
        return str(self.workflow["metadata"]["uid"])

    @property
    def status(self) -> Document:
        """Empty before the controller looked at it."""
        return self.workflow.get("status") or {}

    @property
    def phase(self) -> str:
        return str(self.status.get("phase") or "")

    @property
    def nodes(self) -> list[Document]:
        """Its nodes; those of a large Workflow are packed (``util/file``'s gzip of the map)."""
        packed = self.status.get("compressedNodes")
        if packed:
            return list(json.loads(gzip.decompress(base64.b64decode(packed))).values())
        return list(self.status.get("nodes", {}).values())

    def report(self) -> str:
        """What there is to see of it, for a test that failed."""
        message = self.status.get("message", "")
        lines = [f"{self.workflow['metadata']['name']}: {self.phase} {message}"]
        for node in sorted(self.nodes, key=lambda n: (n.get("startedAt") or "", n["name"])):
            lines.append(
                f"  {node['type']:<10} {node.get('phase', ''):<10} "
                f"{node['displayName']:<40} {node.get('message', '')}"
            )
        return "\n".join(lines)


class ArgoEngine:
    """One namespace of a cluster with Argo."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.client = connect(cluster.kubeconfig)
        metadata = {"name": namespace}
        apply(self.client, [{"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}])

    def close(self) -> None:
        """Remove the namespace with all that is in it."""
        self.client.delete(Namespace, self.namespace)

    def install(self, files: Mapping[str, str]) -> str:
        """Apply the manifests of a flow, and return the WorkflowTemplate's name.

        Schedules are there, and held still: what runs is what a test starts.
        """
        documents = [
            document
            for name, text in files.items()
            if name.endswith(".yaml")
            for document in yaml.load_all(text, Loader=yaml.CSafeLoader)
        ]
        # what pods mount and are comes before what makes pods
        documents.sort(key=lambda document: document["kind"] == "WorkflowTemplate")
        for document in documents:
            document["metadata"]["namespace"] = self.namespace
            if document["kind"] == "CronWorkflow":
                document["spec"]["suspend"] = True
            for subject in document.get("subjects", ()):
                subject["namespace"] = self.namespace
        apply(self.client, documents)
        return str(documents[-1]["metadata"]["name"])

    def submit(
        self, template: str, parameters: Mapping[str, str], *, name: str = "", **spec: Any
    ) -> str:
        """Create a Workflow from a WorkflowTemplate and return its name.

        The controller reads templates from its cache, which may not have one that was just made:
        such a Workflow ends in error before anything ran, so it is made again.
        """
        while True:
            made = self._create(template, parameters, name, spec)
            status = self._taken_up(made)
            if "not found" not in (status.get("message") or "") or status.get("nodes"):
                return made
            self.delete(made)
            while self.exists(made):
                time.sleep(0.1)

    def _create(
        self, template: str, parameters: Mapping[str, str], name: str, spec: Mapping[str, Any]
    ) -> str:
        called = {"name": name} if name else {"generateName": f"{template[:50]}-"}
        given = [{"name": name, "value": value} for name, value in parameters.items()]
        made = Workflow(
            metadata={**called, "namespace": self.namespace},
            spec={
                "workflowTemplateRef": {"name": template},
                "arguments": {"parameters": given},
                **spec,
            },
        )
        return str(self.client.create(made).metadata.name)

    def _taken_up(self, name: str) -> Document:
        end = time.monotonic() + TAKEN_UP_SECONDS
        while True:
            found = Result(self.get(name))
            if found.phase:
                return found.status
            if time.monotonic() > end:
                raise TimeoutError(f"the controller does not look at {name}")
            time.sleep(0.1)

    def get(self, name: str) -> Document:
        """Return a Workflow."""
        found: Document = self.client.get(Workflow, name, namespace=self.namespace).to_dict()
        return found

    def phase(self, name: str) -> str:
        """Return the phase of a Workflow, empty while it has none."""
        return Result(self.get(name)).phase

    def exists(self, name: str) -> bool:
        """Whether there is a Workflow of this name."""
        try:
            self.get(name)
        except ApiError as error:
            if error.status.code == 404:
                return False
            raise
        return True

    def wait(self, name: str, seconds: float = 900) -> Result:
        """Wait for the end of a Workflow, exit handler included."""
        end = time.monotonic() + seconds
        while True:
            found = Result(self.get(name))
            if found.phase in ENDED:
                return found
            self._look_at_the_cluster()
            if time.monotonic() > end:
                raise TimeoutError(f"not within {seconds:g} s\n{found.report()}")
            time.sleep(0.25)

    def _look_at_the_cluster(self) -> None:
        """Say at once that a program of the cluster has ended, not when time is up."""
        now = current() if self.cluster.processes else None
        if now is not None and not now.alive:
            raise RuntimeError(f"a program of the cluster has ended\n{last_words(now.folder)}")

    def pods(self, workflow: str) -> list[Any]:
        """Return the pods of a Workflow that there are now."""
        labels = {"workflows.argoproj.io/workflow": workflow}
        return list(self.client.list(Pod, namespace=self.namespace, labels=labels))

    def logs(self, workflow: str) -> str:
        """Return what the main containers of a Workflow's pods printed, as far as it is there."""
        found = []
        for pod in self.pods(workflow):
            try:
                lines = "".join(
                    self.client.log(pod.metadata.name, namespace=self.namespace, container="main")
                )
            except ApiError as error:
                lines = str(error)
            found.append(f"== {pod.metadata.name}\n{lines}")
        return "\n".join(found)

    def delete(self, name: str) -> None:
        """Delete a Workflow; its pods go with it."""
        self.client.delete(Workflow, name, namespace=self.namespace)
