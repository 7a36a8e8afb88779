"""ECS's API, as much of it as Step Functions calls: RunTask runs a command as a subprocess."""

from __future__ import annotations

import threading
import time
import traceback
import uuid
from typing import TYPE_CHECKING, Any

from tests.engines.step_functions.processes import Process, Processes

if TYPE_CHECKING:
    from collections.abc import Callable

Command = tuple[list[str], dict[str, str]]
_HERE = "arn:aws:ecs:us-east-1:123456789012"


class Ecs:
    """Tasks by their ARN; `errors` has what went wrong in the harness itself."""

    def __init__(
        self, processes: Processes, command: Callable[[str, dict[str, Any]], Command]
    ) -> None:
        self.tasks: dict[str, dict[str, Any]] = {}
        self.errors: list[str] = []
        self._processes = processes
        self._command = command
        self._running: dict[str, Process] = {}

    def runtask(self, body: dict[str, Any]) -> dict[str, Any]:
        network = body["networkConfiguration"]["awsvpcConfiguration"]
        spot = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
        strategy = body.get("capacityProviderStrategy")
        assert strategy == spot or body["launchType"] == "FARGATE", body
        assert network["subnets"], body
        (override,) = body["overrides"]["containerOverrides"]
        arn = f"{_HERE}:task/{body['cluster']}/{uuid.uuid4().hex}"
        self.tasks[arn] = {
            "taskArn": arn,
            "clusterArn": f"{_HERE}:cluster/{body['cluster']}",
            "taskDefinitionArn": f"{_HERE}:task-definition/{body['taskDefinition']}:1",
            "lastStatus": "PENDING",
            "containers": [{"name": override["name"], "lastStatus": "PENDING"}],
            "startedBy": body.get("startedBy", ""),
        }
        # a job's form, so that whoever tests gives one function for jobs and tasks
        asked = {"containerOverrides": {"command": override["command"]}}
        environment = {one["name"]: one["value"] for one in override.get("environment") or []}
        arguments = (arn, body["taskDefinition"], asked, environment)
        threading.Thread(target=self._run, args=arguments, daemon=True).start()
        return {"tasks": [self.tasks[arn]], "failures": []}

    def _run(self, arn: str, definition: str, asked: Any, environment: dict[str, str]) -> None:
        process = self._running[arn] = Process("ecs", definition, asked)
        try:
            argv, more = self._command(definition, asked)
            self._processes.run(process, argv, {**environment, **more})
        except Exception as error:
            self._stop(arn, "TaskFailedToStart", f"CannotStartContainerError: {error}", None)
            if not isinstance(error, OSError):
                self.errors.append(traceback.format_exc())
            return
        code = process.exit_code or 0
        shown = 128 - code if code < 0 else code
        self._stop(arn, "EssentialContainerExited", "Essential container in task exited", shown)

    def _stop(self, arn: str, stop_code: str, reason: str, exit_code: int | None) -> None:
        task = self.tasks[arn]
        container = {**task["containers"][0], "lastStatus": "STOPPED"}
        if exit_code is not None:
            container["exitCode"] = exit_code
        # one assignment: whoever describes the task sees it whole
        self.tasks[arn] = {
            **task,
            "lastStatus": "STOPPED",
            "stopCode": stop_code,
            "stoppedReason": reason,
            "stoppedAt": time.time(),
            "containers": [container],
        }

    def describetasks(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"tasks": [self.tasks[arn] for arn in body["tasks"]], "failures": []}

    def stoptask(self, body: dict[str, Any]) -> dict[str, Any]:
        process = self._running.get(body["task"])
        if process is not None:
            process.kill()
        return {"task": self.tasks[body["task"]]}
