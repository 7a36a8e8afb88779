"""The other way to Argo: its server's REST, for those who have its address and a token.

The address comes as Argo's own command takes it: `ARGO_SERVER`, `ARGO_TOKEN`, `ARGO_SECURE`,
`ARGO_INSECURE_SKIP_VERIFY`, `ARGO_BASE_HREF`. The server knows Workflows, their templates and
schedules, and what pods printed; it knows none of the other kinds that a deployment consists of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from flowc.deploy.provider import DeployError
from flowc_targets.argo.deploy.connection import PAGE, TIMEOUT, Connection, Way
from flowc_targets.argo.deploy.runs import ArgoRuns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowc.deploy.model import Address, Change, Desired, Observed
    from flowc.deploy.provider import EngineRun, LogLine, Problem
    from flowc_targets.argo.deploy.connection import Answer
    from flowc_targets.argo.deploy.kinds import Document

SERVER, TOKEN, SECURE = "ARGO_SERVER", "ARGO_TOKEN", "ARGO_SECURE"
UNVERIFIED, BASE = "ARGO_INSECURE_SKIP_VERIFY", "ARGO_BASE_HREF"

_WAY = Way(
    "an Argo server",
    f"look at {SERVER} and {SECURE}; without {SERVER} flowc reaches the cluster by kubeconfig",
    f"set {TOKEN} to what `argo auth token` prints; tokens expire",
    f"ask for the right, or set {TOKEN} to the token of an account that has it",
    "see whether the stack's namespace is one that this Argo server serves",
)
_PATHS = {
    "Workflow": "/api/v1/workflows",
    "WorkflowTemplate": "/api/v1/workflow-templates",
    "CronWorkflow": "/api/v1/cron-workflows",
}
_LISTED = (
    "metadata,items.metadata,items.spec.workflowTemplateRef,items.spec.shutdown,"
    "items.spec.suspend,items.status.phase,items.status.startedAt,items.status.finishedAt,"
    "items.status.message"
)
"""What of listed objects is read; the nodes of many Workflows would be megabytes."""


def connect_server(environ: Mapping[str, str]) -> Connection | None:
    """Return a connection to the Argo server that the environment names, None if it names none."""
    named = environ.get(SERVER, "").strip()
    if not named:
        return None
    try:
        import httpx2
    except ImportError as error:
        raise DeployError(
            "an Argo server is asked by the extra `argo` of flowc", "pip install 'flowc[argo]'"
        ) from error
    scheme = "http" if environ.get(SECURE) == "false" else "https"
    server = named.rstrip("/") if "://" in named else f"{scheme}://{named}"
    base = environ.get(BASE, "").strip("/")
    token = environ.get(TOKEN, "").strip()
    if token and " " not in token:
        token = f"Bearer {token}"
    try:
        http = httpx2.Client(
            base_url=f"{server}/{base}" if base else server,
            headers={"Authorization": token} if token else {},
            verify=environ.get(UNVERIFIED) != "true",
            timeout=TIMEOUT,
        )
    except (httpx2.InvalidURL, ValueError) as error:
        raise DeployError(f"{SERVER} is no address: {error}", "write host:port") from error
    errors = (httpx2.HTTPError, httpx2.InvalidURL, OSError)
    return Connection(http, errors, server, _WAY)


class ServerApi:
    """Implements :class:`flowc_targets.argo.deploy.api.ArgoApi` on an Argo server's REST."""

    def __init__(self, connection: Connection, namespace: str) -> None:
        self._connection = connection
        self._namespace = namespace
        self.expect = connection.expect

    def path(self, kind: str, name: str = "") -> str:
        """Return where a collection is, or one object."""
        return f"{_PATHS[kind]}/{self._namespace}" + (f"/{name}" if name else "")

    def get(self, kind: str, name: str) -> Document | None:
        """Return an object, None if there is none."""
        return self._connection.get(self.path(kind, name))

    def list(self, kind: str, selector: str) -> Iterator[Document]:
        """Yield the objects that a selector of labels selects, in pages."""
        params: dict[str, Any] = {"listOptions.labelSelector": selector}
        if kind == "Workflow":  # of the others there are few, and their lists have no pages
            params |= {"listOptions.limit": PAGE, "fields": _LISTED}
        while True:
            path = self.path(kind)
            answer = self._connection.ask("GET", path, params=params)
            body = self._connection.expect(answer, f"list {path}")
            yield from body.get("items") or ()
            after = (body.get("metadata") or {}).get("continue")
            if not after:
                return
            params["listOptions.continue"] = after

    def create(self, workflow: Document) -> Answer:
        """Submit a Workflow, once."""
        document = {"namespace": self._namespace, "workflow": workflow}
        return self._connection.ask("POST", self.path("Workflow"), document=document, tries=1)

    def delete(self, name: str, uid: str) -> None:
        """Delete a Workflow, if it is the one: the server itself does not look at the uid."""
        found = self.get("Workflow", name)
        if found is None or found["metadata"]["uid"] != uid:
            return
        path = self.path("Workflow", name)
        answer = self._connection.ask("DELETE", path)
        if answer.status != 404:
            self._connection.expect(answer, f"delete {path}")

    def stop(self, name: str, uid: str) -> None:
        """Ask for a Workflow to be stopped; whose name it is was looked at just before."""
        self._put("Workflow", name, "stop")

    def suspend(self, name: str, on: bool) -> None:
        """Suspend a CronWorkflow, or let it go on."""
        self._put("CronWorkflow", name, "suspend" if on else "resume")

    def _put(self, kind: str, name: str, verb: str) -> None:
        document = {"name": name, "namespace": self._namespace}
        self._connection.write("PUT", f"{self.path(kind, name)}/{verb}", document)


class ServerProvider(ArgoRuns):
    """Implements :class:`flowc.deploy.provider.Provider`, as far as an Argo server reaches."""

    def __init__(self, connection: Connection, address: Address, namespace: str) -> None:
        super().__init__(ServerApi(connection, namespace), address, namespace)
        self.place = f"namespace {namespace} of the Argo server {connection.server}"
        self._connection = connection

    def logs(self, run: EngineRun, units: Sequence[str], follow: bool) -> Iterator[LogLine]:
        """Yield what the pods of a run printed, as long as they are there."""
        from flowc_targets.argo.deploy.server_logs import logs

        return logs(self._connection, self._namespace, self._workflows, run, units, follow)

    def identity(self) -> Mapping[str, str]:
        """Return the namespace; which cluster it is, the server does not say."""
        return {"namespace": self._namespace}

    def preflight(self, desired: Sequence[Desired]) -> tuple[Problem, ...]:
        """Refuse: nothing is deployed this way."""
        self._refuse()

    def observe(self, desired: Sequence[Desired]) -> tuple[Observed, ...]:
        """Refuse: most of what a deployment consists of cannot be seen this way."""
        self._refuse()

    def apply(self, change: Change) -> None:
        """Refuse: most of what a deployment consists of cannot be written this way."""
        self._refuse()

    def delete(self, change: Change) -> None:
        """Refuse, as :meth:`apply` does."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise DeployError(
            f"the Argo server {self._connection.server} takes no ConfigMaps, roles and "
            "Deployments, of which a deployment consists",
            f"unset {SERVER}, and reach the cluster by kubeconfig, to plan, deploy and undeploy",
        )

    def close(self) -> None:
        """Give back connections."""
        self._connection.close()
