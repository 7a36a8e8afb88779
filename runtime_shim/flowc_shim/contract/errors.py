"""Errors of a run: classes, codes, and the exception that carries one.

The classes and what belongs to each are section 5 of ``docs/language.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json


class ErrorClass(str, Enum):
    """What kind of failure it was; decides the retry budget that counts."""

    USER = "user"
    PLATFORM = "platform"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """One failure, as ``retry.if`` and records see it.

    ``final`` marks errors of class ``user`` that no retry can mend (component not found, invalid
    input, an expression that fails): they never count against a budget, they end the step.
    """

    error_class: ErrorClass
    code: str
    message: str
    type: str = ""
    data: Json = None
    attempt: int = 0
    final: bool = False

    def with_attempt(self, attempt: int) -> ErrorInfo:
        """Return the same error, stamped with the attempt (1-based) that it ended."""
        return replace(self, attempt=attempt)

    def to_json(self) -> dict[str, Any]:
        """Return the error in the shape that expressions (``error.code`` …) and records use."""
        return {
            "class": self.error_class.value,
            "code": self.code,
            "type": self.type,
            "message": self.message,
            "data": self.data,
            "attempt": self.attempt,
            "final": self.final,
        }

    @staticmethod
    def from_json(raw: dict[str, Any]) -> ErrorInfo:
        """Read back what :meth:`to_json` wrote."""
        return ErrorInfo(
            error_class=ErrorClass(raw["class"]),
            code=raw["code"],
            message=raw["message"],
            type=raw.get("type", ""),
            data=raw.get("data"),
            attempt=raw.get("attempt", 0),
            final=raw.get("final", False),
        )


@dataclass(eq=False)
class FlowError(Exception):
    """An :class:`ErrorInfo` on its way up."""

    info: ErrorInfo
    args: tuple[Any, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.args = (self.info.message,)

    def __str__(self) -> str:
        return f"{self.info.error_class.value} {self.info.code}: {self.info.message}"


def user_error(code: str, message: str, *, type: str = "", data: Json = None) -> FlowError:
    """Build an error of class ``user`` that a ``retry.user`` budget may retry."""
    return FlowError(ErrorInfo(ErrorClass.USER, code, message, type, data))


def final_error(code: str, message: str, *, type: str = "", data: Json = None) -> FlowError:
    """Build an error of class ``user`` that is never retried."""
    return FlowError(ErrorInfo(ErrorClass.USER, code, message, type, data, final=True))


def platform_error(code: str, message: str, *, type: str = "", data: Json = None) -> FlowError:
    """Build an error of class ``platform``: the infrastructure failed, not the component."""
    return FlowError(ErrorInfo(ErrorClass.PLATFORM, code, message, type, data))


def timeout_error(message: str) -> FlowError:
    """Build the error of an exceeded step ``timeout``."""
    return FlowError(ErrorInfo(ErrorClass.TIMEOUT, "TIMEOUT", message, "Timeout"))
