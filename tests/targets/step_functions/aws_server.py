"""An AWS in a process of its own: moto's services, functions and jobs as processes below it.

    python -m tests.targets.step_functions.aws_server

Prints one line of JSON, the environment with which a client (or the AWS command line) finds it, and
ends with its standard input. Each line of that is ``FUNCTION EVENT``: the function is invoked, as
EventBridge would, and its answer printed.

Once a second it does what moto does not: what functions printed gets into CloudWatch, and schedules
that are due start their run. Minutes of schedules take ten seconds here.
"""

from __future__ import annotations

import json
import sys
import threading
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tests.compiler.source.test_cron import aws_fires
from tests.targets.step_functions.clouds import Aws

from flowc_targets.step_functions.deploy.schedules import SCHEDULED_TIME

if TYPE_CHECKING:
    from collections.abc import Iterator

MINUTE = 10
"""Seconds that a minute of schedules takes."""


def fire(aws: Aws, at: datetime) -> None:
    """Start the runs of the schedules that are due at ``at``, a whole minute."""
    scheduler, machines = aws.client("scheduler"), aws.client("stepfunctions")
    for one in scheduler.list_schedules()["Schedules"]:
        found = scheduler.get_schedule(GroupName=one["GroupName"], Name=one["Name"])
        local = at.astimezone(ZoneInfo(found["ScheduleExpressionTimezone"]))
        if found["State"] == "ENABLED" and aws_fires(found["ScheduleExpression"], local):
            target = found["Target"]
            text = target["Input"].replace(SCHEDULED_TIME, f"{at:%Y-%m-%dT%H:%M:%SZ}")
            name = f"{one['Name']}-{at:%Y%m%d%H%M}"
            machines.start_execution(stateMachineArn=target["Arn"], name=name, input=text)


@contextmanager
def going_on(aws: Aws) -> Iterator[None]:
    """Do once a second what AWS does by itself."""
    over = threading.Event()

    def work() -> None:
        minute = datetime.now(timezone.utc).replace(second=0, microsecond=0)
        for second in count(1):
            if over.wait(1):
                return
            aws.write_logs()
            if second % MINUTE == 0:
                minute += timedelta(minutes=1)
                fire(aws, minute)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def main() -> None:
    with Aws() as aws, going_on(aws):
        print(json.dumps(aws.engine.child_environment()), flush=True)
        for line in sys.stdin:
            function, _, event = line.partition(" ")
            print(json.dumps(aws.invoke(function, json.loads(event))), flush=True)


if __name__ == "__main__":
    main()
