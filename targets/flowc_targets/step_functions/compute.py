"""Where each unit runs: which Lambda function, or which Batch job definition and queue.

Names, never ARNs: ``lambda:invoke`` and ``batch:submitJob`` take both, and so nothing in the
machine depends on an account or a region. Names carry what must not change under a run that is in
flight: a function is invoked by an alias that is named by what is in it and never moved, a job
definition has that in its name (engine rule 6). The plan is not in it: it is named in each event.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowc.source.model import Needs
from flowc_shim.aws_secrets import AWS_SECRETS
from flowc_shim.blob_api.address import TOKEN, URL
from flowc_shim.contract.scopes import is_outermost
from flowc_targets._shared.names import object_name
from flowc_targets._shared.secrets import secret_environment
from flowc_targets.step_functions.classes.network import of_functions
from flowc_targets.step_functions.fargate import (
    DISK_GIB,
    Size,
    beside_shim,
    beyond_fargate,
    fargate_size,
)
from flowc_targets.step_functions.limits import (
    LAMBDA_DISK_MB,
    LAMBDA_MB_PER_CPU,
    LAMBDA_MEMORY_MB,
    LAMBDA_SECONDS,
    LAMBDA_TIME_BOUND,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.ir.layout import Unit
    from flowc.ir.own_images import OwnImage
    from flowc.source.stack_model import Stack
    from flowc.target import Compilation

LAMBDA = "lambda"
BATCH = "batch"
ECS = "ecs"

CALLING = ("steps", "while")
"""Kinds of units that call components; the others only decide."""

IMAGE_PARAMETER = "${UnitImage}"
"""The image where the stack names none; a named parameter, filled at deployment."""

OWN_REGISTRY = "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}"
"""Where images without a host are if the stack names no registry."""

HANDLER = ("python", "-m", "awslambdaric", "flowc_shim.aws_lambda.handle")
"""The image's command as a function (https://docs.aws.amazon.com/lambda/latest/dg/python-image.html);
as a job it is ``flowc-shim``."""


DEFAULT_QUEUE = "flowc"
"""The Batch job queue of units whose profile names none."""

MEMORY_MB = 1_024
"""A function whose unit asks for nothing. Half of it would do, but cpu comes with memory, and
starting Python is all that most units spend."""

DECIDE_MEMORY_MB = 512
BATCH_MEMORY_MB = 2_048
DISK_MB = 512
"""What every function has; more is asked for."""

_MB = 1024 * 1024
BASE_LENGTH = 36
"""Of a function's 64 characters: the suffixes take the rest."""


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function; sizes in MB."""

    name: str
    memory: int
    disk: int = DISK_MB


@dataclass(frozen=True, slots=True)
class Job:
    """A Batch job definition (``base``: its name without version) and its queue; MiB of memory.

    ``nodes``: how many machines run it together. ``scoped``: its command names an item of a loop.
    """

    base: str
    name: str
    queue: str
    cpu: int
    memory: int
    gpu: int
    profile: str | None
    preemptible: bool
    nodes: int = 1
    scoped: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """An ECS task definition (``base``: its family without version).

    ``own_image``: what has a container of its own in it, beside the shim's.
    """

    base: str
    name: str
    size: Size
    own_image: OwnImage | None = None


@dataclass(frozen=True, slots=True)
class Compute:
    """What the units of one compilation run on."""

    base: str
    alias: str
    image: str
    environment: Mapping[str, str]
    stack: Stack
    network: Mapping[str, list[str]] | None = None
    """Of the functions that call components, None if they are in none of the account's."""

    @staticmethod
    def of(compilation: Compilation) -> Compute:
        """Return the compute of a flow, and of the detached flows below it."""
        stack = compilation.placement.stack
        image, environment = _image(stack), _environment(compilation)
        network = of_functions(compilation)
        more: list[Any] = [] if network is None else [network]
        more += _own_images(compilation)
        inside = json.dumps([HANDLER, LAMBDA_SECONDS, image, environment, *more])
        version = hashlib.sha256(inside.encode()).hexdigest()
        base = object_name(compilation.name, BASE_LENGTH)
        return Compute(base, f"p-{version[:12]}", image, environment, stack, network)

    @property
    def decide(self) -> Function:
        """Return the function that runs no user code.

        It settles, asks, opens, closes, finishes, and starts runs of detached flows.
        """
        return Function(f"{self.base}-decide", DECIDE_MEMORY_MB)

    def kind(self, unit: Unit) -> str:
        """Return what ``unit`` runs on: ``lambda``, ``batch`` or ``ecs``.

        Where nothing says so, Lambda if the unit fits; else ECS, if the stack says where tasks run
        and Fargate has what the unit asks for; else Batch. An image of its own needs ECS.
        """
        said = self.said(unit)
        if said is not None:
            return said
        queued = unit.profile is not None and unit.profile.queue is not None
        if unit.own_image is not None:
            return BATCH if queued else ECS
        if not beyond_lambda(unit):
            return LAMBDA
        fits = self.stack.ecs is not None and not queued and not beyond_fargate(unit.needs)
        return ECS if fits else BATCH

    def is_job(self, unit: Unit) -> bool:
        """Whether ``unit`` is a container that is started, watched, and answers nothing."""
        return self.kind(unit) in (BATCH, ECS)

    def said(self, unit: Unit) -> str | None:
        """Return what ``unit`` has to run on, None if its needs decide."""
        if unit.kind not in CALLING or unit.starts_runs:
            return LAMBDA
        if unit.locations is not None:
            return BATCH
        return (unit.profile.compute if unit.profile else None) or self.stack.compute

    def function(self, unit: Unit) -> Function:
        """Return the function of a Lambda unit; units of equal size share one."""
        if unit.kind not in CALLING or unit.starts_runs:
            return self.decide
        memory, disk = lambda_memory(unit.needs), lambda_disk(unit.needs)
        name = f"{self.base}-unit"
        if memory != MEMORY_MB:
            name += f"-m{memory}"
        if disk != DISK_MB:
            name += f"-d{disk}"
        return Function(name, memory, disk)

    def task(self, unit: Unit) -> Task:
        """Return the task definition of an ECS unit; units of equal size share one.

        Those with an image of their own do if they call the same component.
        """
        own = unit.own_image
        size = fargate_size(unit.needs if own is None else beside_shim(unit.needs))
        name = f"{self.base}-t{size.cpu}-m{size.memory}"
        if size.disk != DISK_GIB:
            name += f"-d{size.disk}"
        if own is not None:
            called = json.dumps([own.component_class, own.component])
            name += f"-c{hashlib.sha256(called.encode()).hexdigest()[:8]}"
        return Task(name, f"{name}-{self.alias}", size, own)

    def job(self, unit: Unit) -> Job:
        """Return the job definition of a Batch unit; units of equal size and queue share one."""
        needs = unit.needs or Needs()
        # Whole vCPUs: a job definition for EC2 takes nothing else.
        cpu = max(1, math.ceil(needs.cpu or 1))
        memory = math.ceil((needs.memory or BATCH_MEMORY_MB * _MB) / _MB)
        size = f"c{cpu}-m{memory}" + (f"-g{needs.gpu}" if needs.gpu else "")
        nodes = 1 if unit.locations is None else unit.locations.value
        scoped = nodes > 1 and not is_outermost(unit.scope)
        if nodes > 1:
            size += f"-n{nodes}" + ("-s" if scoped else "")
        profile = unit.profile
        return Job(
            base=f"{self.base}-{size}",
            name=f"{self.base}-{size}-{self.alias}",
            queue=(profile.queue if profile else None) or DEFAULT_QUEUE,
            cpu=cpu,
            memory=memory,
            gpu=needs.gpu or 0,
            profile=profile.name if profile else None,
            preemptible=profile.preemptible if profile else False,
            nodes=nodes,
            scoped=scoped,
        )


