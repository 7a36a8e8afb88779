"""A connection to one deployment in one namespace: observe, apply, delete, and ask about runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc.deploy.model import Observed, Ref
from flowc.deploy.provider import DeployError
from flowc_targets._shared.names import label_value
from flowc_targets.argo.deploy.api import KubernetesApi
from flowc_targets.argo.deploy.comparable import comparable, edited, surplus
from flowc_targets.argo.deploy.connection import APPLY, MERGE
from flowc_targets.argo.deploy.kinds import KINDS
from flowc_targets.argo.deploy.needed import Needed
from flowc_targets.argo.deploy.preflight import preflight
from flowc_targets.argo.deploy.runs import ArgoRuns
from flowc_targets.argo.identity import MANAGED_BY, MANAGER, NAME, PLAN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowc.deploy.model import Address, Change, Desired
    from flowc.deploy.provider import EngineRun, LogLine, Problem
    from flowc_targets.argo.deploy.connection import Connection
    from flowc_targets.argo.deploy.kinds import Document


CLUSTER = "/api/v1/namespaces/kube-system"
"""It is in every cluster, is never made again, and has another uid in each."""

CLASSES = "--classes"
"""How the name of what flows share ends, in the label that says whose an object is."""


class ArgoProvider(ArgoRuns):
    """Implements :class:`flowc.deploy.provider.Provider` on Kubernetes."""

    def __init__(self, connection: Connection, address: Address, namespace: str) -> None:
        super().__init__(KubernetesApi(connection, namespace), address, namespace)
        self.place = f"namespace {namespace} of {connection.server}"
        self._connection = connection
        self._shared = _shared_selector(address)

    def identity(self) -> Mapping[str, str]:
        """Return the namespace, and the cluster by the id that everybody knows it by, if known."""
        found = {"namespace": self._namespace}
        answer = self._connection.ask("GET", CLUSTER)
        if answer.status == 200:
            found["cluster"] = str(answer.body["metadata"]["uid"])
        return found

    def preflight(self, desired: Sequence[Desired]) -> tuple[Problem, ...]:
        """Return everything that would keep ``desired`` from being written or from running."""
        return preflight(self._connection, self._namespace, desired)

    # objects

    def observe(self, desired: Sequence[Desired]) -> tuple[Observed, ...]:
        """Return every object of the deployment, and those that have a desired object's name."""
        live = dict(self._labelled())
        for one in desired:
            if one.ref not in live:
                found = self._connection.get(self._path(one.ref))
                if found is not None:
                    self._refuse_of_others(one, found)
                    live[one.ref] = {**found, "kind": one.ref.kind}
        needed = Needed.of(self._workflows.unfinished()) if live else Needed()
        wanted = {one.ref: one.body for one in desired}
        return tuple(
            _observed(ref, document, wanted.get(ref, {}), needed) for ref, document in live.items()
        )

    def _labelled(self) -> Iterator[tuple[Ref, Document]]:
        """Yield the flow's own objects, and if it is the last one, those that flows share."""
        yield from self._list(f"{MANAGED_BY}={MANAGER},{NAME}={self.name}")
        if self._shared and not self._others():
            for ref, document in self._list(self._shared):
                if str(document["metadata"]["labels"].get(NAME, "")).endswith(CLASSES):
                    yield ref, document

    def _others(self) -> bool:
        """Whether another flow of the same project and branch is deployed here."""
        path = KINDS["WorkflowTemplate"].path(self._namespace)
        found = self._connection.list(path, f"{self._shared},{NAME}!={self.name}")
        return next(found, None) is not None

    def _list(self, selector: str) -> Iterator[tuple[Ref, Document]]:
        for kind, facts in KINDS.items():
            try:
                for document in self._connection.list(facts.path(self._namespace), selector):
                    name = document["metadata"]["name"]
                    yield Ref(kind, name), {"apiVersion": facts.api, **document, "kind": kind}
            except DeployError:
                # kinds that no flow needs may be forbidden to whoever deploys here
                if facts.always:
                    raise

    def _refuse_of_others(self, wanted: Desired, live: Document) -> None:
        """Raise if an object is another deployment's; flows of a project share some."""
        labels = live["metadata"].get("labels") or {}
        owner = labels.get(NAME) if labels.get(MANAGED_BY) == MANAGER else None
        if owner not in (None, self.name, _owner(wanted)):
            raise DeployError(
                f"{wanted.ref} in {self.place} belongs to the deployment `{owner}`",
                "rename the flow, or take the other one down with `flowc undeploy`",
            )

    def apply(self, change: Change) -> None:
        """Write the object by server-side apply, and take away what hands added to it."""
        assert change.desired is not None
        ref, body = change.ref, dict(change.desired.body)
        path = self._path(ref)
        live = self._connection.write(
            "PATCH", path, body, content=APPLY, params={"fieldManager": MANAGER, "force": "true"}
        )
        patch = surplus(comparable({**live, "kind": ref.kind}, body), body)
        if patch:
            params = {"fieldManager": MANAGER}
            self._connection.write("PATCH", path, patch, content=MERGE, params=params)

    def delete(self, change: Change) -> None:
        """Delete the object; gone already is fine."""
        # runs that a schedule started belong to it, and go on without it
        policy = "Orphan" if change.ref.kind == "CronWorkflow" else "Background"
        how = {"propagationPolicy": policy}
        answer = self._connection.ask("DELETE", self._path(change.ref), document=how)
        if answer.status != 404:
            self._connection.expect(answer, f"delete {change.ref}")

    def _path(self, ref: Ref) -> str:
        return KINDS[ref.kind].path(self._namespace, ref.name)

    # runs: those of ArgoRuns, and

    def logs(self, run: EngineRun, units: Sequence[str], follow: bool) -> Iterator[LogLine]:
        """Yield what the pods of a run printed, as long as they are there."""
        from flowc_targets.argo.deploy.logs import logs

        return logs(self._connection, self._namespace, self._workflows, run, units, follow)

    def close(self) -> None:
        """Give back connections."""
        self._connection.close()


def _owner(wanted: Desired) -> str:
    """Return whose an object is to be: the deployment's, or that of all flows that share it."""
    metadata: Any = wanted.body.get("metadata")
    return str((metadata.get("labels") or {}).get(NAME, ""))


def _shared_selector(address: Address) -> str:
    """Return what selects all objects of a project and branch; empty for a flow without one."""
    if not address.project:
        return ""
    found = {"project": address.project, "branch": address.branch}
    labels = [f"flowc.dev/{key}={label_value(value)}" for key, value in found.items()]
    return ",".join([f"{MANAGED_BY}={MANAGER}", *labels])


def _observed(ref: Ref, live: Document, desired: object, needed: Needed) -> Observed:
    body = desired if isinstance(desired, dict) else {}
    plan = str((live["metadata"].get("labels") or {}).get(PLAN, ""))
    return Observed(
        ref, comparable(live, body), plan, edited(live), needed.reason(ref.kind, live, plan)
    )
