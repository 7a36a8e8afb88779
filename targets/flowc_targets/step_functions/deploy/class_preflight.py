"""What would keep servers of component classes, and tasks, from coming up; reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc.deploy.provider import Problem
from flowc_shim.aws_secrets import SSM
from flowc_shim.components.ecs_task import PROGRAM_CONTAINER
from flowc_targets.step_functions.classes.servers import CONTAINER
from flowc_targets.step_functions.deploy import objects as kinds
from flowc_targets.step_functions.deploy.class_objects import DISCOVERY, ECS_SERVICE
from flowc_targets.step_functions.deploy.cloud import Refused
from flowc_targets.step_functions.deploy.kinds_discovery import namespace_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowc.deploy.model import Desired
    from flowc_targets.step_functions.deploy.cloud import Cloud


def class_problems(
    cloud: Cloud, desired: Sequence[Desired], tasks: Sequence[Any]
) -> Iterator[Problem]:
    """Yield every problem; that of a cluster that is not there is told elsewhere.

    ``tasks``: what is said where a machine starts tasks of units.
    """
    services: list[tuple[str, Any]] = [
        (one.ref.name.partition("/")[0], one.body) for one in desired if one.ref.kind == ECS_SERVICE
    ]
    started = [(str(one["Cluster"]), one) for one in tasks]
    namespaces = {one.ref.name.partition("/")[0] for one in desired if one.ref.kind == DISCOVERY}
    try:
        yield from _namespaces(cloud, sorted(namespaces))
        yield from _providers(cloud, [*services, *started])
        yield from _target_groups(cloud, services)
    except Refused as error:
        yield Problem(f"what component servers need cannot be looked up: {error}", error.fix)


def _namespaces(cloud: Cloud, names: list[str]) -> Iterator[Problem]:
    for name in names:
        if namespace_id(cloud, name) is None:
            yield Problem(
                f"Cloud Map has no private DNS namespace `{name}` here",
                "`aws servicediscovery create-private-dns-namespace "
                f"--name {name} --vpc vpc-…`, or name another one",
            )


def _providers(cloud: Cloud, services: list[tuple[str, Any]]) -> Iterator[Problem]:
    wanted = {
        (cluster, chosen["CapacityProvider"])
        for cluster, body in services
        for chosen in body.get("CapacityProviderStrategy", ())
    }
    for cluster in sorted({cluster for cluster, _ in wanted}):
        got = cloud.call("ecs", "describe_clusters", clusters=[cluster])["clusters"]
        there = {name for one in got for name in one.get("capacityProviders") or ()}
        for name in sorted(name for where, name in wanted if where == cluster):
            if got and name not in there:
                yield Problem(
                    f"ECS cluster `{cluster}` has no capacity provider `{name}`",
                    "add it with `aws ecs put-cluster-capacity-providers`, or name another one",
                )


def _target_groups(cloud: Cloud, services: list[tuple[str, Any]]) -> Iterator[Problem]:
    wanted = {
        joined["TargetGroupArn"] for _, body in services for joined in body.get("LoadBalancers", ())
    }
    for arn in sorted(wanted):
        try:
            got = cloud.call("elbv2", "describe_target_groups", TargetGroupArns=[arn])
        except Refused as error:
            if not error.code.startswith("TargetGroupNotFound"):
                raise
            yield Problem(f"there is no target group `{arn}`", "make it, or name another one")
            continue
        if any(one.get("TargetType") != "ip" for one in got["TargetGroups"]):
            yield Problem(
                f"target group `{arn}` does not take addresses, which is what tasks have",
                "make one with `--target-type ip`",
            )


def images_in_tasks(desired: Sequence[Desired]) -> set[str]:
    """Return the images of all servers, and of programs that have one of their own."""
    return {
        str(container["Image"])
        for one in desired
        for container in _containers(one)
        if container["Name"] in (CONTAINER, PROGRAM_CONTAINER)
    }


def secrets_in_tasks(one: Desired) -> Iterator[str]:
    """Yield the secrets that a task definition names, as stacks write them."""
    for container in _containers(one):
        for secret in container.get("Secrets", ()):
            service, name = str(secret["ValueFrom"]).split(":", 6)[2], secret["ValueFrom"]
            if service == "ssm":
                yield f"{SSM}/{name.partition(':parameter/')[2]}"
            else:
                yield name.partition(":secret:")[2]


def _containers(one: Desired) -> list[Any]:
    body: Any = one.body
    return body["ContainerDefinitions"] if one.ref.kind == kinds.TASK_DEFINITION else []
