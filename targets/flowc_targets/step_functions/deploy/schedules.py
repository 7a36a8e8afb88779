"""Schedules: a group per flow, in it one or two for each trigger.

EventBridge Scheduler starts the machine's live version with the trigger's input as it is written;
``$trigger`` forms are evaluated by the shim, which gets the scheduled time and the zone beside it.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc.deploy.model import Desired, Phase, Ref
from flowc.source.cron import parse_cron
from flowc_shim.contract.trigger import UTC, schedule_trigger
from flowc_targets.step_functions.cron import scheduler_expressions
from flowc_targets.step_functions.deploy.flow_roles import LIVE, machine_arn, roles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.source.project_model import Trigger
    from flowc_targets.step_functions.deploy.needs import Needs

SCHEDULE_GROUP = "schedule-group"
SCHEDULE = "schedule"
SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
"""Replaced by the service: RFC 3339, in UTC."""

RETRY = {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 185}
"""A run that could not be started within an hour is not started any more."""


def schedules(needs: Needs) -> Iterator[Desired]:
    """Yield the group and the schedules, none if nothing starts the flow."""
    triggers = needs.compilation.triggers
    if not triggers:
        return
    tags = {"Tags": {"flowc:deployment": needs.compilation.name}}
    yield Desired(Ref(SCHEDULE_GROUP, needs.base), tags, Phase.FOLLOW)
    for number, trigger in enumerate(triggers, 1):
        yield from _schedules(needs, f"trigger-{number}", trigger)


def _schedules(needs: Needs, name: str, trigger: Trigger) -> Iterator[Desired]:
    zone = trigger.timezone.value if trigger.timezone else UTC
    target = _target(needs, name, trigger, zone)
    expressions = scheduler_expressions(parse_cron(trigger.cron.value))
    for expression, suffix in zip(expressions, ("", "-weekdays"), strict=False):
        body = {
            "ScheduleExpression": expression,
            "ScheduleExpressionTimezone": zone,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": target,
        }
        yield Desired(Ref(SCHEDULE, f"{needs.base}/{name}{suffix}"), body, Phase.FOLLOW)


def _target(needs: Needs, name: str, trigger: Trigger, zone: str) -> dict[str, Any]:
    schedule = f"{needs.base}/{name}"
    fired = schedule_trigger(SCHEDULED_TIME, zone, trigger.input, schedule)
    return {
        "Arn": f"{machine_arn(needs)}:{LIVE}",
        "RoleArn": roles(needs)["start"].arn,
        "Input": {"input": {}, "trigger": fired},
        "RetryPolicy": RETRY,
    }
