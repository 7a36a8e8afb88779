"""A component server that flowc starts: ``command`` and ``args`` of a ``stepflow`` plugin.

The server prints ``{"port": N}`` as a line of its standard output and answers ``GET /health``.
"""

from __future__ import annotations

import atexit
import contextlib
import http.client
import subprocess
import threading
import time
import weakref
from pathlib import Path
from typing import IO, TYPE_CHECKING

from flowc_shim.components.children import Tail, describe_exit, end_group, quote_last
from flowc_shim.components.environment import scrubbed_environment
from flowc_shim.components.json_text import decode_json
from flowc_shim.components.limits import stopped_error
from flowc_shim.contract.errors import FlowError, final_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

START_SECONDS = 60.0
_STOP_SECONDS = 5.0
_HEALTH_PAUSE = 0.05


class ServerProcess:
    """One server process; started when first needed, and again after it died.

    ``ensure_running`` has to be called by one thread at a time.
    """

    def __init__(
        self,
        name: str,
        command: str,
        args: Sequence[str],
        env: Mapping[str, object],
        working_directory: str,
        *,
        start_seconds: float = START_SECONDS,
        health_path: str = "/health",
    ) -> None:
        self._name = name
        self._command = [_resolved(command, working_directory), *args]
        self._env = dict(env)
        self._working_directory = working_directory
        self._start_seconds = start_seconds
        self._health_path = health_path
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: Tail | None = None
        self._url = ""

    def ensure_running(self, cancelled: threading.Event) -> str:
        """Return the server's URL; starts it if it does not run.

        Raises FlowError ``SERVER_START`` (user, final) if it cannot be started, ends early or is
        not healthy in time, ``STOPPED`` if the run is stopped meanwhile.
        """
        if self._process is not None and self._process.poll() is None:
            return self._url
        try:
            self._start()
            self._url = f"http://127.0.0.1:{self._await_port(cancelled)}"
            self._await_health(cancelled)
        except BaseException:
            self.close()
            raise
        return self._url

    def death_notice(self) -> str | None:
        """Return how the process died with its last words, or None while it lives."""
        process = self._process
        if process is None:
            return None
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1.0)  # a connection breaks a little before the process is gone
        if process.returncode is None:
            return None
        return f"the server {describe_exit(process.returncode)}{self._last_words()}"

    def close(self) -> None:
        """End the process: terminate, then kill."""
        process, self._process = self._process, None
        if process is None:
            return
        end_group(process, _STOP_SECONDS)
        _RUNNING.discard(self)

    def _start(self) -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603 - running it is what the stack asks for
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self._working_directory,
                env=scrubbed_environment(self._env),
                # Ctrl-C on the terminal is for flowc, which then ends its servers in order.
                start_new_session=True,
            )
        except OSError as error:
            raise self._failed(f"cannot be started: {error}") from error
        _RUNNING.add(self)
        assert self._process.stderr is not None
        self._stderr = Tail(self._process.stderr, forward=False)
        self._deadline = time.monotonic() + self._start_seconds

    def _await_port(self, cancelled: threading.Event) -> int:
        process = self._process
        assert process is not None and process.stdout is not None
        announcement = _PortReader(process.stdout)
        while not announcement.found.wait(0.1):
            self._check_alive(cancelled, "printed no line with its port")
        if announcement.port is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1.0)
            what = "closed its output without a line with its port"
            self._check_alive(cancelled, what)
            raise self._failed(what)
        return announcement.port

    def _await_health(self, cancelled: threading.Event) -> None:
        while not self._healthy():
            self._check_alive(cancelled, f"did not answer {self._health_path}")
            time.sleep(_HEALTH_PAUSE)

    def _healthy(self) -> bool:
        port = int(self._url.rpartition(":")[2])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2.0)
        try:
            connection.request("GET", self._health_path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _check_alive(self, cancelled: threading.Event, late: str) -> None:
        if cancelled.is_set():
            raise stopped_error()
        assert self._process is not None
        code = self._process.poll()
        if code is not None:
            raise self._failed(f"{describe_exit(code)} before it was ready")
        if time.monotonic() >= self._deadline:
            raise self._failed(f"{late}, within {self._start_seconds:g} s")

    def _failed(self, what: str) -> FlowError:
        command = " ".join(self._command)
        return final_error(
            "SERVER_START",
            f"component server `{self._name}` (`{command}`) {what}{self._last_words()}",
        )

    def _last_words(self) -> str:
        return quote_last(self._stderr.lines(wait=0.5)) if self._stderr is not None else ""


class _PortReader:
    """Finds the line with the port, then keeps reading so that the server never blocks."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.found = threading.Event()
        self.port: int | None = None
        self._stream = stream
        threading.Thread(target=self._read, name="flowc-server-output", daemon=True).start()

    def _read(self) -> None:
        with contextlib.suppress(ValueError, OSError), self._stream as stream:
            while line := stream.readline(1 << 16):
                if self.port is None:
                    self.port = _port_of(line)
                    if self.port is not None:
                        self.found.set()
        self.found.set()


def _port_of(line: bytes) -> int | None:
    try:
        message = decode_json(line)
    except ValueError:
        return None
    port = message.get("port") if isinstance(message, dict) else None
    return port if isinstance(port, int) and 0 < port < 65536 else None


def _resolved(command: str, working_directory: str) -> str:
    """Return ``command`` so that a relative path means one below the working directory."""
    if "/" in command and not Path(command).is_absolute():
        return str(Path(working_directory, command))
    return command


_RUNNING: weakref.WeakSet[ServerProcess] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Leave no server behind when the process ends without having closed its clients."""
    for server in list(_RUNNING):
        server.close()
