"""What a pod's status says of the one program that it is there for.

The pod has an init container (``STAGE``), the program, and a container that takes the program's
output when it has ended (``COLLECT``); https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

STAGE, PROGRAM, COLLECT = "stage", "program", "collect"

_NEVER = frozenset({"InvalidImageName", "ErrImageNeverPull"})
"""What the kubelet waits for in vain."""
_TROUBLE = _NEVER | {
    "ErrImagePull",
    "ImagePullBackOff",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
}
"""Reasons why a container waits that may go away, or may not."""

_NOT_STARTED = frozenset({"StartError", "ContainerCannotRun"})
"""The runtime made the container, and its first process could not be started."""


@dataclass(frozen=True, slots=True)
class PodState:
    """``lost``: the pod is, or will be, ended by somebody else: why. ``overdue``: by its deadline.

    ``trouble``: why a container does not start; ``in_vain``: it never will. ``refused``: why the
    program could not be started. ``stage_failed``, ``collect_ended``: how these ended. ``code``:
    the program's exit code once it has ended, with ``reason`` and ``message`` (its last lines).
    """

    lost: str = ""
    overdue: bool = False
    trouble: str = ""
    in_vain: bool = False
    refused: str = ""
    stage_failed: str = ""
    collect_ended: str = ""
    is_running: bool = False
    code: int | None = None
    reason: str = ""
    message: str = ""


def read_pod(pod: Any) -> PodState:
    """Return what the API's ``pod`` says; None is one that is gone."""
    if pod is None:
        return PodState(lost="it was deleted")
    status = pod.get("status") or {}
    overdue = status.get("reason") == "DeadlineExceeded"
    if not overdue and (lost := _lost(pod, status)):
        return PodState(lost=lost)
    states = dict(_states(status))
    stage, program, collect = (states.get(name, {}) for name in (STAGE, PROGRAM, COLLECT))
    troubled = next(
        (one for one in map(_waiting, states.items()) if one[0] in _TROUBLE), ("", "")
    )  # fmt: skip
    ended = program.get("terminated") or {}
    reason = str(ended.get("reason") or "")
    refused = reason in _NOT_STARTED
    return PodState(
        overdue=overdue,
        trouble=troubled[1],
        in_vain=troubled[0] in _NEVER,
        refused=str(ended.get("message") or reason) if refused else "",
        stage_failed=_end(stage.get("terminated"), but_code=0),
        collect_ended=_end(collect.get("terminated")),
        is_running="running" in program,
        code=int(ended["exitCode"]) if ended and not refused else None,
        reason=reason,
        message=str(ended.get("message") or ""),
    )


def _lost(pod: Any, status: dict[str, Any]) -> str:
    """Return why the pod does not live to its end, empty if it does.

    Whoever deletes or evicts it has the kubelet end its containers, whose exit codes then say
    nothing of the program.
    """
    said = ": ".join(filter(None, (status.get("reason"), status.get("message"))))
    if (pod.get("metadata") or {}).get("deletionTimestamp"):
        return f"it is being deleted{said and f' ({said})'}"
    for condition in status.get("conditions") or ():
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            return str(condition.get("message") or condition.get("reason") or "it is evicted")
    return said if status.get("phase") == "Failed" and status.get("reason") else ""


def _states(status: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in ("initContainerStatuses", "containerStatuses"):
        for one in status.get(kind) or ():
            yield one["name"], one.get("state") or {}


def _waiting(named: tuple[str, dict[str, Any]]) -> tuple[str, str]:
    """Return the reason why a container waits, and that in words."""
    name, state = named
    waiting = state.get("waiting") or {}
    reason = str(waiting.get("reason") or "")
    words = ": ".join(filter(None, (reason, waiting.get("message"))))
    return reason, f"container `{name}`: {words}"


def _end(terminated: Any, but_code: int | None = None) -> str:
    """Return how a container ended, in words; empty if it did not, or with ``but_code``."""
    if not terminated or terminated.get("exitCode") == but_code:
        return ""
    words = f"exit code {terminated.get('exitCode')}"
    message = str(terminated.get("message") or terminated.get("reason") or "")
    return f"{words}{message and f': {message}'}"
