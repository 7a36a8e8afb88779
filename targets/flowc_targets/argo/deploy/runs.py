"""What both ways to Argo can do: runs and schedules of one deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_targets._shared.names import object_name
from flowc_targets.argo.deploy.workflows import Workflows
from flowc_targets.argo.identity import MANAGED_BY, MANAGER, NAME
from flowc_targets.argo.limits import OBJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowc.deploy.model import Address
    from flowc.deploy.provider import EngineRun, RunState, Start
    from flowc_targets.argo.deploy.api import ArgoApi
    from flowc_targets.argo.deploy.kinds import Document


class ArgoRuns:
    """A part of :class:`flowc.deploy.provider.Provider`."""

    def __init__(self, api: ArgoApi, address: Address, namespace: str) -> None:
        self.name = object_name(address.name, OBJECT_NAME)
        self._api = api
        self._namespace = namespace
        self._workflows = Workflows(api, namespace, self.name)

    def start(self, start: Start) -> EngineRun:
        """Start a run of what is deployed."""
        return self._workflows.start(start)

    def runs(self, keep: Iterable[RunState] = ()) -> Iterator[EngineRun]:
        """Return the runs that Argo still knows, newest first."""
        return self._workflows.runs(frozenset(keep))

    def run(self, key_or_name: str) -> EngineRun | None:
        """Return one run, by uid or name."""
        return self._workflows.run(key_or_name)

    def stop(self, run: EngineRun) -> None:
        """Ask Argo to stop a run: its exit handler records that."""
        self._workflows.stop(run)

    def forget_runs(self) -> None:
        """Delete the Workflows of runs that have ended."""
        self._workflows.forget()

    def suspended(self) -> bool:
        """Whether the schedules are suspended: all of them, and there are any."""
        found = list(self._schedules())
        return bool(found) and all(one.get("spec", {}).get("suspend") for one in found)

    def suspend(self, on: bool) -> None:
        """Suspend the schedules, or let them go on."""
        for one in self._schedules():
            self._api.suspend(one["metadata"]["name"], on)

    def _schedules(self) -> Iterator[Document]:
        selector = f"{MANAGED_BY}={MANAGER},{NAME}={self.name},flowc.dev/role=schedule"
        return self._api.list("CronWorkflow", selector)
