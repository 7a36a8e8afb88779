"""The task that one server of a component class is."""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

from flowc_shim.aws_secrets import SSM
from flowc_targets.step_functions.compute import image_in
from flowc_targets.step_functions.deploy.roles import ACCOUNT, ARN, HERE, REGION
from flowc_targets.step_functions.fargate import DISK_GIB, asked, fargate_size

if TYPE_CHECKING:
    from flowc.source.stack_model import Deploy, Stack
    from flowc_targets.step_functions.classes.names import ClassNames

CONTAINER = "server"
FARGATE = "FARGATE"
SPOT = "FARGATE_SPOT"

STOP_SECONDS = 120
"""What a task on Fargate gets at most between being told to stop and being killed."""

START_SECONDS = 300
"""A server may take five minutes to load a model, the most that ECS has."""

CHECK_SECONDS = 15
CHECKS = 10
"""Of which all have to fail before a server is taken for dead: one that computes answers late."""

_PROBE = (
    'url="http://127.0.0.1:$PORT{path}"; '
    'if command -v curl >/dev/null; then exec curl -fsS -m 10 -o /dev/null "$url"; fi; '
    'if command -v wget >/dev/null; then exec wget -q -T 10 -O /dev/null "$url"; fi; '
    "exec python3 -c 'import sys, urllib.request; "
    'urllib.request.urlopen(sys.argv[1], timeout=10)\' "$url"'
)
"""ECS looks from inside of the container, with what the image has."""


def on_fargate(deploy: Deploy) -> bool:
    """Whether servers run on Fargate, not on machines of the cluster."""
    return deploy.capacity_provider in (None, FARGATE, SPOT)


def provider_of(deploy: Deploy) -> str | None:
    """Return the capacity provider that servers ask for, None for plain Fargate."""
    if deploy.capacity_provider is not None:
        return deploy.capacity_provider
    return SPOT if deploy.profile is not None and deploy.profile.preemptible else None


def server_task(deploy: Deploy, names: ClassNames, execution_role: str, stack: Stack) -> Any:
    """Return the task definition of a class's servers, and its name, which says what is in it."""
    body = {
        "RequiresCompatibilities": ["FARGATE" if on_fargate(deploy) else "EC2"],
        "NetworkMode": "awsvpc",
        **_size(deploy),
        "ExecutionRoleArn": execution_role,
        "ContainerDefinitions": [_container(deploy, names, stack)],
    }
    if deploy.service_account is not None:
        body["TaskRoleArn"] = f"{ARN}:iam::{ACCOUNT}:role/{deploy.service_account}"
    inside = json.dumps(body, sort_keys=True)
    return f"{names.service}-p-{hashlib.sha256(inside.encode()).hexdigest()[:12]}", body


def _size(deploy: Deploy) -> dict[str, Any]:
    if not on_fargate(deploy):
        cpu, memory = asked(deploy.needs)
        return {"Cpu": str(cpu), "Memory": str(memory)}
    size = fargate_size(deploy.needs)
    found: dict[str, Any] = {"Cpu": str(size.cpu), "Memory": str(size.memory)}
    if size.disk != DISK_GIB:
        found["EphemeralStorage"] = {"SizeInGiB": size.disk}
    return found


def _container(deploy: Deploy, names: ClassNames, stack: Stack) -> dict[str, Any]:
    container: dict[str, Any] = {
        "Name": CONTAINER,
        "Image": image_in(stack, deploy.image),
        "Essential": True,
        "Environment": _environment(deploy),
        "PortMappings": [
            {"ContainerPort": deploy.port, "HostPort": deploy.port, "Protocol": "tcp"}
        ],
        "HealthCheck": {
            "Command": ["CMD-SHELL", _PROBE.replace("{path}", deploy.health_path)],
            "Interval": CHECK_SECONDS, "Timeout": 12, "Retries": CHECKS,
            "StartPeriod": START_SECONDS,
        },
        "StopTimeout": stop_seconds(deploy),
        "LogConfiguration": _log(names),
    }  # fmt: skip
    secrets = [
        {"Name": name, "ValueFrom": secret_arn(str(value["secret"]))}
        for name, value in sorted(deploy.env.items())
        if isinstance(value, dict)
    ]
    more = {"EntryPoint": list(deploy.command), "Command": list(deploy.args), "Secrets": secrets}
    if deploy.needs is not None and deploy.needs.gpu:
        more["ResourceRequirements"] = [{"Type": "GPU", "Value": str(deploy.needs.gpu)}]
    return container | {key: value for key, value in more.items() if value}


def stop_seconds(deploy: Deploy) -> int:
    """Return how long a server that was told to stop may go on with its calls."""
    grace = math.ceil(deploy.grace)
    return max(2, min(grace, STOP_SECONDS) if on_fargate(deploy) else grace)


def _environment(deploy: Deploy) -> list[dict[str, str]]:
    """Return the variables of a server by name; ``PORT`` says where it is to listen."""
    plain = {name: str(value) for name, value in deploy.env.items() if not isinstance(value, dict)}
    given = {**plain, "PORT": str(deploy.port)}
    return [{"Name": name, "Value": given[name]} for name in sorted(given)]


def _log(names: ClassNames) -> dict[str, Any]:
    options = {
        "awslogs-group": names.log_group, "awslogs-region": REGION, "awslogs-stream-prefix": "task"
    }  # fmt: skip
    return {"LogDriver": "awslogs", "Options": options}


def secret_arn(name: str) -> str:
    """Return the ARN by which ECS finds a secret; Secrets Manager takes one without its suffix."""
    if name.startswith(SSM):
        return f"{ARN}:ssm:{HERE}:parameter/{name.removeprefix(SSM).lstrip('/')}"
    return f"{ARN}:secretsmanager:{HERE}:secret:{name}"
