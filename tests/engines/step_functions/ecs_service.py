"""ECS's API, as much of it as Step Functions calls: RunTask runs commands as subprocesses.

A task definition of several containers is obeyed (ecs_containers.py), if whoever tests gives it.
"""

from __future__ import annotations

import threading
import time
import traceback
import uuid
from typing import TYPE_CHECKING, Any

from tests.engines.step_functions.ecs_containers import ContainerTask
from tests.engines.step_functions.processes import Process, Processes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Command = tuple[list[str], dict[str, str]]
METADATA = "/metadata/"
_HERE = "arn:aws:ecs:us-east-1:123456789012"
_UNIT = "unit"


class Ecs:
    """Tasks by their ARN; `errors` has what went wrong in the harness itself.

    `endpoint`: where the metadata of tasks is served. `only_essential`: DescribeTasks tells of no
    other containers, so that how those end fails nothing.
    """

    def __init__(
        self,
        processes: Processes,
        command: Callable[[str, dict[str, Any]], Command],
        definition: Callable[[str], Mapping[str, Any] | None],
    ) -> None:
        self.tasks: dict[str, dict[str, Any]] = {}
        self.errors: list[str] = []
        self.endpoint = ""
        self.only_essential = False
        self._processes = processes
        self._command = command
        self._definition = definition
        self._running: dict[str, Process] = {}
        self._together: dict[str, ContainerTask] = {}

    def runtask(self, body: dict[str, Any]) -> dict[str, Any]:
        network = body["networkConfiguration"]["awsvpcConfiguration"]
        spot = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
        strategy = body.get("capacityProviderStrategy")
        assert strategy == spot or body["launchType"] == "FARGATE", body
        assert network["subnets"], body
        overrides = {one["name"]: one for one in body["overrides"]["containerOverrides"]}
        arn = f"{_HERE}:task/{body['cluster']}/{uuid.uuid4().hex}"
        self.tasks[arn] = {
            "taskArn": arn,
            "clusterArn": f"{_HERE}:cluster/{body['cluster']}",
            "taskDefinitionArn": f"{_HERE}:task-definition/{body['taskDefinition']}:1",
            "lastStatus": "PENDING",
            "containers": [{"name": name, "lastStatus": "PENDING"} for name in overrides],
            "startedBy": body.get("startedBy", ""),
        }
        arguments = (arn, body["taskDefinition"], overrides)
        threading.Thread(target=self._run, args=arguments, daemon=True).start()
        return {"tasks": [self.tasks[arn]], "failures": []}

    def _run(self, arn: str, name: str, overrides: dict[str, Any]) -> None:
        # a job's form, so that whoever tests gives one function for jobs and tasks
        unit = overrides[_UNIT]
        asked = {"containerOverrides": {"command": unit["command"]}}
        try:
            definition = self._definition(name)
            if definition is not None and len(definition["containerDefinitions"]) > 1:
                ended = self._run_together(arn, name, definition, overrides, asked)
            else:
                ended = [self._run_one(arn, name, unit, asked)]
        except Exception as error:
            failed = [{"name": _UNIT, "lastStatus": "STOPPED"}]
            self._stop(arn, "TaskFailedToStart", f"CannotStartContainerError: {error}", failed)
            if not isinstance(error, OSError):
                self.errors.append(traceback.format_exc())
            return
        self._stop(arn, "EssentialContainerExited", "Essential container in task exited", ended)

    def _run_one(self, arn: str, name: str, unit: Any, asked: Any) -> dict[str, Any]:
        process = self._running[arn] = Process("ecs", name, asked)
        argv, more = self._command(name, asked)
        told = {one["name"]: one["value"] for one in unit.get("environment") or []}
        self._processes.run(process, argv, {**told, **more})
        code = process.exit_code or 0
        shown = 128 - code if code < 0 else code
        return {"name": _UNIT, "lastStatus": "STOPPED", "exitCode": shown}

    def _run_together(
        self,
        arn: str,
        name: str,
        definition: Mapping[str, Any],
        overrides: dict[str, Any],
        asked: Any,
    ) -> list[dict[str, Any]]:
        _, more = self._command(name, asked)
        at = f"{self.endpoint}{METADATA}{arn.rpartition('/')[2]}"
        task = ContainerTask(definition, overrides, self._processes, (name, more), at)
        self._together[arn] = task
        task.run()
        essential = [one["name"] for one in definition["containerDefinitions"] if one["essential"]]
        return [
            {
                "name": state["Name"],
                "lastStatus": state["KnownStatus"],
                **({"exitCode": state["ExitCode"]} if "ExitCode" in state else {}),
            }
            for state in reversed(task.states.values())  # in no order that one could rely on
            if not self.only_essential or state["Name"] in essential
        ]

    def _stop(
        self, arn: str, stop_code: str, reason: str, containers: list[dict[str, Any]]
    ) -> None:
        # one assignment: whoever describes the task sees it whole
        self.tasks[arn] = {
            **self.tasks[arn],
            "lastStatus": "STOPPED",
            "stopCode": stop_code,
            "stoppedReason": reason,
            "stoppedAt": time.time(),
            "containers": containers,
        }

    def metadata(self, path: str) -> dict[str, Any]:
        """Answer what a container asks at its metadata endpoint: about the whole task."""
        task, _, asked = path.removeprefix(METADATA).split("/")
        assert asked == "task", path
        (arn,) = (arn for arn in self._together if arn.endswith(f"/{task}"))
        states = list(self._together[arn].states.values())
        return {"TaskARN": arn, "KnownStatus": "RUNNING", "Containers": states}

    def describetasks(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"tasks": [self.tasks[arn] for arn in body["tasks"]], "failures": []}

    def stoptask(self, body: dict[str, Any]) -> dict[str, Any]:
        together, process = self._together.get(body["task"]), self._running.get(body["task"])
        if together is not None:
            together.stop()
        if process is not None:
            process.kill()
        return {"task": self.tasks[body["task"]]}