def _own_images(compilation: Compilation) -> list[str]:
    """Return what is in the containers that units have beside the shim's: part of the version."""
    stack, found = compilation.placement.stack, set()
    for unit in (unit for one in compilation.family for unit in one.layout.units.values()):
        if (own := unit.own_image) is not None:
            inside = [image_in(stack, own.image), own.command, own.args, dict(own.env)]
            found.add(json.dumps([own.component_class, own.component, *inside]))
    return sorted(found)


def _image(stack: Stack) -> str:
    return IMAGE_PARAMETER if stack.unit_image is None else image_in(stack, stack.unit_image)


def image_in(stack: Stack, image: str) -> str:
    """Return an image in full; one without a host is in the stack's registry, or in ECR here."""
    host = image.split("/")[0] if "/" in image else ""
    if "." in host or ":" in host or host == "localhost":
        return image
    return f"{(stack.registry or OWN_REGISTRY).rstrip('/')}/{image}"


def _environment(compilation: Compilation) -> dict[str, str]:
    """Return the environment of everything that runs the shim; secrets are only named."""
    store = compilation.placement.stack.state_store
    found = {
        "FLOWC_STORE": store.url if store else "",  # a missing one is refused
        "FLOWC_DEPLOYMENT": deployment_of(compilation.name),
    }
    if store and store.options:
        found["FLOWC_STORE_OPTIONS"] = json.dumps(dict(store.options), sort_keys=True)
    files = compilation.placement.stack.artifact_store
    if files is not None:
        found["FLOWC_ARTIFACTS"] = files.url
        found["FLOWC_ARTIFACT_OPTIONS"] = json.dumps(dict(files.options), sort_keys=True)
    blobs = compilation.placement.stack.blob_api
    if blobs is not None and blobs.url is not None:
        found[URL] = blobs.url
    secrets = secret_names(compilation)
    if secrets:
        found[AWS_SECRETS] = json.dumps(secrets, sort_keys=True)
    return found


