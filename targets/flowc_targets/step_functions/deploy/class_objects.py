"""Every object of a component class on AWS: what runs its servers, finds them, and scales them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc.deploy.model import Desired, Ref
from flowc_targets.step_functions.classes import network
from flowc_targets.step_functions.classes.names import class_owner, deployed_classes
from flowc_targets.step_functions.classes.servers import (
    CONTAINER,
    START_SECONDS,
    on_fargate,
    provider_of,
    server_task,
)
from flowc_targets.step_functions.deploy import objects as kinds
from flowc_targets.step_functions.deploy.flow_roles import (
    TASKS_SERVICE,
    pulling,
    reading_secrets,
)
from flowc_targets.step_functions.deploy.roles import Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.source.stack_model import Deploy, Ecs, Replicas
    from flowc.target import Compilation
    from flowc_targets.step_functions.classes.names import ClassNames

DISCOVERY = "discovery"
ECS_SERVICE = "ecs-service"
SCALABLE_TARGET = "scalable-target"
SCALING_POLICY = "scaling-policy"

TTL_SECONDS = 10
"""How long callers may know the addresses of servers; as long as a new one is not known."""

SCALED = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}
CPU = "ECSServiceAverageCPUUtilization"
OUT_SECONDS, IN_SECONDS = 60, 300

_ROLLED_OUT = {
    "MinimumHealthyPercent": 100,
    "MaximumPercent": 200,
    # Servers that never come up are taken back, and the next plan shows that.
    "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
}


def class_objects(compilation: Compilation) -> dict[str, tuple[Desired, ...]]:
    """Return the objects of each class that comes up with the flow, by the class's own name."""
    owner = class_owner(compilation.shared_name, compilation.placement.project)
    tags = {"Tags": {kinds.OWNER: owner}}
    ecs = compilation.placement.stack.ecs
    found = {}
    for cls, names in deployed_classes(compilation):
        assert cls.deploy is not None and ecs is not None
        role = class_role(cls.name, cls.deploy, names)
        stack = compilation.placement.stack
        family, task = server_task(cls.deploy, names, role.arn, stack)
        found[names.own] = (
            Desired(
                Ref(kinds.LOG_GROUP, names.log_group),
                {"RetentionInDays": kinds.log_days(stack), **tags},
            ),
            *kinds.role_objects(role, tags),
            Desired(Ref(kinds.TASK_DEFINITION, family), task | tags),
            *_discovery(cls.deploy, names, tags),
            Desired(
                Ref(ECS_SERVICE, names.ecs_service),
                _service(cls.deploy, names, family, ecs) | tags,
            ),
            *_scaling(cls.deploy.replicas, names),
        )
    return found


def class_roles(compilation: Compilation) -> list[Role]:
    """Return the roles with which servers are started."""
    return [
        class_role(cls.name, cls.deploy, names)
        for cls, names in deployed_classes(compilation)
        if cls.deploy is not None
    ]


def class_role(name: str, deploy: Deploy, names: ClassNames) -> Role:
    """Return the role with which ECS starts the servers of class ``name``."""
    secrets = sorted({str(v["secret"]) for v in deploy.env.values() if isinstance(v, dict)})
    statements = (*pulling(names.log_group), *reading_secrets(secrets, "ssm:GetParameters"))
    return Role(
        f"{names.service}-pull", TASKS_SERVICE, f"starts servers of class {name}", statements
    )


def _discovery(deploy: Deploy, names: ClassNames, tags: dict[str, Any]) -> Iterator[Desired]:
    if deploy.load_balancer is not None:
        return
    body = {
        "DnsConfig": {
            "DnsRecords": [{"Type": "A", "TTL": TTL_SECONDS}],
            "RoutingPolicy": "MULTIVALUE",
        },
        # ECS says what is healthy: what its check of the container says.
        "HealthCheckCustomConfig": {"FailureThreshold": 1},
    }
    yield Desired(Ref(DISCOVERY, names.discovery), body | tags)


def _service(deploy: Deploy, names: ClassNames, family: str, ecs: Ecs) -> dict[str, Any]:
    replicas, provider = deploy.replicas, provider_of(deploy)
    body: dict[str, Any] = {
        "TaskDefinition": family,
        "NetworkConfiguration": network.of_tasks(ecs, public=on_fargate(deploy)),
        "DeploymentConfiguration": _ROLLED_OUT,
    }
    if provider is None:
        body["LaunchType"] = "FARGATE"
    else:
        chosen = {"CapacityProvider": provider, "Weight": 1, "Base": 0}
        body["CapacityProviderStrategy"] = [chosen]
    if not scales(replicas):
        body["DesiredCount"] = replicas.min
    if deploy.load_balancer is None:
        body["Discovery"] = names.discovery
    else:
        joined = {
            "TargetGroupArn": deploy.load_balancer.target_group,
            "ContainerName": CONTAINER,
            "ContainerPort": deploy.port,
        }
        body |= {"LoadBalancers": [joined], "HealthCheckGracePeriodSeconds": START_SECONDS}
    machine = deploy.profile.machine_type if deploy.profile else None
    if machine is not None and not on_fargate(deploy):
        where = f"attribute:ecs.instance-type == {machine}"
        body["PlacementConstraints"] = [{"Type": "memberOf", "Expression": where}]
    return body


def scales(replicas: Replicas) -> bool:
    """Whether the number of servers is not fixed."""
    return replicas.min != replicas.max


def _scaling(replicas: Replicas, names: ClassNames) -> Iterator[Desired]:
    if not scales(replicas) or replicas.cpu is None:
        return
    place = {**SCALED, "ResourceId": f"service/{names.ecs_service}"}
    bounds = {"MinCapacity": replicas.min, "MaxCapacity": replicas.max}
    yield Desired(Ref(SCALABLE_TARGET, names.ecs_service), {**place, **bounds})
    aim = {
        "PredefinedMetricSpecification": {"PredefinedMetricType": CPU},
        "TargetValue": round(replicas.cpu * 100, 2),
        "ScaleOutCooldown": OUT_SECONDS,
        "ScaleInCooldown": IN_SECONDS,
    }
    tracking = {
        "PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": aim
    }  # fmt: skip
    yield Desired(Ref(SCALING_POLICY, names.ecs_service), {**place, **tracking})
