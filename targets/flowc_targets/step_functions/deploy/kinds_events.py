"""Rules of EventBridge, and schedules of EventBridge Scheduler in their group."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flowc_targets.step_functions.deploy.cloud import Refused
from flowc_targets.step_functions.deploy.kinds import (
    Body,
    Found,
    found,
    stamp_of,
    stamped,
    tag_list,
    tag_map,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_targets.step_functions.deploy.cloud import Cloud

SUSPENDED = "flowc:suspended"
"""The group's tag while its schedules are suspended: also new ones are then made so."""

_LATER = frozenset({"ConflictException"})


class Rules:
    """Rules on the default bus."""

    def names(self, cloud: Cloud, base: str) -> Iterator[str]:
        """Yield the sweeper's rules."""
        for what in ("ended", "sweep"):
            if cloud.find("events", "describe_rule", Name=f"{base}-{what}") is not None:
                yield f"{base}-{what}"

    def read(self, cloud: Cloud, name: str) -> Found | None:
        """Return what the rule waits for and what it invokes."""
        got = cloud.find("events", "describe_rule", Name=name)
        if got is None:
            return None
        body: Body = {}
        if got.get("EventPattern"):
            body["EventPattern"] = json.loads(got["EventPattern"])
        if got.get("ScheduleExpression"):
            body["ScheduleExpression"] = got["ScheduleExpression"]
        if got.get("State", "ENABLED") != "ENABLED":
            body["State"] = got["State"]
        targets = cloud.pages("events", "list_targets_by_rule", "Targets", Rule=name)
        body["Targets"] = list(targets)
        tags = cloud.call("events", "list_tags_for_resource", ResourceARN=got["Arn"])["Tags"]
        return found(body, tag_map(tags))

    def write(self, cloud: Cloud, name: str, body: Body) -> None:
        """Put the rule with its one target."""
        when: dict[str, Any] = {}
        if "EventPattern" in body:
            when["EventPattern"] = json.dumps(body["EventPattern"])
        else:
            when["ScheduleExpression"] = body["ScheduleExpression"]
        arn = cloud.call("events", "put_rule", Name=name, State="ENABLED", **when)["RuleArn"]
        wanted = {target["Id"] for target in body["Targets"]}
        there = cloud.pages("events", "list_targets_by_rule", "Targets", Rule=name)
        others = [target["Id"] for target in there if target["Id"] not in wanted]
        cloud.call("events", "put_targets", Rule=name, Targets=body["Targets"])
        if others:
            cloud.call("events", "remove_targets", Rule=name, Ids=others)
        cloud.call("events", "tag_resource", ResourceARN=arn, Tags=tag_list(stamped(body)))

    def delete(self, cloud: Cloud, name: str) -> None:
        """Delete the rule; its targets have to go first."""
        if cloud.find("events", "describe_rule", Name=name) is None:
            return
        targets = cloud.pages("events", "list_targets_by_rule", "Targets", Rule=name)
        ids = [target["Id"] for target in targets]
        if ids:
            cloud.forget("events", "remove_targets", Rule=name, Ids=ids)
        cloud.forget("events", "delete_rule", Name=name)


class ScheduleGroups:
    """The group of a flow's schedules."""

    def names(self, cloud: Cloud, base: str) -> Iterator[str]:
        """Yield the group, if it is there."""
        if self.read(cloud, base) is not None:
            yield base

    def read(self, cloud: Cloud, name: str) -> Found | None:
        """Return whose the group is."""
        got = cloud.find("scheduler", "get_schedule_group", Name=name)
        if got is None or got.get("State") == "DELETING":
            return None
        tags = group_tags(cloud, name)
        tags.pop(SUSPENDED, None)
        return found({}, tags)

    def write(self, cloud: Cloud, name: str, body: Body) -> None:
        """Create the group, or tag it."""
        tags = tag_list(stamped(body))
        try:
            # A group of this name may be on its way out, with the schedules in it.
            cloud.settle(_LATER, "scheduler", "create_schedule_group", Name=name, Tags=tags)
        except Refused as error:
            if error.code != "ConflictException" or self.read(cloud, name) is None:
                raise
            arn = group_arn(cloud, name)
            cloud.call("scheduler", "tag_resource", ResourceArn=arn, Tags=tags)

    def delete(self, cloud: Cloud, name: str) -> None:
        """Delete the group with its schedules."""
        cloud.forget("scheduler", "delete_schedule_group", Name=name)


