"""The task definitions of units: the shim's container, and a program's where it has an image.

Of a task with a program the shim's container is the essential one: when it ends, the task does. The
program waits for the gate, which waits for a file in the folder that all three share
(:mod:`flowc_shim.components.task_container`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc_shim.components.command_contract import contract_paths
from flowc_shim.components.ecs_task import (
    FOLDER,
    GATE,
    GATE_CONTAINER,
    PROGRAM,
    PROGRAM_CONTAINER,
    SHARED_FOLDER,
    UNIT_CONTAINER,
)
from flowc_shim.contract.secrets import named_secret
from flowc_targets.step_functions.classes.servers import secret_arn
from flowc_targets.step_functions.compute import image_in
from flowc_targets.step_functions.deploy.roles import REGION
from flowc_targets.step_functions.fargate import DISK_GIB, SHIM_MB

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.ir.own_images import OwnImage
    from flowc_targets.step_functions.compute import Task
    from flowc_targets.step_functions.deploy.needs import Needs
    from flowc_targets.step_functions.deploy.roles import Role

Container = dict[str, Any]

VOLUME = "call"
ROOT = "0"
"""A folder of a task belongs to root; the shim opens it to whoever the program runs as, and reads
what that leaves there."""

GATE_STOP_SECONDS = 2
"""The gate ends as soon as it is told to; less is not offered."""


def task_definition(needs: Needs, task: Task, role: Role, pull: Role) -> dict[str, Any]:
    """Return the body of a task definition."""
    body: dict[str, Any] = {
        "RequiresCompatibilities": ["FARGATE"],
        "NetworkMode": "awsvpc",
        "Cpu": str(task.size.cpu),
        "Memory": str(task.size.memory),
        "TaskRoleArn": role.arn,
        "ExecutionRoleArn": pull.arn,
        "ContainerDefinitions": _containers(needs, task),
    }
    if task.own_image is not None:
        body["Volumes"] = [{"Name": VOLUME}]
    if task.size.disk != DISK_GIB:
        body["EphemeralStorage"] = {"SizeInGiB": task.size.disk}
    return body


def _containers(needs: Needs, task: Task) -> list[Container]:
    own = task.own_image
    if own is None:
        return [_unit(needs, needs.compute.environment)]
    told = {PROGRAM: own.component, FOLDER: SHARED_FOLDER}
    unit = _unit(needs, {**needs.compute.environment, **told})
    return [
        unit | {"User": ROOT, "MountPoints": [_mount()]},
        _gate(needs),
        _program(needs, own, task.size.memory - SHIM_MB),
    ]


def _unit(needs: Needs, environment: Mapping[str, str]) -> Container:
    return {
        "Name": UNIT_CONTAINER,
        "Image": needs.compute.image,
        "Essential": True,
        "Environment": variables(environment),
        "LogConfiguration": _log(needs),
    }


def _gate(needs: Needs) -> Container:
    return {
        "Name": GATE_CONTAINER,
        "Image": needs.compute.image,
        "Essential": False,
        "Command": ["flowc-shim", "await-file", f"{SHARED_FOLDER}/{GATE}"],
        "Environment": [],
        "MountPoints": [_mount(read_only=True)],
        "StopTimeout": GATE_STOP_SECONDS,
        "LogConfiguration": _log(needs),
    }


def _program(needs: Needs, own: OwnImage, memory: int) -> Container:
    """Return the user's container: nothing of the shim's environment is in it."""
    secrets = {name: named_secret(value) for name, value in own.env.items()}
    plain = {name: str(value) for name, value in own.env.items() if secrets[name] is None}
    container = {
        "Name": PROGRAM_CONTAINER,
        "Image": image_in(needs.compute.stack, own.image),
        "Essential": False,
        "DependsOn": [{"ContainerName": GATE_CONTAINER, "Condition": "SUCCESS"}],
        "Environment": variables({**plain, **contract_paths(SHARED_FOLDER)}),
        "MountPoints": [_mount()],
        "Memory": memory,  # a program that takes more must not have the shim killed
        "LogConfiguration": _log(needs),
    }
    more = {
        "EntryPoint": list(own.command),
        "Command": list(own.args),
        "Secrets": [
            {"Name": name, "ValueFrom": secret_arn(secret)}
            for name, secret in sorted(secrets.items())
            if secret is not None
        ],
    }
    return container | {key: value for key, value in more.items() if value}


def _mount(*, read_only: bool = False) -> dict[str, Any]:
    mount: dict[str, Any] = {"SourceVolume": VOLUME, "ContainerPath": SHARED_FOLDER}
    return {**mount, "ReadOnly": True} if read_only else mount


def variables(environment: Mapping[str, str]) -> list[dict[str, str]]:
    """Return environment variables as definitions have them, by name."""
    return [{"Name": name, "Value": environment[name]} for name in sorted(environment)]


def _log(needs: Needs) -> dict[str, Any]:
    options = {"awslogs-group": needs.job_log_group, "awslogs-region": REGION}
    # ECS names the streams by this, container and task.
    return {"LogDriver": "awslogs", "Options": {**options, "awslogs-stream-prefix": "task"}}
