"""Lambda's and Batch's HTTP APIs, as much of them as Step Functions calls; ECS's beside them."""

from __future__ import annotations

import json
import re
import threading
import time
import traceback
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from tests.engines.step_functions.processes import Process, Processes

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engines.step_functions.ecs_service import Ecs

Command = tuple[list[str], dict[str, str]]
TYPED_ERROR = 70
"""The exit code with which a function says: my last line is {errorType, errorMessage}."""

_ECS = "AmazonEC2ContainerServiceV20141113."
_INVOKE = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
_FUNCTION_ARN = re.compile(r"(?:arn:[^:]*:lambda:[^:]*:[^:]*:function:)?([^:]+)(?::[^:]+)?")


class ApiError(Exception):
    """An answer with an error code, as the real service would give."""


class Lambda:
    """Invoke: one subprocess per invocation, event on its stdin, result on its last line."""

    def __init__(
        self,
        processes: Processes,
        command: Callable[[str, Any], Command],
        timeout: float | None,
    ) -> None:
        self._processes = processes
        self._command = command
        self._timeout = timeout

    def invoke(self, name: str, event: Any) -> tuple[Any, bool]:
        """Return the payload, and whether it is an error."""
        request_id = str(uuid.uuid4())
        process = Process("lambda", name, event)
        argv, environment = self._command(name, event)
        self._processes.run(
            process, argv, environment, stdin=json.dumps(event), timeout=self._timeout
        )
        lines = process.stdout.strip().splitlines()
        try:
            result = json.loads(lines[-1]) if lines else None
        except ValueError:
            result = None
            if process.exit_code in (0, TYPED_ERROR):
                return _error("Runtime.MarshalError", f"not JSON: {lines[-1]}"), True
        if process.timed_out:
            message = f"Task timed out after {self._timeout:.2f} seconds"
            return _error("Sandbox.Timedout", f"RequestId: {request_id} Error: {message}"), True
        if process.exit_code == 0:
            return result, False
        if process.exit_code == TYPED_ERROR and isinstance(result, dict) and "errorType" in result:
            return result, True
        message = f"Runtime exited with error: {_how_it_ended(process.exit_code)}"
        return _error("Runtime.ExitError", f"RequestId: {request_id} Error: {message}"), True


def _error(kind: str, message: str) -> dict[str, str]:
    return {"errorType": kind, "errorMessage": message}


