"""The way to AWS for one deployment: observe, apply, delete, and what runs there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc.deploy.model import Observed, Ref
from flowc.deploy.provider import DeployError
from flowc_targets.step_functions.deploy import executions, kinds_events, objects
from flowc_targets.step_functions.deploy.class_objects import (
    DISCOVERY,
    ECS_SERVICE,
    SCALABLE_TARGET,
    SCALING_POLICY,
)
from flowc_targets.step_functions.deploy.kinds import Found, owner_of, stamp_of
from flowc_targets.step_functions.deploy.kinds_compute import (
    FunctionAliases,
    Functions,
    JobDefinitions,
    Permissions,
)
from flowc_targets.step_functions.deploy.kinds_discovery import Discoveries
from flowc_targets.step_functions.deploy.kinds_ecs import TaskDefinitions
from flowc_targets.step_functions.deploy.kinds_events import (
    SUSPENDED,
    Rules,
    ScheduleGroups,
    Schedules,
)
from flowc_targets.step_functions.deploy.kinds_identity import LogGroups, RolePolicies, Roles
from flowc_targets.step_functions.deploy.kinds_machine import MachineAliases, StateMachines
from flowc_targets.step_functions.deploy.kinds_scaling import ScalableTargets, ScalingPolicies
from flowc_targets.step_functions.deploy.kinds_services import EcsServices
from flowc_targets.step_functions.deploy.kinds_stored import StoredObjects
from flowc_targets.step_functions.deploy.preflight import preflight
from flowc_targets.step_functions.deploy.schedules import SCHEDULE, SCHEDULE_GROUP
from flowc_targets.step_functions.deploy.shared import Shared
from flowc_targets.step_functions.deploy.unfinished import Unfinished, unfinished

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flowc.deploy.model import Address, Change, Desired
    from flowc.deploy.provider import EngineRun, LogLine, Problem, RunState, Start
    from flowc_targets.step_functions.deploy.cloud import Cloud
    from flowc_targets.step_functions.deploy.kinds import Kind


class AwsProvider:
    """One deployment in one account and region. ``base``: what all names there begin with."""

    def __init__(self, cloud: Cloud, address: Address, base: str) -> None:
        self._cloud = cloud
        self._base = base
        self._owner = address.name
        self._shared = Shared.of(address)
        self._store = address.stack.state_store
        self._stored = StoredObjects(self._store)
        self.place = f"account {cloud.account} in {cloud.region}"
        # In an order in which they can be made; deletions go through it backwards.
        self._kinds: dict[str, Kind] = {
            objects.LOG_GROUP: LogGroups(),
            objects.OBJECT: self._stored,
            objects.ROLE: Roles(),
            objects.ROLE_POLICY: RolePolicies(),
            objects.FUNCTION: Functions(),
            objects.FUNCTION_ALIAS: FunctionAliases(),
            objects.JOB_DEFINITION: JobDefinitions(),
            objects.TASK_DEFINITION: TaskDefinitions(),
            DISCOVERY: Discoveries(),
            ECS_SERVICE: EcsServices(),
            SCALABLE_TARGET: ScalableTargets(),
            SCALING_POLICY: ScalingPolicies(),
            objects.PERMISSION: Permissions(),
            objects.RULE: Rules(),
            objects.STATE_MACHINE: StateMachines(),
            objects.STATE_MACHINE_ALIAS: MachineAliases(),
            SCHEDULE_GROUP: ScheduleGroups(),
            SCHEDULE: Schedules(),
        }

    def identity(self) -> Mapping[str, str]:
        """Return account and region."""
        return {"account": self._cloud.account, "region": self._cloud.region}

    def preflight(self, desired: Sequence[Desired]) -> tuple[Problem, ...]:
        """Return what would keep ``desired`` from being written or from running."""
        url = self._store.url if self._store else ""
        return tuple(preflight(self._cloud, desired, self._stored, url))

    # objects

    def observe(self, desired: Sequence[Desired]) -> tuple[Observed, ...]:
        """Return every object of the deployment, and those that have the name of a desired one."""
        wanted = {one.ref: one for one in desired}
        running = unfinished(self._cloud, self._base, _machines_of(desired))
        shared = self._shared.there(self._cloud, self._base, wanted)
        found = []
        for kind, handler in self._kinds.items():
            named = [ref.name for ref in (*wanted, *shared) if ref.kind == kind]
            for name in dict.fromkeys([*named, *handler.names(self._cloud, self._base)]):
                one = self._observed(Ref(kind, name), wanted.get(Ref(kind, name)), running)
                found += [one] if one is not None else []
        return tuple(found)

    def _observed(self, ref: Ref, wanted: Desired | None, running: Unfinished) -> Observed | None:
        read = self._kinds[ref.kind].read(self._cloud, ref.name)
        if read is None:
            return None
        owner = owner_of(read.body)
        if owner not in (None, self._owner, self._shared.owner):
            if wanted is None:
                return None
            raise DeployError(
                f"{ref} belongs to deployment `{owner}`", "rename the flow, or undeploy that one"
            )
        if owner is None and wanted is None and _has_tags(ref):
            return None
        written = None if wanted is None else wanted.body
        body = as_written(self._cloud, written, read.body)
        plan = ref.name.rpartition("/plans/")[2] if "/plans/" in ref.name else ""
        return Observed(ref, body, plan, self._edited(read, wanted), running.need(ref))

    def _edited(self, read: Found, wanted: Desired | None) -> dict[str, str]:
        """Return what was edited by hand: all that differs, if flowc wrote what it wants now."""
        if wanted is None or not read.stamp:
            return {}
        if read.stamp != stamp_of(self._cloud.local(dict(wanted.body))):
            return {}
        return dict.fromkeys([*wanted.body, *read.body], "somebody, by hand")

    def apply(self, change: Change) -> None:
        """Create or update the object of ``change``."""
        assert change.desired is not None
        body = self._cloud.local(dict(change.desired.body))
        self._kinds[change.ref.kind].write(self._cloud, change.ref.name, body)

    def delete(self, change: Change) -> None:
        """Delete the object of ``change``."""
        self._kinds[change.ref.kind].delete(self._cloud, change.ref.name)

    # runs

    def start(self, start: Start) -> EngineRun:
        """Start a run of what is live."""
        return executions.start_run(self._cloud, self._base, start)

    def runs(self, keep: Iterable[RunState] = ()) -> Iterator[EngineRun]:
        """Return the runs that Step Functions knows: those that ended at most 90 days ago."""
        return executions.list_runs(self._cloud, self._base, keep)

    def run(self, key_or_name: str) -> EngineRun | None:
        """Return one run."""
        return executions.find_run(self._cloud, self._base, key_or_name)

    def stop(self, run: EngineRun) -> None:
        """Abort the run's execution."""
        executions.stop_run(self._cloud, run)

    def forget_runs(self) -> None:
        """Do nothing: executions are kept for 90 days, or until their machine is deleted."""

    def logs(self, run: EngineRun, units: Sequence[str], follow: bool) -> Iterator[LogLine]:
        """Yield what units printed."""
        from flowc_targets.step_functions.deploy.logs import read_logs

        return read_logs(self._cloud, self._base, run, units, follow)

    # schedules

    def suspended(self) -> bool:
        """Whether the schedules are suspended."""
        return kinds_events.is_suspended(self._cloud, self._base)

    def suspend(self, on: bool) -> None:
        """Suspend the schedules, or let them go on; new ones are told by the group's tag."""
        if ScheduleGroups().read(self._cloud, self._base) is None:
            raise DeployError(f"`{self._base}` has no schedules here", "give the flow `triggers`")
        arn = kinds_events.group_arn(self._cloud, self._base)
        tag = [{"Key": SUSPENDED, "Value": "true" if on else "false"}]
        self._cloud.call("scheduler", "tag_resource", ResourceArn=arn, Tags=tag)
        schedules = Schedules()
        for name in schedules.names(self._cloud, self._base):
            found = schedules.read(self._cloud, name)
            if found is not None:
                schedules.put(self._cloud, name, found.body, "DISABLED" if on else "ENABLED")

    def close(self) -> None:
        """Nothing has to be given back."""


