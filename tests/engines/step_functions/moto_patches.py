"""What moto 5.2.5's Step Functions interpreter needs to run what flowc emits as AWS would.

Each patch is a context manager that undoes itself; `patched` applies them all. They touch private
names, so moto is pinned exactly and test_moto_patches.py has a test per patch that fails without.

`scaled_time` is no repair: it shortens what an execution spends in Wait states and between
retries, so that a suite is not as slow as the flows that it runs. A factor of 0.01 turns
`Seconds: 30` into 0.3 s. Timeouts and heartbeats keep their length, as real processes do.
"""

from __future__ import annotations

import datetime
import functools
import json
import logging
import math
import threading
import time
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import boto3
import botocore.loaders
import botocore.model
from moto.stepfunctions import responses
from moto.stepfunctions.parser.api import (
    ExecutionAbortedEventDetails,
    HistoryEventType,
    TaskFailedEventDetails,
)
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import (
    StatesErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.program.program import Program
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison_operator_type import (  # noqa: E501
    ComparisonOperatorType,
)
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison_variable import (
    ComparisonVariable,
)
from moto.stepfunctions.parser.asl.component.state.choice.comparison.variable import NoSuchVariable
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_callback,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (  # noqa: E501
    StateTaskService,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_ecs import (  # noqa: E501
    StateTaskServiceEcs,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped
from moto.stepfunctions.parser.asl.utils import boto_client
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str
from moto.stepfunctions.parser.backend.execution import Execution
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from tests.engines.step_functions.moto_services import ecs_strategies, nodes, services
from tests.engines.step_functions.moto_versions import versions

if TYPE_CHECKING:
    from collections.abc import Iterator


@functools.cache
def _service_model(service: str) -> botocore.model.ServiceModel:
    loader = botocore.loaders.Loader()
    return botocore.model.ServiceModel(loader.load_service_model(service, "service-2"), service)


def _operation(
    task: StateTaskService, service: str | None, action: str | None
) -> botocore.model.OperationModel:
    model = _service_model(task._get_boto_service_name(service))
    wanted = task._get_boto_service_action(action).replace("_", "")
    (name,) = (name for name in model.operation_names if name.lower() == wanted)
    return model.operation_model(name)


@contextmanager
def sync_integrations() -> Iterator[None]:
    """Batch, ECS and startExecution: map the ASL's PascalCase to and from the API's own case."""

    def parameters(
        self: StateTaskService,
        parameters: dict[str, Any],
        boto_service_name: str | None = None,
        service_action_name: str | None = None,
    ) -> None:
        shape = _operation(self, boto_service_name, service_action_name).input_shape
        if shape is not None:
            self._to_boto_request(parameters, shape)

    def response(
        self: StateTaskService,
        response: Any,
        boto_service_name: str | None = None,
        service_action_name: str | None = None,
    ) -> None:
        shape = _operation(self, boto_service_name, service_action_name).output_shape
        if shape is not None:
            self._from_boto_response(response, shape)

    with (
        patch.object(StateTaskService, "_normalise_parameters", parameters),
        patch.object(StateTaskService, "_normalise_response", response),
    ):
        yield


@contextmanager
def ecs_failures() -> Iterator[None]:
    """An ECS task that ends badly fails its state with its description, as a Batch job does."""
    resolver_of = StateTaskServiceEcs._build_sync_resolver

    def resolver(self: StateTaskServiceEcs, env: Any, *rest: Any, **named: Any) -> Any:
        resolve = resolver_of(self, env, *rest, **named)

        def checked() -> Any:
            task = resolve() if resolve is not None else None
            if task is not None and _ended_badly(task):
                raise FailureEventException(_task_failed(self, env, task))
            return task

        return checked

    with patch.object(StateTaskServiceEcs, "_build_sync_resolver", resolver):
        yield


def _ended_badly(task: dict[str, Any]) -> bool:
    codes = [container.get("ExitCode") for container in task["Containers"]]
    return task.get("StopCode") == "TaskFailedToStart" or any(code != 0 for code in codes)


def _task_failed(service: StateTaskServiceEcs, env: Any, task: dict[str, Any]) -> FailureEvent:
    details = TaskFailedEventDetails(
        resource=service._get_sfn_resource(),
        resourceType=service._get_sfn_resource_type(),
        error="States.TaskFailed",
        cause=to_json_str(task),
    )
    return FailureEvent(
        env=env,
        error_name=StatesErrorName(typ=StatesErrorNameType.StatesTaskFailed),
        event_type=HistoryEventType.TaskFailed,
        event_details=EventDetails(taskFailedEventDetails=details),
    )


def _aws_time(value: datetime.datetime) -> str:
    """Return the time as the context object has it: UTC, milliseconds, Z."""
    utc = value.astimezone(datetime.timezone.utc)
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextmanager
def datetimes() -> Iterator[None]:
    """`$$.Execution.StartTime` is text, and a date in an output does not break its description."""
    details_of = Execution.get_start_execution_details

    def details(self: Execution) -> Any:
        made = details_of(self)
        made.start_time = _aws_time(made.start_time)
        return made

    def encoded(value: Any) -> Any:
        return _aws_time(value) if isinstance(value, datetime.datetime) else str(value)

    dumps = SimpleNamespace(
        **{**vars(json), "dumps": functools.partial(json.dumps, default=encoded)}
    )
    with (
        patch.object(Execution, "get_start_execution_details", details),
        patch.object(responses, "json", dumps),
    ):
        yield


@contextmanager
def redrive_count() -> Iterator[None]:
    """`$$.Execution.RedriveCount` is there, and 0, in an execution that was not redriven."""
    environment_of = ExecutionWorker._get_evaluation_environment

    def environment(self: ExecutionWorker) -> Any:
        made = environment_of(self)
        made.states.context_object.context_object_data["Execution"]["RedriveCount"] = 0
        return made

    with patch.object(ExecutionWorker, "_get_evaluation_environment", environment):
        yield


@contextmanager
def missing_variables() -> Iterator[None]:
    """A Choice that tests a variable which is not there fails the execution, as on AWS."""
    compare = ComparisonVariable._eval_body

    def checked(self: ComparisonVariable, env: Any) -> None:
        if self.comparison_function.operator_type is not ComparisonOperatorType.IsPresent:
            self.variable.eval(env)
            value = env.stack.pop()
            if isinstance(value, NoSuchVariable):
                raise RuntimeError(f"Invalid path '{value.path}' in the condition of a Choice")
        compare(self, env)

    with patch.object(ComparisonVariable, "_eval_body", checked):
        yield


@contextmanager
def prompt_stop() -> Iterator[None]:
    """StopExecution aborts at once; in moto the execution first waits for its running tasks."""

    def run(self: Program, env: Any) -> None:
        env.next_state_name = self.start_at.start_at_name
        worker = threading.Thread(target=super(Program, self).eval, args=(env,), daemon=True)
        worker.start()
        limit = self.timeout_seconds.timeout_seconds if self.timeout_seconds else math.inf
        end = time.monotonic() + limit
        while worker.is_alive() and not isinstance(env.program_state(), ProgramStopped):
            worker.join(0.02)
            if time.monotonic() > end:
                env.set_timed_out()
                return
        if worker.is_alive() and not env.is_frame():
            _close_history(env)

    with patch.object(Program, "eval", run):
        yield


def _close_history(env: Any) -> None:
    env.event_history_context.source_event_id = 0
    env.event_manager.add_event(
        context=env.event_history_context,
        event_type=HistoryEventType.ExecutionAborted,
        event_details=EventDetails(executionAbortedEventDetails=ExecutionAbortedEventDetails()),
    )
    # The thread that still waits for a task would write the same again when that ends.
    env.event_manager.add_event = lambda *arguments, **fields: None


@contextmanager
def shared_clients() -> Iterator[None]:
    """One client per service, made under a lock: boto3's default session is not thread-safe."""
    lock = threading.Lock()
    clients: dict[tuple[str, str], Any] = {}

    def client(**arguments: Any) -> Any:
        key = (arguments["service_name"], arguments["region_name"])
        with lock:
            if key not in clients:
                clients[key] = boto3.client(**arguments)
            return clients[key]

    with patch.object(boto_client, "boto3", SimpleNamespace(client=client)):
        yield


@contextmanager
def scaled_time(factor: float) -> Iterator[None]:
    """Multiply the delays of Wait and Retry, and poll `.sync` jobs every 20 ms."""

    def wait(self: WaitFunction, env: Any, wait_seconds: float) -> None:
        end = time.monotonic() + wait_seconds * factor
        while env.is_running() and (left := end - time.monotonic()) > 0:
            env.program_state_event.wait(left)  # returns early when some other state ends

    def sleep(seconds: float) -> None:
        time.sleep(seconds * factor)

    with (
        patch.object(WaitFunction, "_wait_interval", wait),
        patch.object(retrier_decl, "time", SimpleNamespace(sleep=sleep)),
        patch.object(state_task_service_callback, "_DELAY_SECONDS_SYNC_CONDITION_CHECK", 0.02),
    ):
        yield


PATCHES = {
    made.__name__: made
    for made in (
        sync_integrations,
        ecs_failures,
        datetimes,
        redrive_count,
        missing_variables,
        prompt_stop,
        shared_clients,
        versions,
        services,
        ecs_strategies,
        nodes,
    )
}


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the interpreter from logging its whole syntax tree at each error that a flow handles."""
    logger = logging.getLogger("moto.stepfunctions")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def patched(*, time_scale: float = 1.0, without: tuple[str, ...] = ()) -> Iterator[None]:
    """Apply every patch but those named in `without`."""
    with ExitStack() as stack:
        for name, made in PATCHES.items():
            if name not in without:
                stack.enter_context(made())
        stack.enter_context(scaled_time(time_scale))
        stack.enter_context(quiet())
        yield