def _how_it_ended(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return "signal: killed" if exit_code == -9 else f"signal: {-exit_code}"
    return f"exit status {exit_code}"


@dataclass
class Job:
    """A Batch job; `description` is what DescribeJobs gives."""

    description: dict[str, Any]
    request: dict[str, Any]
    process: Process
    stop_reason: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


class Batch:
    """SubmitJob runs the command and environment of containerOverrides as a subprocess."""

    def __init__(
        self, processes: Processes, command: Callable[[str, dict[str, Any]], Command]
    ) -> None:
        self.jobs: dict[str, Job] = {}
        self.errors: list[str] = []
        self._processes = processes
        self._command = command

    def submitjob(self, body: dict[str, Any]) -> dict[str, Any]:
        for unsupported in ("arrayProperties", "dependsOn"):
            if body.get(unsupported):
                raise ApiError(f"ClientException: {unsupported} is not supported here")
        for wanted in ("jobName", "jobQueue", "jobDefinition"):
            if not body.get(wanted):
                raise ApiError(f"ClientException: {wanted} is missing")
        seconds = (body.get("timeout") or {}).get("attemptDurationSeconds")
        if seconds is not None and seconds < 60:
            raise ApiError("ClientException: attemptDurationSeconds must be at least 60")
        overrides = body.get("containerOverrides") or {}
        environment = {e["name"]: e.get("value", "") for e in overrides.get("environment") or []}
        job_id = str(uuid.uuid4())
        description = {
            "jobArn": f"arn:aws:batch:us-east-1:123456789012:job/{job_id}",
            "jobId": job_id,
            "jobName": body["jobName"],
            "jobQueue": body["jobQueue"],
            "jobDefinition": body["jobDefinition"],
            "status": "SUBMITTED",
            "attempts": [],
            "createdAt": _now(),
            "startedAt": _now(),
            "container": {
                "command": overrides.get("command") or [],
                "environment": [{"name": k, "value": v} for k, v in environment.items()],
            },
        }
        job = Job(description, body, Process("batch", body["jobName"], body))
        self.jobs[job_id] = job
        argv, more = self._command(body["jobDefinition"], body)
        attempts = (body.get("retryStrategy") or {}).get("attempts", 1)
        arguments = (job, argv, {**environment, **more, "AWS_BATCH_JOB_ID": job_id}, attempts)
        threading.Thread(target=self._run, args=arguments, daemon=True).start()
        return {key: description[key] for key in ("jobArn", "jobId", "jobName")}

    def _run(self, job: Job, argv: list[str], environment: dict[str, str], attempts: int) -> None:
        for attempt in range(1, attempts + 1):
            with job.lock:
                if job.stop_reason:
                    break
                job.description["status"] = "RUNNING"
            own = {**environment, "AWS_BATCH_JOB_ATTEMPT": str(attempt)}
            try:
                self._on_nodes(job, argv, own)
            except Exception as error:
                self._end(job, "FAILED", f"CannotStartContainerError: {error}", None)
                if not isinstance(error, OSError):
                    self.errors.append(traceback.format_exc())
                return
            code = job.process.exit_code or 0
            shown = 128 - code if code < 0 else code
            job.description["attempts"].append({"container": {"exitCode": shown}})
            if code == 0:
                self._end(job, "SUCCEEDED", "Essential container in task exited", shown)
                return
            if attempt < attempts and not job.stop_reason:
                job.process.exit_code = None
        reason = job.stop_reason or "Essential container in task exited"
        last = job.description["attempts"][-1:] or [{"container": {"exitCode": None}}]
        self._end(job, "FAILED", reason, last[0]["container"]["exitCode"])

    def _on_nodes(self, job: Job, argv: list[str], environment: dict[str, str]) -> None:
        """Run a process per node; when that of the main node ends, the others are ended."""
        nodes = int(environment.get("AWS_BATCH_JOB_NUM_NODES", "1"))
        if nodes == 1:
            self._processes.run(job.process, argv, environment)
            return
        job_id = environment["AWS_BATCH_JOB_ID"]
        name = job.process.name
        others = [Process("batch", f"{name}#{node}", job.request) for node in range(1, nodes)]
        for node, process in enumerate([*others, job.process], 1):
            index = node % nodes
            own = {
                **environment,
                "AWS_BATCH_JOB_ID": f"{job_id}#{index}",
                "AWS_BATCH_JOB_NODE_INDEX": str(index),
                "FLOWC_HOST": f"127.0.0.{index + 1}",
            }
            if index:
                threading.Thread(
                    target=self._processes.run, args=(process, argv, own), daemon=True
                ).start()
            else:
                self._processes.run(process, argv, own)
        for process in others:
            process.kill()

    @staticmethod
    def _end(job: Job, status: str, reason: str, exit_code: int | None) -> None:
        with job.lock:
            job.description["statusReason"] = reason
            job.description["stoppedAt"] = _now()
            if exit_code is not None:
                job.description["container"]["exitCode"] = exit_code
            job.description["status"] = status

    def describejobs(self, body: dict[str, Any]) -> dict[str, Any]:
        found = [self.jobs[job_id] for job_id in body["jobs"] if job_id in self.jobs]
        return {"jobs": [job.description for job in found]}

    def listjobs(self, body: dict[str, Any]) -> dict[str, Any]:
        queue, status = body.get("jobQueue"), body.get("jobStatus", "RUNNING")
        keys = ("jobArn", "jobId", "jobName", "status", "createdAt")
        found = [
            {key: job.description[key] for key in keys}
            for job in self.jobs.values()
            if job.description["jobQueue"] == queue and job.description["status"] == status
        ]
        return {"jobSummaryList": found}

    def terminatejob(self, body: dict[str, Any]) -> dict[str, Any]:
        job = self.jobs.get(body["jobId"])
        if job is not None and job.description["status"] not in ("SUCCEEDED", "FAILED"):
            with job.lock:
                job.stop_reason = body.get("reason") or "Terminated"
            job.process.kill()
        return {}

    canceljob = terminatejob


def _now() -> int:
    return int(time.time() * 1000)


class Services:
    """The server with both APIs; `errors` has what went wrong in the harness itself."""

    def __init__(self, functions: Lambda, batch: Batch, ecs: Ecs) -> None:
        self.errors: list[str] = []
        services = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.reply(200, {}, ecs.metadata(self.path))

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"null")
                try:
                    asked = self.headers.get("X-Amz-Target", "")
                    if asked.startswith(_ECS):
                        action = asked.removeprefix(_ECS).lower()
                        status, headers, answer = 200, {}, getattr(ecs, action)(body)
                    else:
                        status, headers, answer = services._answer(
                            functions, batch, self.path, body
                        )
                except ApiError as error:
                    code, _, message = str(error).partition(": ")
                    status, headers = 400, {"x-amzn-ErrorType": code}
                    answer = {"message": message}
                except Exception:
                    services.errors.append(traceback.format_exc())
                    status, headers = 500, {"x-amzn-ErrorType": "ServiceException"}
                    answer = {"message": "the harness failed"}
                self.reply(status, headers, answer)

            def reply(self, status: int, headers: dict[str, str], answer: Any) -> None:
                text = json.dumps(answer).encode()
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)
                except ConnectionError:  # the execution was stopped and its client is gone
                    self.close_connection = True

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = ecs.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self._thread.start()

    @staticmethod
    def _answer(
        functions: Lambda, batch: Batch, path: str, body: Any
    ) -> tuple[int, dict[str, str], Any]:
        path = urlsplit(path).path
        if invoke := _INVOKE.fullmatch(path):
            name = _FUNCTION_ARN.fullmatch(unquote(invoke[1]))
            if name is None:
                raise ApiError(f"ResourceNotFoundException: no function {invoke[1]}")
            payload, failed = functions.invoke(name[1], body)
            return 200, {"X-Amz-Function-Error": "Unhandled"} if failed else {}, payload
        action = path.removeprefix("/v1/")
        if action in ("submitjob", "describejobs", "listjobs", "terminatejob", "canceljob"):
            return 200, {}, getattr(batch, action)(body)
        raise ApiError(f"UnknownOperationException: {path}")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
