"""The contract of commands and containers: files in, files out, an exit code.

The input is a JSON file at ``$FLOWC_INPUT``, the output one at ``$FLOWC_OUTPUT``; files travel in
``$FLOWC_FILES_IN`` and ``$FLOWC_FILES_OUT``. Exit code 0, or the step failed. Which call this is
stands in the JSON file at ``$FLOWC_CALL``, and in variables where those can be set per call. A
program that runs in several places finds all of them in ``$FLOWC_HOSTS``, and which of them it is,
from 0, in ``$FLOWC_LOCATION``; the first one's output is the step's.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flowc_shim.components.children import quote_last, signal_name
from flowc_shim.components.file_folders import FileFolders
from flowc_shim.components.json_text import decode_json, encode_json
from flowc_shim.contract.errors import FlowError, final_error, platform_error, user_error

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_shim.components.api import Call, CallHost
    from flowc_shim.contract.json_types import Json

MAX_OUTPUT_BYTES = 256 * 1024 * 1024
_SIGKILL = 9
_KILLED_IN_A_SHELL = 128 + _SIGKILL


class OutputFolder(FileFolders):
    """The folder of a program: what it wrote."""

    def output(self, component: str) -> Json:
        """Return the output that was written; raises FlowError INVALID_OUTPUT."""
        path = self.path / "output.json"
        try:
            # A link could make the shim, which may read more, hand out what it points to.
            if path.is_symlink() or not path.is_file():
                raise _invalid(component, "wrote no file to $FLOWC_OUTPUT")
            if path.stat().st_size > MAX_OUTPUT_BYTES:
                raise _invalid(component, f"wrote more than {MAX_OUTPUT_BYTES} bytes")
            return self.take_out(decode_json(path.read_bytes()))
        except (OSError, ValueError) as error:
            raise _invalid(component, f"wrote what is not JSON: {error}") from error


class WorkFolder(OutputFolder):
    """The folder of one call of a program: its input, and room for what comes out."""

    def __init__(
        self, call: Call, host: CallHost, seen_at: str | None = None, at: Path | None = None
    ) -> None:
        super().__init__(host, seen_at, at)
        try:
            encoded = encode_json(self.bring_in(call.input))
        except (ValueError, TypeError) as error:
            raise final_error("INVALID_INPUT", f"the input is not JSON: {error}") from error
        (self.path / "input.json").write_bytes(encoded)
        (self.path / "call.json").write_text(json.dumps(_which(call)), encoding="utf-8")

    def __enter__(self) -> WorkFolder:
        return self

    def environment(self, call: Call, rank: int | None = None) -> dict[str, str]:
        """Return the variables of the contract; ``rank``: the place, where there are several."""
        places = {}
        if rank is not None:
            places = {"FLOWC_HOSTS": ",".join(call.hosts), "FLOWC_LOCATION": str(rank)}
        return {**places, **contract_paths(self.seen_at), **contract_words(call)}


def contract_paths(folder: str) -> dict[str, str]:
    """Return the variables of the contract that say where things are, in ``folder``."""
    return {
        "FLOWC_INPUT": f"{folder}/input.json",
        "FLOWC_OUTPUT": f"{folder}/output.json",
        "FLOWC_CALL": f"{folder}/call.json",
        "FLOWC_FILES_IN": f"{folder}/files-in",
        "FLOWC_FILES_OUT": f"{folder}/files-out",
    }


def contract_words(call: Call) -> dict[str, str]:
    """Return the variables of the contract that say which call it is."""
    return {
        "FLOWC_STEP": call.step_id,
        "FLOWC_ATTEMPT": str(call.attempt),
        "FLOWC_IDEMPOTENCY_KEY": call.idempotency_key,
    }


def _which(call: Call) -> dict[str, Json]:
    return {
        "step": call.step_id,
        "attempt": call.attempt,
        "idempotency_key": call.idempotency_key,
    }


def _invalid(component: str, what: str) -> FlowError:
    return final_error("INVALID_OUTPUT", f"{component} {what}")


def exit_error(component: str, returncode: int, stderr: list[str]) -> FlowError | None:
    """Return the error that a program's end stands for, None for exit code 0.

    A negative code is a signal, as ``subprocess`` has it. SIGKILL, also seen as 137 through a
    shell or a container, is taken for the kernel's answer to too little memory.
    """
    if returncode == 0:
        return None
    data = {"stderr": stderr}
    words = quote_last(stderr)
    if returncode in (-_SIGKILL, _KILLED_IN_A_SHELL):
        return platform_error(
            "OOM", f"{component} was killed, most likely for memory{words}", data=data
        )
    if returncode < 0:
        number = -returncode
        return platform_error(
            f"SIGNAL_{number}", f"{component} was killed by {signal_name(number)}{words}", data=data
        )
    return user_error(
        f"EXIT_{returncode}", f"{component} ended with exit code {returncode}{words}", data=data
    )


def program_of(plugin: str, component: str, components: Any) -> dict[str, Any]:
    """Return what the stack says about ``component``; raises FlowError COMPONENT_NOT_FOUND."""
    program = (components or {}).get(component)
    if not isinstance(program, dict):
        raise final_error("COMPONENT_NOT_FOUND", f"plugin `{plugin}` has no component {component}")
    return program


def command_line(program: dict[str, Any]) -> list[str]:
    """Return ``command`` (one word, or a list) followed by ``args``."""
    command = program.get("command") or []
    words = [command] if isinstance(command, str) else list(command)
    return [str(word) for word in [*words, *(program.get("args") or [])]]
