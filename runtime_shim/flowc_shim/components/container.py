"""The ``container`` plugin on this machine: the contract of commands, inside an image.

Needs podman, or docker with a daemon that answers.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowc_shim.components.command import run_program
from flowc_shim.components.command_contract import WorkFolder, command_line, program_of
from flowc_shim.components.environment import scrubbed_environment
from flowc_shim.contract.errors import FlowError, final_error, platform_error

if TYPE_CHECKING:
    from flowc_shim.components.api import Call, CallHost
    from flowc_shim.contract.json_types import Json

_MOUNT = "/flowc"
_ASK_SECONDS = 10.0
_STOP_SECONDS = 1
_REMOVE_SECONDS = 30.0
_RUNTIME_FAILED = "EXIT_125"
"""Both command lines end so when the container could not be made: no image, no such device."""


class ContainerClient:
    """Runs the images of ``components: {/name: {image, command, args, env}}``."""

    def __init__(self, name: str, config: dict[str, Any], working_directory: str) -> None:
        self._name = name
        self._components = config.get("components")
        self._working_directory = working_directory
        self._runtime: str | None = None

    def call(self, call: Call, host: CallHost) -> Json:
        """Run a container; raises FlowError as commands do, and two of its own.

        ``NO_CONTAINER_RUNTIME`` (user, final) without podman or docker; ``CONTAINER_START``
        (platform) when the runtime could not make the container.
        """
        program = program_of(self._name, call.component, self._components)
        if not program.get("image"):
            raise final_error("CONFIGURATION", f"{call.component} has no `image`")
        if self._runtime is None:
            self._runtime = find_runtime()
        name = f"flowc-{uuid.uuid4().hex[:16]}"
        with WorkFolder(call, host, seen_at=_MOUNT) as work:
            own = {key: str(value) for key, value in (program.get("env") or {}).items()}
            own.update(work.environment(call))
            words = _run_line(self._runtime, name, str(work.path), own, program)
            # By name only on the command line, which others on the machine can read.
            try:
                run_program(call, words, scrubbed_environment(own), self._working_directory)
            except FlowError as error:
                if not error.info.code.startswith("EXIT_"):
                    self._remove(name)
                raise _start_failure(error) from error
            return work.output(call.component)

    def close(self) -> None:
        """Nothing outlives a call."""

    def _remove(self, name: str) -> None:
        """Remove a container whose command line was ended; the runtime would let it run on."""
        assert self._runtime is not None
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            _ask([self._runtime, "rm", "--force", name], _REMOVE_SECONDS)


def find_runtime() -> str:
    """Return the command line to use; raises FlowError NO_CONTAINER_RUNTIME."""
    podman = shutil.which("podman")
    if podman is not None:
        return podman
    docker = shutil.which("docker")
    if docker is not None and _answers([docker, "info"]):
        return docker
    found = "docker is there, but its daemon does not answer" if docker else "neither is there"
    raise final_error(
        "NO_CONTAINER_RUNTIME", f"`container` components need podman or docker: {found}"
    )


def _run_line(
    runtime: str, name: str, folder: str, env: dict[str, str], program: dict[str, Any]
) -> list[str]:
    words = [runtime, "run", "--rm", "--name", name, "--volume", f"{folder}:{_MOUNT}"]
    # Runtimes wait ten seconds by default for a container to end when it is removed.
    words += ["--stop-timeout", str(_STOP_SECONDS)]
    # As whoever runs this, whatever user the image names: the folder is theirs. To docker that is a
    # number; podman's root is whoever started it.
    user = f"{os.getuid()}:{os.getgid()}" if Path(runtime).name == "docker" else "0:0"
    words += ["--user", user]
    for key in env:
        words += ["--env", key]
    command = command_line({"command": program.get("command")})
    if command:
        words += ["--entrypoint", command[0]]
    return [
        *words,
        str(program["image"]),
        *command[1:],
        *command_line({"args": program.get("args")}),
    ]


def _start_failure(error: FlowError) -> FlowError:
    if error.info.code != _RUNTIME_FAILED:
        return error
    return platform_error("CONTAINER_START", error.info.message, data=error.info.data)


def _answers(words: list[str]) -> bool:
    try:
        return _ask(words, _ASK_SECONDS) == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _ask(words: list[str], seconds: float) -> int:
    return subprocess.run(  # noqa: S603 - the container runtime, found on PATH
        words, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
    ).returncode
