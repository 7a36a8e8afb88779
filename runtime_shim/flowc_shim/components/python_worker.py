"""The program of a worker process that runs Python functions.

It reads one JSON call per line and writes one JSON answer per line, on the pipes that were its
standard input and output. User code gets neither: what it prints goes to standard error.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_TRACEBACK_LINES = 20
_MESSAGE_LIMIT = 20_000


@dataclass(frozen=True)
class Context:
    """What a function gets that has a parameter called ``context``."""

    run_id: str
    flow_id: str
    step_id: str
    attempt: int
    idempotency_key: str
    files_in: str
    files_out: str


class NotFound(Exception):
    """There is no such module, or no such function in it."""


def main() -> None:
    """Answer calls until the input ends."""
    calls, answers = _take_pipes()
    sys.path.insert(0, str(Path.cwd()))
    for line in calls:
        answers.write(_encode(_answer(json.loads(line))))
        answers.flush()


def _take_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Keep the two pipes for ourselves; leave an empty input and standard error for the rest."""
    calls = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    os.dup2(2, 1)
    return calls, answers


def _answer(call: dict[str, Any]) -> dict[str, Any]:
    try:
        function = _find(call["module"], call["function"])
        return {"output": _run(function, call["input"], call["context"])}
    except NotFound as error:
        return {"not_found": str(error)}
    except BaseException as error:  # a function may raise anything, SystemExit too
        return {"error": _describe(error)}


def _find(module_name: str, function_name: str) -> Any:
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        # A module that the function's module needs is an error of the function.
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise NotFound(f"there is no Python module `{module_name}`") from error
    for part in function_name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise NotFound(f"module `{module_name}` has no function `{function_name}`")
    return found


def _run(function: Any, value: Any, context: dict[str, Any]) -> Any:
    extra = {"context": Context(**context)} if _wants_context(function) else {}
    output = function(value, **extra)
    if inspect.isawaitable(output):
        output = asyncio.run(_finish(output))
    return output


async def _finish(output: Any) -> Any:
    return await output


def _wants_context(function: Any) -> bool:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some functions written in C have no signature
        return False
    return any(
        parameter.name == "context" and parameter.kind is not parameter.POSITIONAL_ONLY
        for parameter in parameters[1:]
    )


def _describe(error: BaseException) -> dict[str, Any]:
    code = getattr(error, "code", None)
    if isinstance(error, SystemExit):
        code = f"EXIT_{code if isinstance(code, int) else 0 if code is None else 1}"
    lines = "".join(traceback.format_exception(error)).splitlines()
    return {
        "type": type(error).__name__,
        "message": str(error)[:_MESSAGE_LIMIT],
        "code": str(code) if isinstance(code, (str, int)) and code != "" else "EXCEPTION",
        "traceback": [line[:500] for line in lines[-_TRACEBACK_LINES:]],
    }


def _encode(answer: dict[str, Any]) -> bytes:
    try:
        return json.dumps(answer, allow_nan=False).encode("ascii") + b"\n"
    except (TypeError, ValueError, RecursionError) as error:
        return json.dumps({"not_json": str(error)}).encode("ascii") + b"\n"
