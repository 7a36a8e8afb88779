"""The ECS task that a shim runs in: what its containers are, and what became of them.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate-response.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass

ENDPOINT = "ECS_CONTAINER_METADATA_URI_V4"
"""The variable with the address at which a container asks about its task; ECS sets it."""

PROGRAM = "FLOWC_PROGRAM"
"""The component whose image this task has beside the shim; there is one at most."""

FOLDER = "FLOWC_TASK_FOLDER"
"""Where the folder is mounted that the containers of the task share."""

UNIT_CONTAINER = "unit"
"""The container that runs the shim; the task ends with it."""

GATE_CONTAINER = "gate"
"""The container that the program's waits for: it ends with 0 when the shim lets the program run."""

PROGRAM_CONTAINER = "program"

SHARED_FOLDER = "/flowc"
"""Where containers have the folder of the call, as everywhere."""

GATE = ".open"
"""The file in that folder which opens the gate."""

_ASK_SECONDS = 5.0
_STOPPED = "STOPPED"


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a task; ``exit_code`` is None for one that never ran, or still does."""

    status: str
    exit_code: int | None = None

    @property
    def stopped(self) -> bool:
        """Whether it has ended, or will never begin."""
        return self.status == _STOPPED


def read_containers(endpoint: str) -> dict[str, Container]:
    """Return the containers of the task by name; raises OSError, ValueError."""
    from urllib.request import ProxyHandler, build_opener

    direct = build_opener(ProxyHandler({}))  # it is on the machine itself: no proxy knows it
    with direct.open(f"{endpoint}/task", timeout=_ASK_SECONDS) as answer:
        task = json.load(answer)
    return {
        str(one["Name"]): Container(str(one.get("KnownStatus")), one.get("ExitCode"))
        for one in task.get("Containers") or ()
    }