def deployment_of(name: str) -> str:
    """Return how the state store calls a deployment of this name."""
    return f"step-functions/{name}"


def secret_names(compilation: Compilation) -> dict[str, str]:
    """Return environment variable → name in Secrets Manager, or in SSM behind ``ssm:``."""
    found: dict[str, str] = {}
    for one in compilation.family:
        found |= secret_environment(one)
    endpoint = compilation.placement.stack.blob_api
    return found if endpoint is None else {**found, TOKEN: endpoint.token}


def lambda_memory(needs: Needs | None) -> int:
    """Return the MB that a function needs for ``needs``: cpu is bought with memory."""
    if needs is None or (needs.memory is None and needs.cpu is None):
        return MEMORY_MB
    memory = math.ceil((needs.memory or 0) / _MB)
    cpu = needs.cpu or 0
    # Half a cpu and less comes with what every function has.
    return max(128, memory, math.ceil(cpu * LAMBDA_MB_PER_CPU) if cpu > 1 / 2 else 0)


def lambda_disk(needs: Needs | None) -> int:
    """Return the MB of ``/tmp``."""
    return max(DISK_MB, math.ceil((needs.disk or 0) / _MB)) if needs else DISK_MB


TIME = "time"
"""The key of :func:`beyond_lambda` for the time that all attempts take."""


def beyond_lambda(unit: Unit) -> dict[str, str]:
    """Return what ``unit`` asks for that no function has: the key of the need, and in words."""
    needs = unit.needs or Needs()
    found = {}
    if needs.gpu:
        found["gpu"] = f"{needs.gpu} GPU, and Lambda has none"
    memory = -(-(needs.memory or 0) // _MB)
    if memory > LAMBDA_MEMORY_MB:
        found["memory"] = f"{memory} MB of memory, and Lambda has {LAMBDA_MEMORY_MB}"
    elif lambda_memory(unit.needs) > LAMBDA_MEMORY_MB:
        cpus = LAMBDA_MEMORY_MB / LAMBDA_MB_PER_CPU
        found["cpu"] = f"{needs.cpu:g} cpu, and Lambda has {cpus:.1f}"
    disk = lambda_disk(unit.needs)
    if disk > LAMBDA_DISK_MB:
        found["disk"] = f"{disk} MB of disk, and Lambda has {LAMBDA_DISK_MB}"
    # what runs many passes hands back between two of them
    bound = None if unit.kind == "while" else unit.time_bound
    if bound is not None and bound > LAMBDA_TIME_BOUND:
        found[TIME] = f"{bound:g} s, and {LAMBDA_TIME_BOUND} s fit into a Lambda function"
    return found