class Schedules:
    """Schedules, named ``group/schedule``. Whether one is suspended is no part of its body."""

    def names(self, cloud: Cloud, base: str) -> Iterator[str]:
        """Yield the schedules in the group of this base."""
        if cloud.find("scheduler", "get_schedule_group", Name=base) is None:
            return
        for one in cloud.pages("scheduler", "list_schedules", "Schedules", GroupName=base):
            yield f"{base}/{one['Name']}"

    def read(self, cloud: Cloud, name: str) -> Found | None:
        """Return when the schedule fires, and what with."""
        got = self._get(cloud, name)
        if got is None:
            return None
        target = dict(got["Target"])
        target["Input"] = json.loads(target.get("Input") or "null")
        body = {
            "ScheduleExpression": got["ScheduleExpression"],
            "ScheduleExpressionTimezone": got.get("ScheduleExpressionTimezone", "UTC"),
            "FlexibleTimeWindow": got["FlexibleTimeWindow"],
            "Target": target,
        }
        return Found(body, got.get("Description") or "")

    @staticmethod
    def _get(cloud: Cloud, name: str) -> dict[str, Any] | None:
        group, _, schedule = name.partition("/")
        return cloud.find("scheduler", "get_schedule", GroupName=group, Name=schedule)

    def write(self, cloud: Cloud, name: str, body: Body) -> None:
        """Create or update the schedule; a suspended one stays so."""
        there = self._get(cloud, name)
        if there is not None:
            self.put(cloud, name, body, there.get("State", "ENABLED"))
            return
        suspended = is_suspended(cloud, name.partition("/")[0])
        self.put(cloud, name, body, "DISABLED" if suspended else "ENABLED")

    @staticmethod
    def put(cloud: Cloud, name: str, body: Body, state: str) -> None:
        """Create or update the schedule in a state; an update replaces all of it."""
        group, _, schedule = name.partition("/")
        target = {**body["Target"], "Input": json.dumps(body["Target"]["Input"])}
        whole = {
            **body, "Target": target, "GroupName": group, "Name": schedule, "State": state,
            "Description": stamp_of(body),
        }  # fmt: skip
        cloud.put(
            _LATER,
            lambda: cloud.settle(_SPREADING, "scheduler", "create_schedule", **whole),
            lambda: cloud.settle(_SPREADING, "scheduler", "update_schedule", **whole),
        )

    def delete(self, cloud: Cloud, name: str) -> None:
        """Delete the schedule."""
        group, _, schedule = name.partition("/")
        cloud.forget("scheduler", "delete_schedule", GroupName=group, Name=schedule)


_SPREADING = frozenset({"ValidationException"})
"""Said while the role that it takes has just been made."""


def group_arn(cloud: Cloud, group: str) -> str:
    """Return a schedule group's ARN."""
    return cloud.arn("scheduler", f"schedule-group/{group}")


def group_tags(cloud: Cloud, group: str) -> dict[str, str]:
    """Return the tags of a group, none if it is not there."""
    arn = group_arn(cloud, group)
    got = cloud.find("scheduler", "list_tags_for_resource", ResourceArn=arn)
    tags: dict[str, str] = tag_map((got or {}).get("Tags") or ())
    return tags


def is_suspended(cloud: Cloud, group: str) -> bool:
    """Whether the schedules of a group are suspended."""
    return group_tags(cloud, group).get(SUSPENDED) == "true"
