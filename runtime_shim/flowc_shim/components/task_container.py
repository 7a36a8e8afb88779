"""The ``container`` plugin in an ECS task: the program's image is another container of the task.

It waits for a third container, the *gate*, to end well, which that does when a file is in the
folder that all of them share. So the program begins when its input is there, and never if its step
does not run. How it ended is asked of ECS. A container cannot be started twice: the next attempt is
another task's.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from flowc_shim.components.command_contract import WorkFolder, exit_error
from flowc_shim.components.ecs_task import (
    ENDPOINT,
    FOLDER,
    GATE,
    GATE_CONTAINER,
    PROGRAM,
    PROGRAM_CONTAINER,
    Container,
    read_containers,
)
from flowc_shim.components.limits import Limits
from flowc_shim.contract.errors import final_error, platform_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_shim.components.api import Call, CallHost
    from flowc_shim.contract.json_types import Json

POLL_SECONDS = 0.5
"""The endpoint takes 40 requests a second of a task."""

SILENT_SECONDS = 60.0
"""How long ECS may say nothing of the task before its program is taken for lost."""


def is_in_task(environ: Mapping[str, str]) -> bool:
    """Whether this process runs in a task that has a program's container."""
    return PROGRAM in environ and ENDPOINT in environ


class TaskContainerClient:
    """Lets the task's program run, once."""

    def __init__(self, name: str, environ: Mapping[str, str]) -> None:
        self._name = name
        self._component = environ[PROGRAM]
        self._endpoint = environ[ENDPOINT]
        self._folder = Path(environ[FOLDER])
        self.used_up = False

    def call(self, call: Call, host: CallHost) -> Json:
        """Let the program run to its end; raises FlowError as commands do, and two of its own.

        PLATFORM: ``CONTAINER_START`` if it never ran, ``CONTAINER_LOST`` if ECS does not say how it
        ended. Final: ``CONFIGURATION`` for a component that has no container here, and for a second
        call.
        """
        if call.component != self._component:
            raise final_error(
                "CONFIGURATION",
                f"plugin `{self._name}`: this task has no image of {call.component}",
            )
        if self.used_up:
            raise final_error("CONFIGURATION", f"{call.component} can run once in a task, and did")
        self.used_up = True
        limits = Limits(call)
        with WorkFolder(call, host, at=self._folder) as work:
            _let_anybody_write(work.path)
            (work.path / GATE).touch()
            code = self._await_end(call.component, limits)
            failure = exit_error(call.component, code, [])
            if failure is not None:
                raise failure
            return work.output(call.component)

    def close(self) -> None:
        """The program ends with the task, which ends with this process."""

    def _await_end(self, component: str, limits: Limits) -> int:
        heard = time.monotonic()
        while True:
            limits.pause(POLL_SECONDS)
            try:
                containers = read_containers(self._endpoint)
                heard = time.monotonic()
            except (OSError, ValueError) as error:
                if time.monotonic() - heard > SILENT_SECONDS:
                    message = f"ECS does not say what became of {component}: {error}"
                    raise platform_error("CONTAINER_LOST", message) from error
                continue
            code = _exit_code(component, containers)
            if code is not None:
                return code


def _exit_code(component: str, containers: Mapping[str, Container]) -> int | None:
    """Return how the program ended, None before; raises FlowError if it never will."""
    program = containers.get(PROGRAM_CONTAINER)
    if program is not None and program.exit_code is not None:
        return program.exit_code
    if program is not None and program.stopped:
        raise platform_error("CONTAINER_START", f"the container of {component} was not started")
    gate = containers.get(GATE_CONTAINER)
    # ECS lets a container wait for ever for one that did not end well.
    if gate is not None and gate.stopped and gate.exit_code != 0:
        message = f"{component} was not started: what it waited for ended with {gate.exit_code}"
        raise platform_error("CONTAINER_START", message)
    return None


def _let_anybody_write(folder: Path) -> None:
    """Let the program, whoever it runs as, read and write in the folder that it shares."""
    for path in (folder, *folder.iterdir()):
        with contextlib.suppress(PermissionError):  # it may be allowed already, by whoever owns it
            path.chmod(0o777 if path.is_dir() else 0o644)


def await_file(path: Path, seconds: float = 0.2) -> None:
    """Return when there is a file at ``path``: what the gate does."""
    while not os.path.lexists(path):
        time.sleep(seconds)