def _machines_of(desired: Sequence[Desired]) -> dict[str, Any]:
    """Return the definitions that are wanted, by machine; none if the flow is to be taken down."""
    machines = [one for one in desired if one.ref.kind == objects.STATE_MACHINE]
    return {one.ref.name: one.body["Definition"] for one in machines}


def as_written(cloud: Cloud, written: Any, read: Any) -> Any:
    """Return what was read, in the words of what is wanted where they mean the same here."""
    if cloud.local(written) == read and written is not None:
        return written
    if isinstance(written, dict) and isinstance(read, dict):
        return {key: as_written(cloud, written.get(key), inner) for key, inner in read.items()}
    if isinstance(written, list) and isinstance(read, list):
        pairs = zip([*written, *([None] * len(read))], read, strict=False)
        return [as_written(cloud, before, inner) for before, inner in pairs]
    return cloud.neutral(read)


_UNTAGGED = frozenset(
    {
        objects.OBJECT, objects.ROLE_POLICY, objects.FUNCTION_ALIAS, objects.PERMISSION,
        objects.STATE_MACHINE_ALIAS, SCHEDULE, SCALABLE_TARGET, SCALING_POLICY,
    }
)  # fmt: skip
"""Kinds that have no tags: whose they are is told by what they are inside of."""


def _has_tags(ref: Ref) -> bool:
    return ref.kind not in _UNTAGGED
