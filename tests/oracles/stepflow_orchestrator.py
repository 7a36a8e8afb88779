"""The published Stepflow server as an oracle: the same flow and configuration, there and here.

``stepflow-orchestrator`` on PyPI is the project's own server as a binary. Each version has a
virtual environment in the test cache (see :mod:`tests.servers.stepflow_sdk`), and calls components
on the published ``stepflow-py`` of its time.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest
from tests.servers import stepflow_sdk

from flowc.diagnostics import Diagnostics
from flowc.driver import Options, compile_flow
from flowc.source.decode_flow import decode_flow
from flowc.source.decode_stack import decode_stacks
from flowc.source.yaml_reader import read
from flowc.targets import find_target
from flowc_targets.local.run import open_session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

HERE = Path(__file__).parent
VERSIONS = {"0.9.0": "0.9.2", "0.11.1": "0.11.2"}
"""Versions of the server, and of the SDK that goes with each."""

COMPONENTS = HERE / "components.py"
_BINARY = "lib/*/site-packages/stepflow_orchestrator/bin/stepflow-server*"
STARTUP_SECONDS = 60.0
RUN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: ``outcome`` in Stepflow's words, ``error`` with its ``code`` as text."""

    outcome: str
    result: Any = None
    error: Mapping[str, Any] = field(default_factory=dict)


class Refused(Exception):
    """The flow was not taken: by the server when it was stored, by flowc when it was compiled."""


# Stepflow


def server_binary(version: str) -> Path:
    """Return the server of ``version``; without it the test is skipped, but under CI it fails."""
    python = _python(HERE / f"requirements-orchestrator-{version}.txt", "stepflow-orchestrator")
    return next(python.parent.parent.glob(_BINARY))


def sdk_python(version: str) -> Path:
    """Return the Python with the SDK for the server ``version``; as :func:`server_binary`."""
    requirements = Path(stepflow_sdk.__file__).with_name(f"requirements-{VERSIONS[version]}.txt")
    return _python(requirements, "stepflow")


def _python(requirements: Path, name: str) -> Path:
    version = requirements.stem.rpartition("-")[2]
    found = _installed(requirements, f"{name}-{version}")
    if isinstance(found, Path):
        return found
    package = name if "orchestrator" in name else f"{name}-py"
    message = f"this oracle needs {package} {version} from PyPI: {found}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@cache
def _installed(requirements: Path, name: str) -> Path | Exception:
    try:
        return stepflow_sdk.python_with(requirements, name)
    except (OSError, subprocess.CalledProcessError) as error:
        return error  # kept: what cannot be installed is not tried again by every test


@dataclass(slots=True)
class Orchestrator:
    """A running server."""

    version: str
    url: str
    process: subprocess.Popen[bytes]

    def store(self, flow: Mapping[str, Any]) -> str:
        """Store ``flow`` and return its id; raises Refused."""
        answer = self._request("/flows", {"flow": flow})
        if not answer.get("stored", True) or not answer.get("flowId"):
            raise Refused(json.dumps(answer))
        return str(answer["flowId"])

    def run(
        self, flow: Mapping[str, Any], value: Any = None, variables: Mapping[str, Any] | None = None
    ) -> Ended:
        """Run ``flow`` to its end; raises Refused."""
        return self.run_batch(flow, [value], variables)[0]

    def run_batch(
        self,
        flow: Mapping[str, Any],
        inputs: Sequence[Any],
        variables: Mapping[str, Any] | None = None,
    ) -> list[Ended]:
        """Run ``flow`` for every input in one run; raises Refused."""
        request = {"flowId": self.store(flow), "input": list(inputs), "wait": True}
        if variables is not None:
            request["variables"] = dict(variables)
        run = self._request("/runs", {**request, "timeoutSecs": int(RUN_SECONDS)})["runId"]
        end = time.monotonic() + RUN_SECONDS
        while time.monotonic() < end:
            items = self._request(f"/runs/{run}/items")["items"]
            if len(items) == len(inputs) and all(item.get("result") for item in items):
                return [_ended(item["result"]) for item in items]
            time.sleep(0.05)
        raise AssertionError(f"Stepflow {self.version} did not end run {run}")

    def _request(self, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/api/v1{path}",
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=RUN_SECONDS + 5) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            raise Refused(f"{error.code}: {error.read().decode()}") from None


