"""Argo's own kinds in one namespace, whoever serves them: the API server, or an Argo server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from flowc_targets.argo.deploy.connection import MERGE
from flowc_targets.argo.deploy.kinds import KINDS, WORKFLOWS
from flowc_targets.argo.identity import MANAGER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_targets.argo.deploy.connection import Answer, Connection
    from flowc_targets.argo.deploy.kinds import Document

STOP = "Stop"
"""How Argo calls the way of stopping that still runs the exit handler."""


class ArgoApi(Protocol):
    """``kind`` is Workflow, WorkflowTemplate or CronWorkflow; raises DeployError only."""

    def get(self, kind: str, name: str) -> Document | None:
        """Return an object, None if there is none."""

    def list(self, kind: str, selector: str) -> Iterator[Document]:
        """Yield the objects that a selector of labels selects."""

    def create(self, workflow: Document) -> Answer:
        """Submit a Workflow, once; what came of it is for the caller to see."""

    def expect(self, answer: Answer, what: str) -> Document:
        """Return the object of an answer that is not a refusal."""

    def delete(self, name: str, uid: str) -> None:
        """Delete a Workflow; gone already, or another one of that name, is fine."""

    def stop(self, name: str, uid: str) -> None:
        """Ask for a Workflow to be stopped, its exit handler to be run."""

    def suspend(self, name: str, on: bool) -> None:
        """Suspend a CronWorkflow, or let it go on."""


class KubernetesApi:
    """By the cluster's API server."""

    def __init__(self, connection: Connection, namespace: str) -> None:
        self._connection = connection
        self._namespace = namespace
        self.expect = connection.expect

    def _path(self, kind: str, name: str = "") -> str:
        facts = WORKFLOWS if kind == "Workflow" else KINDS[kind]
        return facts.path(self._namespace, name)

    def get(self, kind: str, name: str) -> Document | None:
        """Return an object, None if there is none."""
        return self._connection.get(self._path(kind, name))

    def list(self, kind: str, selector: str) -> Iterator[Document]:
        """Yield the objects that a selector of labels selects."""
        return self._connection.list(self._path(kind), selector)

    def create(self, workflow: Document) -> Answer:
        """Submit a Workflow, once."""
        return self._connection.ask("POST", self._path("Workflow"), document=workflow, tries=1)

    def delete(self, name: str, uid: str) -> None:
        """Delete a Workflow, if it is the one."""
        path = self._path("Workflow", name)
        answer = self._connection.ask("DELETE", path, document={"preconditions": {"uid": uid}})
        if answer.status not in (404, 409):
            self._connection.expect(answer, f"delete {path}")

    def stop(self, name: str, uid: str) -> None:
        """Ask for a Workflow to be stopped."""
        # the uid keeps the patch off another run that has taken the name
        patch = {"metadata": {"uid": uid}, "spec": {"shutdown": STOP}}
        self._patch("Workflow", name, patch, MANAGER)

    def suspend(self, name: str, on: bool) -> None:
        """Suspend a CronWorkflow, or let it go on."""
        self._patch("CronWorkflow", name, {"spec": {"suspend": on}}, f"{MANAGER}-suspend")

    def _patch(self, kind: str, name: str, patch: Document, manager: str) -> None:
        path, params = self._path(kind, name), {"fieldManager": manager}
        self._connection.write("PATCH", path, patch, content=MERGE, params=params)
