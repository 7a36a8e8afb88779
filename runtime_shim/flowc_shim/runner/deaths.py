"""What an engine says about a container that ended badly, in its own words.

Step Functions gives ``Error`` and ``Cause``; for a Batch job or an ECS task the cause is its whole
description as JSON (https://docs.aws.amazon.com/step-functions/latest/dg/connect-batch.html).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from flowc_shim.components.ecs_task import UNIT_CONTAINER
from flowc_shim.contract.errors import ErrorClass, ErrorInfo
from flowc_shim.contract.verdict import ExitCode
from flowc_shim.runner.attempts import DIED

MAX_MESSAGE = 1_000
"""Characters of the engine's words that a record keeps."""

_ORDERLY = frozenset({ExitCode.RETRY_USER, ExitCode.RETRY_PLATFORM, ExitCode.RETRY_TIMEOUT})
_OUT_OF_MEMORY = re.compile(r"\boom|out ?of ?memory", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Death:
    """``job``: the id of the job that died, "" if the engine names none."""

    message: str = ""
    exit_code: int | None = None
    job: str = ""

    @property
    def is_orderly(self) -> bool:
        """Whether the shim itself ended so, having written how its attempt failed."""
        return self.exit_code in _ORDERLY

    @property
    def is_contract(self) -> bool:
        """Whether the shim refused to work: plan, store or arguments are wrong."""
        return self.exit_code == ExitCode.CONTRACT

    def error(self, attempt: int) -> ErrorInfo:
        """Return the death as the error of attempt number ``attempt``."""
        message = self.message or "the process that ran the attempt died"
        data = {"job": self.job} if self.job else None
        if _OUT_OF_MEMORY.search(message):
            return ErrorInfo(ErrorClass.PLATFORM, "OOM", message, "OutOfMemory", data, attempt)
        code, kind = ("CONTRACT", "Contract") if self.is_contract else (DIED, "ShimDied")
        return ErrorInfo(
            ErrorClass.PLATFORM, code, message, kind, data, attempt, final=self.is_contract
        )


def read_death(cause: str) -> Death:
    """Return what ``cause`` (``<error>: <cause>``, or any text) says.

    >>> read_death('States.TaskFailed: {"JobId": "7", "Container": {"ExitCode": 137}}')
    Death(message='exit code 137', exit_code=137, job='7')
    """
    start = cause.find("{")
    try:
        job = json.loads(cause[start:]) if start >= 0 else None
    except ValueError:
        job = None
    if not isinstance(job, dict):
        return Death(cause[:MAX_MESSAGE])
    job = _lower(job)
    if "taskarn" in job:
        return _task_death(job)
    if "jobid" not in job:
        return Death(cause[:MAX_MESSAGE])
    container = job.get("container") or {}
    code = container.get("exitcode")
    said = [job.get("statusreason"), container.get("reason")]
    said.append(None if code is None else f"exit code {code}")
    message = "; ".join(str(part) for part in dict.fromkeys(said) if part)
    return Death(message[:MAX_MESSAGE], code if isinstance(code, int) else None, str(job["jobid"]))


def _task_death(task: dict[str, Any]) -> Death:
    """Return what an ECS task says of its end; of its containers, what the shim's says."""
    containers = [_lower(one) for one in task.get("containers") or () if isinstance(one, dict)]
    own = [one for one in containers if one.get("name") == UNIT_CONTAINER]
    container = next(iter(own or containers), {})
    code = container.get("exitcode")
    said = [task.get("stoppedreason"), container.get("reason")]
    said.append(None if code is None else f"exit code {code}")
    message = "; ".join(str(part) for part in dict.fromkeys(said) if part)
    return Death(message[:MAX_MESSAGE], code if isinstance(code, int) else None, task["taskarn"])


def _lower(value: dict[str, Any]) -> dict[str, Any]:
    """Return ``value`` with keys in lower case, its members' too: services differ in spelling."""
    return {
        key.lower(): {k.lower(): v for k, v in member.items()}
        if isinstance(member, dict)
        else member
        for key, member in value.items()
    }
