"""What runs that are under way need: what their definition names, until they have ended."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowc_targets.step_functions.deploy import objects as kinds
from flowc_targets.step_functions.deploy.cloud import GONE, Refused
from flowc_targets.step_functions.deploy.kinds_machine import machine_arn, machines_beside
from flowc_targets.step_functions.deploy.schedules import SCHEDULE, SCHEDULE_GROUP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.deploy.model import Ref
    from flowc_targets.step_functions.deploy.cloud import Cloud

_FREE = (kinds.STATE_MACHINE_ALIAS, SCHEDULE, SCHEDULE_GROUP)
"""Kinds that start runs, and that no run needs once it was started."""

_VERSION = re.compile(r'"version":\s*"(p-[0-9a-f]{12})"')
_FUNCTION = re.compile(r'"FunctionName":\s*"([^"]+)"')
_MACHINE = re.compile(r'(?:"machine":\s*"|:stateMachine:)([\w-]+)')
_LOGS = "/aws/lambda/"


@dataclass(slots=True)
class Unfinished:
    """Runs under way of other definitions than the one that is wanted: one by each thing needed.

    ``functions``, ``versions``, ``machines``: as the runs' definitions name them, and the machines
    that they are of. ``other``: any such run.
    """

    other: str = ""
    functions: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    machines: dict[str, str] = field(default_factory=dict)
    beside: frozenset[str] = frozenset()

    def need(self, ref: Ref) -> str:
        """Return why an object has to stay, empty if it has not."""
        run = self._run(ref)
        return f"run {run} is not finished" if run else ""

    def _run(self, ref: Ref) -> str:
        if not self.other or ref.kind in _FREE:
            return ""
        if ref.kind == kinds.STATE_MACHINE and ref.name in self.beside:
            return self.machines.get(ref.name, "")
        function, _, version = ref.name.removeprefix(_LOGS).partition(":")
        if ref.kind == kinds.FUNCTION_ALIAS:
            return self.versions.get(version, "") and self.functions.get(function, "")
        if ref.kind in (kinds.JOB_DEFINITION, kinds.TASK_DEFINITION):
            return self.versions.get(f"p-{ref.name.rpartition('-p-')[2]}", "")
        is_unit = not function.endswith("-sweep")
        if is_unit and (ref.kind == kinds.FUNCTION or ref.name.startswith(_LOGS)):
            return self.functions.get(function, "")
        return self.other


def unfinished(cloud: Cloud, base: str, wanted: Mapping[str, Any]) -> Unfinished:
    """Return what the runs under way need, those aside that have the definition that is wanted.

    ``wanted``: definitions by the names of their machines.
    """
    found = Unfinished(beside=frozenset(machines_beside(cloud, base)))
    for machine in (base, *sorted(found.beside)):
        _look(cloud, machine, wanted.get(machine), found)
    return found


def _look(cloud: Cloud, machine: str, wanted: Any, found: Unfinished) -> None:
    """Note what the executions of one machine need; each version of it is read once."""
    arn = machine_arn(cloud, machine)
    running = cloud.pages(
        "stepfunctions", "list_executions", "executions",
        stateMachineArn=arn, statusFilter="RUNNING",
    )  # fmt: skip
    seen: set[str] = set()
    try:
        for one in running:
            version = one.get("stateMachineVersionArn")
            if version is None or version not in seen:
                seen.add(version or "")
                definition = _definition(cloud, one["executionArn"])
                if definition != wanted:
                    _note(found, str(one["name"]), json.dumps(definition), machine)
    except Refused as error:
        if error.code not in GONE:
            raise


def _definition(cloud: Cloud, execution: str) -> Any:
    got = cloud.call(
        "stepfunctions", "describe_state_machine_for_execution", executionArn=execution
    )
    return json.loads(got["definition"])


def _note(found: Unfinished, run: str, definition: str, machine: str) -> None:
    found.other = found.other or run
    for needed in (machine, *_MACHINE.findall(definition)):
        found.machines.setdefault(needed, run)
    for function in _FUNCTION.findall(definition):
        found.functions.setdefault(function, run)
    for version in _VERSION.findall(definition):
        found.versions.setdefault(version, run)
