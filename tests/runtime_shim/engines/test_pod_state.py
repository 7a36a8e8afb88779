"""What a pod's status says of its program."""

from __future__ import annotations

from typing import Any

import pytest

from flowc_shim.engines.pod_state import PodState, read_pod


def pod(status: dict[str, Any] | None = None, **states: Any) -> dict[str, Any]:
    """A pod whose containers are in ``states``."""
    found = [{"name": name, "state": state} for name, state in states.items()]
    init = [one for one in found if one["name"] == "stage"]
    rest = [one for one in found if one["name"] != "stage"]
    told = {"initContainerStatuses": init, "containerStatuses": rest, **(status or {})}
    return {"metadata": {}, "status": told}


def ended(code: int, **more: Any) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, **more}}


def waits(reason: str) -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": "back-off"}}


EVICTED = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."}
DISRUPTED = {"conditions": [{"type": "DisruptionTarget", "status": "True", "message": "taint"}]}


@pytest.mark.parametrize(
    ("given", "state"),
    [
        (None, PodState(lost="it was deleted")),
        ({"metadata": {}}, PodState()),
        (pod({"phase": "Pending"}, stage=waits("PodInitializing")), PodState()),
        (pod(program={"running": {}}), PodState(is_running=True)),
        (pod(program=ended(0, reason="Completed")), PodState(code=0, reason="Completed")),
        (
            pod(program=ended(3, reason="Error", message="why")),
            PodState(code=3, reason="Error", message="why"),
        ),
        (pod(program=ended(137, reason="OOMKilled")), PodState(code=137, reason="OOMKilled")),
        # whoever ends the pod ends its containers, and their codes say nothing
        (
            pod(EVICTED, program=ended(137, reason="Error")),
            PodState(lost="Evicted: The node was low on memory."),
        ),
        (pod(DISRUPTED, program=ended(143, reason="Error")), PodState(lost="taint")),
        (
            {**pod(program=ended(143)), "metadata": {"deletionTimestamp": "now"}},
            PodState(lost="it is being deleted"),
        ),
        (
            pod({"phase": "Failed", "reason": "DeadlineExceeded"}, program=ended(137)),
            PodState(overdue=True, code=137),
        ),
        (
            pod(program=waits("ImagePullBackOff")),
            PodState(trouble="container `program`: ImagePullBackOff: back-off"),
        ),
        (
            pod(stage=waits("InvalidImageName")),
            PodState(trouble="container `stage`: InvalidImageName: back-off", in_vain=True),
        ),
        (
            pod(program=ended(128, reason="StartError", message="no such file")),
            PodState(refused="no such file", reason="StartError", message="no such file"),
        ),
        (
            pod({"phase": "Failed"}, stage=ended(1, message="no store")),
            PodState(stage_failed="exit code 1: no store"),
        ),
        (pod(stage=ended(0)), PodState()),
        (
            pod(program=ended(0), collect=ended(137, reason="OOMKilled")),
            PodState(code=0, collect_ended="exit code 137: OOMKilled"),
        ),
    ],
)  # fmt: skip
def test_read_pod(given: Any, state: PodState) -> None:
    assert read_pod(given) == state
