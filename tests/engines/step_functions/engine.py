"""Executes state machines end to end on this machine: moto interprets, subprocesses do the tasks.

    def command(function: str, event: Any) -> tuple[list[str], dict[str, str]]:
        return [sys.executable, "-m", "flowc_shim", ...], {"FLOWC_UNIT": function}

    with StepFunctionsEngine(command) as engine:
        result = engine.run(definition, {"n": 1})
        assert result.status == "SUCCEEDED", result.report()

*Lambda.* Each invocation starts the command's process with the event as JSON on its stdin. Its last
line on stdout is the result. Exit code 70 says that the last line is {errorType, errorMessage}, and
the ASL then sees that error name; any other end (kill -9 too) is `Runtime.ExitError`, and one that
takes longer than `function_timeout` is `Sandbox.Timedout`.

*Batch.* A job runs containerOverrides' command and environment as a process; its exit code decides.
With `job_command` the process can be another (a job definition may hold the command).

*ECS.* A task is a process too, unless `task_definition` gives a definition of several containers;
then each is one, and the definition is obeyed (ecs_containers.py).

*Children's AWS.* They get an endpoint with moto's S3, Step Functions and so on, whose state this
process shares: `engine.client("s3")`. Nothing of the caller's AWS environment reaches them.

*Time.* Wait and Retry delays are multiplied by `time_scale`; see moto_patches.
"""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import boto3
from moto import mock_aws
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from tests.engines.step_functions.ecs_service import Ecs
from tests.engines.step_functions.moto_patches import patched
from tests.engines.step_functions.processes import Process, Processes
from tests.engines.step_functions.services import Batch, Command, Lambda, Services
from werkzeug.serving import make_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

REGION = "us-east-1"
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/flows"
CONFIG = {
    "stepfunctions": {"execute_state_machine": True},
    "lambda": {"use_docker": False},
    "batch": {"use_docker": False},
}


class EngineTimeoutError(AssertionError):
    """An execution did not end within the test's own limit; it was stopped."""


@dataclass(frozen=True)
class ExecutionResult:
    """How an execution ended; `events` is its history, oldest first."""

    arn: str
    status: str
    output: Any
    error: str | None
    cause: str | None
    events: list[dict[str, Any]] = field(repr=False)
    processes: list[Process] = field(repr=False)
    """All that the engine has started until then."""

    @property
    def states(self) -> list[str]:
        """The names of the states that were entered, in order."""
        details = (event.get("stateEnteredEventDetails") for event in self.events)
        return [found["name"] for found in details if found]

    def report(self) -> str:
        """Return all that helps to see why it ended so."""
        lines = [f"{self.status} {self.error or ''} {self.cause or ''}", f"output: {self.output}"]
        lines += [f"  {event['id']:4} {event['type']}" for event in self.events]
        for process in self.processes:
            lines.append(f"{process.kind} {process.name}: exit code {process.exit_code}")
            lines.append(process.stdout + process.stderr)
        return "\n".join(lines)


def _no_functions(name: str, event: Any) -> Command:
    raise LookupError(f"no command was given for the function {name}")


def _overrides(definition: str, body: dict[str, Any]) -> Command:
    return list((body.get("containerOverrides") or {}).get("command") or []), {}


@contextmanager
def _moto_server() -> Iterator[str]:
    """Serve moto's state over HTTP: a ThreadedMotoServer that notices its end within 20 ms."""
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()


