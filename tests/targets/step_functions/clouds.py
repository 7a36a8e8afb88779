"""An AWS that flows are deployed to: moto's services over HTTP, their tasks as processes."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from tests.conformance.model import HERE as CONFORMANCE
from tests.engines.step_functions.engine import ACCOUNT, REGION, StepFunctionsEngine

from flowc.deploy.changes import changes, outstanding
from flowc.deploy.model import Address, Kind
from flowc_shim.stores.open import open_store
from flowc_targets._shared.names import object_name
from flowc_targets.step_functions.compute import BASE_LENGTH
from flowc_targets.step_functions.deploy.cloud import Cloud
from flowc_targets.step_functions.deploy.deployer import AwsDeployer
from flowc_targets.step_functions.deploy.provider import AwsProvider

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc.deploy.model import Change
    from flowc.target import Compilation
    from flowc_shim.stores.api import StateStore

FUNCTION = Path(__file__).with_name("function.py")
BUCKET = "bucket"
DEPLOYED_TO = (
    "stepfunctions", "lambda", "batch", "iam", "logs", "scheduler", "events",
    "secretsmanager", "ecs", "servicediscovery", "applicationautoscaling", "elbv2",
)  # fmt: skip
"""Services in which deployments, or tests, make something."""


class Session:
    """boto3's session, with an endpoint, and with somebody who sees every call first."""

    region_name = REGION

    def __init__(self, endpoint: str, before: Callable[[str], None] | None = None) -> None:
        self._endpoint = endpoint
        self._before = before

    def client(self, service: Any, **options: Any) -> Any:
        options.setdefault("endpoint_url", self._endpoint)
        made: Any = boto3.client(
            service, aws_access_key_id="testing", aws_secret_access_key="testing", **options
        )
        if self._before is not None:
            see = self._before
            made.meta.events.register(
                "before-call", lambda model, **_: see(f"{service}.{model.name}")
            )
        return made


def address_of(compilation: Compilation) -> Address:
    flow = compilation.program.name or "flow"
    placement = compilation.placement
    return Address(compilation.name, flow, placement.stack, placement.project, placement.branch)


def provider(
    endpoint: str,
    compilation: Compilation,
    session: Session | None = None,
    pause: Callable[[float], None] = lambda _: None,
) -> AwsProvider:
    cloud = Cloud(session or Session(endpoint), REGION, pause=pause)
    address = address_of(compilation)
    return AwsProvider(cloud, address, object_name(address.name, BASE_LENGTH))


def plan(there: AwsProvider, compilation: Compilation | None) -> tuple[Change, ...]:
    """What a deployment would do; of nothing, an undeploy."""
    desired = AwsDeployer().desired(compilation) if compilation else ()
    return changes(desired, there.observe(desired))


def deploy(there: AwsProvider, compilation: Compilation | None) -> tuple[Change, ...]:
    """Do it, in the order of the core, as the command does."""
    done = plan(there, compilation)
    for change in outstanding(done):
        if change.kind is Kind.DELETE:
            there.delete(change)
        else:
            there.apply(change)
    return done