def _ended(result: Mapping[str, Any]) -> Ended:
    error = dict(result.get("error") or {})
    if error:
        error["code"] = str(error["code"])
    return Ended(result["outcome"], result.get("result"), error)


@contextmanager
def orchestrator(version: str, config: str) -> Iterator[Orchestrator]:
    """Start the server with ``config`` (YAML) on a free port of 127.0.0.1; raises Refused."""
    binary = server_binary(version)
    with tempfile.TemporaryDirectory(prefix="flowc-oracle-") as folder:
        file = Path(folder) / "stepflow-config.yml"
        file.write_text(config, encoding="utf-8")
        # What it prints goes to a file: a pipe that nobody reads would fill up.
        with (Path(folder) / "log").open("w+b") as log:
            process = subprocess.Popen(
                [binary, "--port", "0", "--config", file, "--log-level", "warn"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                start_new_session=True,  # with the component servers that it starts
            )
            try:
                port = _port(process, log)
                yield Orchestrator(version, f"http://127.0.0.1:{port}", process)
            finally:
                end_group(process)


def _port(process: subprocess.Popen[bytes], log: IO[bytes]) -> int:
    """Return the port that the server announces; raises Refused if it ends instead."""
    end = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < end:
        ended = process.poll() is not None
        text = Path(log.name).read_text(encoding="utf-8", errors="replace")
        for line in text.splitlines():
            if line.startswith('{"port"'):
                return int(json.loads(line)["port"])
        if ended:
            raise Refused(text[-2000:])
        time.sleep(0.02)
    raise AssertionError(f"no port within {STARTUP_SECONDS:.0f} s: {text[-2000:]}")


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads its own group, and the group, however they take it."""
    for send, seconds in ((15, 2.0), (9, 10.0)):
        try:
            os.killpg(process.pid, send)
        except ProcessLookupError:
            break
        end = time.monotonic() + seconds
        while time.monotonic() < end and _group_lives(process):
            time.sleep(0.02)
    process.wait(10)


def _group_lives(process: subprocess.Popen[bytes]) -> bool:
    process.poll()  # or the leader stays as a zombie
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def component_server(version: str) -> Iterator[str]:
    """Start the components with the SDK of server ``version``; yield their URL."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sdk_python(version), COMPONENTS],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith(b'{"port"'):
                    break
            else:
                raise AssertionError("the components did not start")
            yield f"http://127.0.0.1:{json.loads(line)['port']}"
        finally:
            end_group(process)


# flowc


def run_here(
    flow: Mapping[str, Any],
    config: str,
    value: Any = None,
    variables: Mapping[str, Any] | None = None,
) -> Ended:
    """Compile ``flow`` for the local target and run it; raises Refused."""
    diagnostics = Diagnostics()
    document = read(json.dumps(flow), "flow.yaml", diagnostics)
    source = decode_flow(document, diagnostics) if document else None
    stack_file = read(config, "stepflow-config.yml", diagnostics)
    stacks = decode_stacks(stack_file, diagnostics, {}) if stack_file else {}
    target = find_target("local", diagnostics)
    compilation = None
    if not diagnostics.has_errors and source and target and "default" in stacks:
        options = Options(flow="flow", sets=variables or {})
        compilation = compile_flow(source, stacks["default"], target, options, diagnostics)
    if compilation is None:
        raise Refused("; ".join(f"{d.code.number} {d.message}" for d in diagnostics.sorted()))
    with open_session(compilation, overrides=variables, state_store="memory:") as session:
        result = session.run(value)
    outcome = {"succeeded": "success"}.get(result.outcome.value, result.outcome.value)
    return Ended(outcome, result.output, dict((result.error or {}).get("error") or {}))