class StepFunctionsEngine:
    """A context manager; one may serve many executions, and only one is open in a process."""

    def __init__(
        self,
        command: Callable[[str, Any], Command] = _no_functions,
        *,
        job_command: Callable[[str, dict[str, Any]], Command] = _overrides,
        task_definition: Callable[[str], Mapping[str, Any] | None] = lambda _: None,
        time_scale: float = 0.01,
        function_timeout: float | None = None,
        concurrency: int = 8,
        without: tuple[str, ...] = (),
    ) -> None:
        self._command = command
        self._job_command = job_command
        self._task_definition = task_definition
        self.time_scale = time_scale
        self._function_timeout = function_timeout
        self._concurrency = concurrency
        self._without = without
        self._clients: dict[str, Any] = {}

    def __enter__(self) -> StepFunctionsEngine:
        with ExitStack() as stack:
            stack.enter_context(patched(time_scale=self.time_scale, without=self._without))
            kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
            stack.enter_context(patch.dict(os.environ, kept, clear=True))
            stack.enter_context(mock_aws(config=CONFIG))
            self.endpoint = stack.enter_context(_moto_server())
            self.processes = Processes(self._concurrency, kept | self.child_environment())
            functions = Lambda(self.processes, self._command, self._function_timeout)
            self.batch = Batch(self.processes, self._job_command)
            self.ecs = Ecs(self.processes, self._job_command, self._task_definition)
            self._services = Services(functions, self.batch, self.ecs)
            stack.callback(self._services.close)
            stack.callback(self.processes.close)
            stack.callback(self._stop_executions)
            ours = {
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ENDPOINT_URL_LAMBDA": self._services.endpoint,
                "AWS_ENDPOINT_URL_BATCH": self._services.endpoint,
                "AWS_ENDPOINT_URL_ECS": self._services.endpoint,
            }
            stack.enter_context(patch.dict(os.environ, ours))
            self._close = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._close.close()

    def child_environment(self) -> dict[str, str]:
        """Return what makes a process's AWS clients talk to this engine."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_SESSION_TOKEN": "testing",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str) -> Any:
        """Return a boto3 client of this process, for "s3" or any service but lambda and batch."""
        if service not in self._clients:
            self._clients[service] = boto3.client(service, region_name=REGION)
        return self._clients[service]

    def service_client(self, service: str) -> Any:
        """Return a client of the stand-in for "batch" or "lambda", as the interpreter uses it."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self._services.endpoint,
        )

    def deploy(self, name: str, definition: dict[str, Any]) -> str:
        """Create a state machine, for startExecution to find; return its ARN."""
        made = self.client("stepfunctions").create_state_machine(
            name=name, definition=json.dumps(definition), roleArn=ROLE
        )
        return str(made["stateMachineArn"])

    def start(self, machine: str, input: Any, name: str | None = None) -> str:
        """Start an execution of a deployed machine; return its ARN."""
        started = self.client("stepfunctions").start_execution(
            stateMachineArn=machine,
            name=name or f"run-{uuid.uuid4().hex[:12]}",
            input=json.dumps(input),
        )
        return str(started["executionArn"])

    def wait(self, execution: str, timeout: float = 60) -> ExecutionResult:
        """Wait for the end of an execution."""
        end = time.monotonic() + timeout
        while True:
            found = self.client("stepfunctions").describe_execution(executionArn=execution)
            if found["status"] != "RUNNING":
                result = self._result(execution, found)
                break
            if time.monotonic() > end:
                self.stop(execution)
                report = self._result(execution, found).report()
                raise EngineTimeoutError(f"still running after {timeout} s\n{report}")
            time.sleep(0.01)
        errors = self._services.errors + self.batch.errors + self.ecs.errors
        if errors:
            raise RuntimeError("the harness failed:\n" + "\n".join(errors))
        return result

    def stop(self, execution: str) -> None:
        """Abort an execution; processes that it started go on, as on AWS."""
        self.client("stepfunctions").stop_execution(executionArn=execution)

    def run(
        self, definition: dict[str, Any], input: Any, timeout: float = 60, name: str | None = None
    ) -> ExecutionResult:
        """Create a machine, execute it once and return how that ended."""
        machine = self.deploy(f"machine-{uuid.uuid4().hex[:12]}", definition)
        return self.wait(self.start(machine, input, name), timeout)

    def _result(self, execution: str, found: dict[str, Any]) -> ExecutionResult:
        events: list[dict[str, Any]] = []
        arguments = {"executionArn": execution, "maxResults": 1000}
        while True:
            page = self.client("stepfunctions").get_execution_history(**arguments)
            events += page["events"]
            if not page.get("nextToken"):
                break
            arguments["nextToken"] = page["nextToken"]
        return ExecutionResult(
            arn=execution,
            status=found["status"],
            output=json.loads(found["output"]) if found.get("output") else None,
            error=found.get("error"),
            cause=found.get("cause"),
            events=events,
            processes=list(self.processes.all),
        )

    def executions(self, status: str | None = None) -> list[str]:
        """Return the ARNs of all executions, or of those in one status such as "RUNNING"."""
        client = self.client("stepfunctions")
        chosen = {"statusFilter": status} if status else {}
        found = []
        for machine in client.list_state_machines()["stateMachines"]:
            arn = machine["stateMachineArn"]
            listed = client.list_executions(stateMachineArn=arn, **chosen)
            found += [execution["executionArn"] for execution in listed["executions"]]
        return found

    def _stop_executions(self) -> None:
        for execution in self.executions("RUNNING"):
            self.stop(execution)