class Aws:
    """The engine, whose functions and jobs have the environment that was deployed."""

    def __init__(self, **options: Any) -> None:
        self.engine = StepFunctionsEngine(
            self._function, job_command=self._job, task_definition=self._task, **options
        )
        self._written: set[int] = set()

    def __enter__(self) -> Aws:
        self.engine.__enter__()
        prepare(self.engine.endpoint)
        return self

    def __exit__(self, *exception: object) -> None:
        self.engine.__exit__(*exception)

    def client(self, service: str) -> Any:
        return Session(self.engine.endpoint).client(service, region_name=REGION)

    def _function(self, name: str, event: Any) -> tuple[list[str], dict[str, str]]:
        got = self.client("lambda").get_function(FunctionName=name)
        environment = got["Configuration"]["Environment"]["Variables"]
        handler = got["Configuration"]["ImageConfigResponse"]["ImageConfig"]["Command"][-1]
        words = [sys.executable, str(FUNCTION), handler]
        return words, self._with_components(environment)

    def _job(self, name: str, body: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
        environment = {one["name"]: one["value"] for one in self._variables(name)}
        command = body["containerOverrides"]["command"]
        assert command[0] == "flowc-shim"
        words = [sys.executable, "-m", "flowc_shim", *command[1:]]
        return words, self._with_components(environment)

    def _task(self, name: str) -> Any:
        got = self.client("ecs").describe_task_definition(taskDefinition=name)
        return got["taskDefinition"]

    def _variables(self, name: str) -> Any:
        """Return the environment of a job definition, or of a task definition of that name."""
        named = {"jobDefinitionName": name, "status": "ACTIVE"}
        jobs = self.client("batch").describe_job_definitions(**named)["jobDefinitions"]
        if jobs:
            return jobs[0]["containerProperties"]["environment"]
        task = self.client("ecs").describe_task_definition(taskDefinition=name)["taskDefinition"]
        return task["containerDefinitions"][0]["environment"]

    def store(self) -> StateStore:
        """The state store of the flows, as people look into it."""
        return open_store(
            f"s3://{BUCKET}/state",
            {
                "endpoint": self.engine.endpoint,
                "region": REGION,
                "access_key_id": "testing",
                "secret_access_key": "testing",
            },
        )

    def objects(self) -> list[str]:
        """What deployments put into the store, runs aside."""
        listed = self.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])
        keys = [one["Key"].removeprefix("state/") for one in listed]
        return [key for key in keys if key.startswith(("plans/", "indices/"))]

    def invoke(self, function: str, event: Any) -> Any:
        """Invoke a function that is not one of units."""
        body = json.dumps(event).encode()
        answer = self.engine.service_client("lambda").invoke(FunctionName=function, Payload=body)
        result = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, result
        return result

    def write_logs(self) -> None:
        """Write what functions printed where Lambda does, a stream for each invocation."""
        client = self.client("logs")
        for process in list(self.engine.processes.all):
            ended = process.kind == "lambda" and process.exit_code is not None
            if not ended or id(process) in self._written:
                continue
            self._written.add(id(process))
            place = {
                "logGroupName": f"/aws/lambda/{process.name}",
                "logStreamName": f"2027/[1]{len(self._written)}",
            }
            with contextlib.suppress(client.exceptions.ResourceNotFoundException):
                client.create_log_stream(**place)
                now = int(time.time() * 1000)
                lines = ["START RequestId: 1", *process.stdout.splitlines()[:-1],
                         *process.stderr.splitlines(), "END RequestId: 1"]  # fmt: skip
                events = [{"timestamp": now, "message": line} for line in lines if line]
                client.put_log_events(**place, logEvents=events)

    def empty(self) -> None:
        """Take away what a test deployed and stored."""
        for name in DEPLOYED_TO:
            reset(name)
        client = self.client("s3")
        for one in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
            client.delete_object(Bucket=BUCKET, Key=one["Key"])
        self.engine.processes.all.clear()

    @staticmethod
    def _with_components(environment: dict[str, str]) -> dict[str, str]:
        return {**environment, "PYTHONPATH": str(CONFORMANCE / "python")}


def reset(service: str) -> None:
    """Take away all that one of moto's services has."""
    if service == "lambda":  # those that start no containers
        from moto.awslambda_simple.models import lambda_simple_backends as backends
    elif service == "batch":
        from moto.batch_simple.models import batch_simple_backends as backends
    elif service == "stepfunctions":  # those that execute
        from moto.stepfunctions.parser.models import stepfunctions_parser_backends as backends
    else:
        from moto.backends import get_backend

        backends = get_backend(service)
    backends[ACCOUNT]["aws" if service == "iam" else REGION].reset()


def prepare(endpoint: str) -> None:
    """Make what deployments find: a bucket, an image, queues."""
    session = Session(endpoint)
    session.client("s3", region_name=REGION).create_bucket(Bucket=BUCKET)
    ecr = session.client("ecr", region_name=REGION)
    ecr.create_repository(repositoryName="units")
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    layers = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": {"digest": "sha256:" + "0" * 64},
        "layers": [],
    }
    ecr.put_image(repositoryName="units", imageManifest=json.dumps(layers), imageTag="1")
