"""What runs that are under way need: what their definition names, until they have ended."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowc_targets.step_functions.deploy import objects as kinds
from flowc_targets.step_functions.deploy.cloud import GONE, Refused
from flowc_targets.step_functions.deploy.kinds_machine import machine_arn
from flowc_targets.step_functions.deploy.schedules import SCHEDULE, SCHEDULE_GROUP

if TYPE_CHECKING:
    from flowc.deploy.model import Ref
    from flowc_targets.step_functions.deploy.cloud import Cloud

_FREE = (kinds.STATE_MACHINE_ALIAS, SCHEDULE, SCHEDULE_GROUP)
"""Kinds that start runs, and that no run needs once it was started."""

_PLAN = re.compile(r'"plan":\s*"([0-9a-f]{64})"')
_VERSION = re.compile(r'"version":\s*"(p-[0-9a-f]{12})"')


@dataclass(slots=True)
class Unfinished:
    """Runs under way: the name of one of them by what it needs.

    ``plans``, ``versions``: as the runs' definitions name them. ``any``: one run at all.
    """

    any: str = ""
    plans: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def need(self, ref: Ref) -> str:
        """Return why an object has to stay, empty if it has not."""
        run = self._run(ref)
        return f"run {run} is not finished" if run else ""

    def _run(self, ref: Ref) -> str:
        if not self.any or ref.kind in _FREE:
            return ""
        if ref.kind == kinds.OBJECT:
            return self.plans.get(ref.name.rpartition("/")[2], "")
        if ref.kind in (kinds.FUNCTION_ALIAS, kinds.JOB_DEFINITION, kinds.TASK_DEFINITION):
            return self.versions.get(f"p-{ref.name.rpartition('p-')[2]}", "")
        return self.any


def unfinished(cloud: Cloud, base: str) -> Unfinished:
    """Return what the runs under way need; each definition is read once."""
    found = Unfinished()
    arn = machine_arn(cloud, base)
    running = cloud.pages(
        "stepfunctions", "list_executions", "executions",
        stateMachineArn=arn, statusFilter="RUNNING",
    )  # fmt: skip
    seen: set[str] = set()
    try:
        for one in running:
            name = str(one["name"])
            found.any = found.any or name
            version = one.get("stateMachineVersionArn")
            if version is None or version not in seen:
                seen.add(version or "")
                _note(found, name, _definition(cloud, one["executionArn"]))
    except Refused as error:
        if error.code not in GONE:
            raise
    return found


def _definition(cloud: Cloud, execution: str) -> str:
    got = cloud.call(
        "stepfunctions", "describe_state_machine_for_execution", executionArn=execution
    )
    return json.dumps(json.loads(got["definition"]))


def _note(found: Unfinished, run: str, definition: str) -> None:
    for plan in _PLAN.findall(definition):
        found.plans.setdefault(plan, run)
    for version in _VERSION.findall(definition):
        found.versions.setdefault(version, run)
