"""The ``command`` plugin: a program of this machine per call."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowc_shim.components.children import Tail, end_group
from flowc_shim.components.command_contract import (
    WorkFolder,
    command_line,
    exit_error,
    program_of,
)
from flowc_shim.components.environment import scrubbed_environment
from flowc_shim.components.limits import POLL_SECONDS, Limits
from flowc_shim.components.together import run_together
from flowc_shim.contract.errors import final_error

if TYPE_CHECKING:
    from flowc_shim.components.api import Call, CallHost
    from flowc_shim.contract.json_types import Json

_STOP_SECONDS = 2.0


class CommandClient:
    """Runs the programs of ``components: {/name: {command, args, env}}``.

    A program starts in the stack's working directory, where its scripts lie; what it writes for
    the step goes to the folders of :mod:`flowc_shim.components.command_contract`.
    """

    def __init__(self, name: str, config: dict[str, Any], working_directory: str) -> None:
        self._name = name
        self._components = config.get("components")
        self._working_directory = working_directory

    def call(self, call: Call, host: CallHost) -> Json:
        """Run a program; raises FlowError.

        USER: ``EXIT_<n>``; final: ``COMPONENT_NOT_FOUND``, ``COMMAND_NOT_FOUND``,
        ``INVALID_OUTPUT``. PLATFORM: ``SIGNAL_<n>``, ``OOM``. TIMEOUT ends the process group.
        """
        program = program_of(self._name, call.component, self._components)
        words = command_line(program)
        if not words:
            raise final_error("CONFIGURATION", f"{call.component} has no `command`")
        folder = str(program.get("working_directory") or self._working_directory)
        if "/" in words[0]:
            words[0] = str(Path(folder, words[0]))

        def run(work: WorkFolder, call: Call, rank: int | None = None) -> None:
            env = scrubbed_environment(program.get("env"))
            env["TMPDIR"] = str(work.path)
            env.update(work.environment(call, rank))
            run_program(call, words, env, folder)

        if not call.hosts:
            with WorkFolder(call, host) as work:
                run(work, call)
                return work.output(call.component)
        with ExitStack() as opened:
            works = [opened.enter_context(WorkFolder(call, host)) for _ in call.ranks]
            placed = zip(works, call.ranks, strict=True)
            run_together(call, [partial(run, work, rank=rank) for work, rank in placed])
            return works[0].output(call.component) if 0 in call.ranks else None

    def close(self) -> None:
        """Nothing outlives a call."""


def run_program(call: Call, words: list[str], env: dict[str, str], folder: str) -> None:
    """Run a program to its end; raises FlowError for any end but exit code 0."""
    limits = Limits(call)
    limits.check()
    try:
        process = subprocess.Popen(  # noqa: S603 - running it is what the stack asks for
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=env,
            start_new_session=True,
        )
    except OSError as error:
        raise final_error("COMMAND_NOT_FOUND", f"{call.component}: {error}") from error
    assert process.stdout is not None and process.stderr is not None
    Tail(process.stdout, forward=True)
    stderr = Tail(process.stderr, forward=True)
    try:
        _await_end(process, limits)
    finally:
        end_group(process, _STOP_SECONDS)
    failure = exit_error(call.component, process.returncode, stderr.lines(wait=0.5))
    if failure is not None:
        raise failure


def _await_end(process: subprocess.Popen[bytes], limits: Limits) -> None:
    while True:
        try:
            process.wait(max(limits.slice(POLL_SECONDS), 0.001))
        except subprocess.TimeoutExpired:
            limits.check()
        else:
            return
