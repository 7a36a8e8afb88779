"""The ``python`` plugin: functions, run in worker processes.

A component is ``/module.sub:function``; with ``module:`` in the class, ``/function``; or a name
that ``components:`` maps to ``module:function``. A function takes the step's input as its one
argument and returns the output; one with a parameter ``context`` gets run, step, attempt and
idempotency key. It runs in a process of its own, because it may exit, crash or hang, and because
it must not hold the store's credential. A process serves one call at a time and is kept for the
next.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowc_shim.components.children import Tail, describe_exit, end_group, quote_last
from flowc_shim.components.environment import scrubbed_environment
from flowc_shim.components.file_folders import FileFolders
from flowc_shim.components.json_text import decode_json, encode_json
from flowc_shim.components.limits import Limits, wait_readable
from flowc_shim.contract.errors import FlowError, final_error, platform_error, user_error

if TYPE_CHECKING:
    from flowc_shim.components.api import Call, CallHost
    from flowc_shim.contract.json_types import Json

_READ_BYTES = 1 << 16
_STOP_SECONDS = 1.0
_MAX_ANSWER_BYTES = 256 * 1024 * 1024
# The worker needs this package, wherever this process found it. Not by PYTHONPATH, which would
# come before the standard library.
_PROGRAM = (
    "import sys; sys.path.append(sys.argv.pop());"
    "from flowc_shim.components.python_worker import main; main()"
)


@dataclass(frozen=True, slots=True)
class Function:
    """Which function of which module."""

    module: str
    name: str


class PythonClient:
    """One class of Python functions, with as many workers as there are calls at the same time."""

    def __init__(self, name: str, config: dict[str, Any], working_directory: str) -> None:
        self._name = name
        self._module = config.get("module")
        self._components = {
            path: _target_of(entry) for path, entry in (config.get("components") or {}).items()
        }
        self._env = dict(config.get("env") or {})
        self._working_directory = str(config.get("working_directory") or working_directory)
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._lock = threading.Lock()

    def call(self, call: Call, host: CallHost) -> Json:
        """Call a function; raises FlowError.

        What it raises: class user, the exception's own ``code`` or ``EXCEPTION``, its class name
        as the type. ``COMPONENT_NOT_FOUND`` and ``INVALID_OUTPUT`` are final. ``WORKER_DIED``
        (platform) when the process ended instead of answering.
        """
        function = self._function_of(call.component)
        limits = Limits(call)
        limits.check()
        with FileFolders(host) as folders:
            request = _encode_call(call, function, folders)
            worker = self._take()
            answer: dict[str, Any] | None = None
            try:
                answer = worker.ask(request, limits)
            finally:
                self._put_back(worker, usable=answer is not None)
            return folders.take_out(_output(answer, call.component))

    def close(self) -> None:
        """End the workers."""
        with self._lock:
            workers = [*self._idle, *self._busy]
            self._idle.clear()
        for worker in workers:
            worker.end()

    def _function_of(self, component: str) -> Function:
        target = self._components.get(component) or component.lstrip("/")
        module, colon, function = target.rpartition(":")
        if not colon:
            module = str(self._module or "")
        if not module or not function:
            raise final_error(
                "COMPONENT_NOT_FOUND",
                f"{component} names no function: a component of plugin `{self._name}` is"
                " `/module:function`, or `/function` when the plugin has `module`",
            )
        return Function(module, function)

    def _take(self) -> _Worker:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.alive():
                    self._busy.add(worker)
                    return worker
                worker.end()
        worker = _Worker(self._env, self._working_directory)
        with self._lock:
            self._busy.add(worker)
        return worker

    def _put_back(self, worker: _Worker, *, usable: bool) -> None:
        with self._lock:
            self._busy.discard(worker)
            if usable:
                self._idle.append(worker)
                return
        worker.end()


class _Worker:
    """One worker process."""

    def __init__(self, env: dict[str, Any], working_directory: str) -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-c", _PROGRAM, str(Path(__file__).resolve().parents[2])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=working_directory,
                env=scrubbed_environment(env),
                start_new_session=True,
            )
        except OSError as error:
            raise final_error("CONFIGURATION", f"no Python worker: {error}") from error
        assert self._process.stderr is not None
        self._stderr = Tail(self._process.stderr, forward=True)

    def alive(self) -> bool:
        """Return whether the process still runs."""
        return self._process.poll() is None

    def ask(self, request: bytes, limits: Limits) -> dict[str, Any]:
        """Return the answer to one call; raises FlowError WORKER_DIED, TIMEOUT, STOPPED."""
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        writer = threading.Thread(target=self._write, args=(request,), daemon=True)
        writer.start()  # a large input and a worker that does not read must not block the limits
        out = process.stdout.fileno()
        parts: list[bytes] = []
        size = 0
        while True:
            if not wait_readable(out, limits.slice()):
                limits.check()
                continue
            part = os.read(out, _READ_BYTES)
            if not part:
                raise self._died()
            parts.append(part)
            size += len(part)
            if size > _MAX_ANSWER_BYTES:
                raise final_error("INVALID_OUTPUT", f"more than {_MAX_ANSWER_BYTES} bytes")
            if part.endswith(b"\n"):
                break
        writer.join()
        answer: dict[str, Any] = decode_json(b"".join(parts))
        return answer

    def end(self) -> None:
        """End the process and what it started."""
        end_group(self._process, _STOP_SECONDS)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # nobody is left to read what was not written
                    pipe.close()

    def _write(self, request: bytes) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        # When the worker has died, the reader of its answer sees that and says so.
        with contextlib.suppress(OSError, ValueError):
            stdin.write(request)
            stdin.flush()

    def _died(self) -> FlowError:
        code = self._process.wait()
        data = {"exit_code": code} if code >= 0 else {"signal": -code}
        words = quote_last(self._stderr.lines(wait=0.5))
        return platform_error(
            "WORKER_DIED", f"the Python worker {describe_exit(code)}{words}", data=data
        )


def _target_of(entry: Any) -> str:
    return str(entry.get("function", "") if isinstance(entry, dict) else entry)


def _encode_call(call: Call, function: Function, folders: FileFolders) -> bytes:
    request = {
        "module": function.module,
        "function": function.name,
        "input": folders.bring_in(call.input),
        "context": {
            "run_id": call.run_id,
            "flow_id": call.flow_id,
            "step_id": call.step_id,
            "attempt": call.attempt,
            "idempotency_key": call.idempotency_key,
            "files_in": folders.files_in,
            "files_out": folders.files_out,
        },
    }
    try:
        return encode_json(request) + b"\n"
    except (ValueError, TypeError) as error:
        raise final_error("INVALID_INPUT", f"the input is not JSON: {error}") from error


def _output(answer: dict[str, Any], component: str) -> Json:
    if "output" in answer:
        return answer["output"]
    if "not_found" in answer:
        raise final_error("COMPONENT_NOT_FOUND", f"{component}: {answer['not_found']}")
    if "not_json" in answer:
        raise final_error(
            "INVALID_OUTPUT", f"{component} returned what is not JSON: {answer['not_json']}"
        )
    error = answer["error"]
    raise user_error(
        error["code"],
        error["message"],
        type=error["type"],
        data={"traceback": error["traceback"]},
    )
