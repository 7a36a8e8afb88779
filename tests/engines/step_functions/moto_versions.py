"""Versions and aliases of state machines in moto, as a deployment uses them.

moto 5.2.5 has versions that come with a machine, and aliases; it lacks publishing and listing them,
and starting runs by an alias. A run's own definition is the one that it began with.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from moto.core.responses import ActionResult
from moto.stepfunctions.models import StateMachineDoesNotExist
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.responses import StepFunctionResponse

if TYPE_CHECKING:
    from collections.abc import Iterator


def publish_state_machine_version(self: Any) -> ActionResult:
    machine = self.stepfunction_backend.describe_state_machine(self._get_param("stateMachineArn"))
    last = machine.latest_version
    if last is None or (last.definition, last.roleArn) != (machine.definition, machine.roleArn):
        machine.publish(self._get_param("description"))
        last = machine.latest_version
    made = {"creationDate": last.creation_date, "stateMachineVersionArn": last.arn}
    return ActionResult(made)


def list_state_machine_versions(self: Any) -> ActionResult:
    machine = self.stepfunction_backend.describe_state_machine(self._get_param("stateMachineArn"))
    newest_first = sorted(machine.versions.items(), reverse=True)
    listed = [
        {"stateMachineVersionArn": version.arn, "creationDate": version.creation_date}
        for _, version in newest_first
    ]
    return ActionResult({"stateMachineVersions": listed})


def delete_state_machine_version(self: Any) -> ActionResult:
    machine, _, number = self._get_param("stateMachineVersionArn").rpartition(":")
    found = self.stepfunction_backend.describe_state_machine(machine)
    found.versions.pop(int(number), None)
    return ActionResult({})


@contextmanager
def _started_by_alias() -> Iterator[None]:
    start = StepFunctionsParserBackend.start_execution
    lock = threading.Lock()

    def started(
        self: Any, state_machine_arn: str, name: Any = None, execution_input: Any = None,
        trace_header: Any = None,
    ) -> Any:  # fmt: skip
        arn, _, _ = state_machine_arn.rpartition(":")
        if arn.count(":") < 6:
            return start(self, state_machine_arn, name, execution_input, trace_header)
        found = self.describe_state_machine_alias(state_machine_arn)
        version_arn = found.routing_configuration[0]["stateMachineVersionArn"]
        machine, version = (
            self.describe_state_machine(arn),
            self.describe_state_machine(version_arn),
        )
        with lock:
            now = machine.definition, machine.roleArn
            machine.definition, machine.roleArn = version.definition, version.roleArn
            try:
                return start(self, arn, name, execution_input, trace_header)
            finally:
                machine.definition, machine.roleArn = now

    with patch.object(StepFunctionsParserBackend, "start_execution", started):
        yield


@contextmanager
def _own_definitions() -> Iterator[None]:
    def described(self: Any) -> ActionResult:
        arn = self._get_param("executionArn")
        execution = self.stepfunction_backend.describe_execution(arn)
        machine = execution.state_machine
        return ActionResult(
            {
                "stateMachineArn": machine.arn,
                "name": machine.name,
                "definition": machine.definition,
                "roleArn": machine.roleArn,
                "updateDate": machine.update_date,
            }
        )

    name = "describe_state_machine_for_execution"
    with patch.object(StepFunctionResponse, name, described):
        yield


@contextmanager
def _gone_machines() -> Iterator[None]:
    """An alias that never was is not found, also of a machine that never was."""
    describe = StepFunctionsParserBackend.describe_state_machine_alias

    def described(self: Any, arn: str) -> Any:
        try:
            return describe(self, arn)
        except IndexError as error:
            raise StateMachineDoesNotExist(f"State Machine Does Not Exist: '{arn}'") from error

    with patch.object(StepFunctionsParserBackend, "describe_state_machine_alias", described):
        yield


@contextmanager
def versions() -> Iterator[None]:
    """Apply all of it."""
    with ExitStack() as stack:
        for made in (
            publish_state_machine_version,
            list_state_machine_versions,
            delete_state_machine_version,
        ):
            stack.enter_context(
                patch.object(StepFunctionResponse, made.__name__, made, create=True)
            )
        for patched in (_started_by_alias, _own_definitions, _gone_machines):
            stack.enter_context(patched())
        yield
