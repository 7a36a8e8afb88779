"""What a unit tells the engine: a small, total, versioned answer, and the process exit codes.

The engine sees nothing else of a run. A verdict that is missing means "start the container and
let it decide", never "no".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any

VERDICT_VERSION = 1


class Status(str, Enum):
    """What became of a unit, as far as the engine has to know."""

    DONE = "done"
    """Every step of the unit is decided and none failed unhandled."""
    RETRY = "retry"
    """An attempt failed, the budget allows another, after ``retry_wait`` seconds."""
    FINAL = "final"
    """A step failed and its failure is committed: running the unit again changes nothing."""
    NOT_STARTED = "not_started"
    """Nothing ran: a dependency failed, or the run was already failing."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of a unit (or of ``decide``).

    ``error_class``: class of the failure, ``""`` without one. ``go``: whether the unit that was
    asked about should start. ``count``: items of a loop that was opened, 0 otherwise.
    ``retry_wait``: seconds, 0 unless ``status`` is ``retry``.
    """

    status: Status
    error_class: str = ""
    go: bool = True
    count: int = 0
    retry_wait: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the wire form; every key is always present."""
        return {
            "v": VERDICT_VERSION,
            "status": self.status.value,
            "class": self.error_class,
            "go": self.go,
            "count": self.count,
            "retry_wait": self.retry_wait,
        }


class ExitCode(IntEnum):
    """Exit codes of ``flowc-shim``; engines retry on any code but the FINAL ones.

    A code that is none of these (137, 1, unknown) is a shim that died: it is retried and counts
    as an attempt of class ``platform``.
    """

    DONE = 0
    RETRY_USER = 101
    RETRY_PLATFORM = 102
    RETRY_TIMEOUT = 103
    FINAL_USER = 111
    FINAL_PLATFORM = 112
    FINAL_TIMEOUT = 113
    NOT_STARTED = 114
    CONTRACT = 115
    """Plan, digest, store or arguments are wrong; running again cannot help."""


FINAL_CODES: tuple[int, ...] = (111, 112, 113, 114, 115)
"""Codes after which an engine must not retry."""


def exit_code(verdict: Verdict) -> ExitCode:
    """Return the process exit code that says the same as ``verdict``."""
    if verdict.status is Status.DONE:
        return ExitCode.DONE
    if verdict.status is Status.NOT_STARTED:
        return ExitCode.NOT_STARTED
    prefix = "RETRY" if verdict.status is Status.RETRY else "FINAL"
    return ExitCode[f"{prefix}_{(verdict.error_class or 'platform').upper()}"]
