"""How the servers of an ECS service scale; named like the service, ``cluster/service``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc_targets.step_functions.deploy.class_objects import SCALED
from flowc_targets.step_functions.deploy.kinds import Body, Found, OfClasses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_targets.step_functions.deploy.cloud import Cloud

POLICY = "flowc-cpu"
"""The name of a service's one scaling policy."""


class ScalableTargets(OfClasses):
    """The bounds between which Application Auto Scaling sets a service's number of servers."""

    def read(self, cloud: Cloud, name: str) -> Found | None:
        """Return the bounds."""
        there = scalable_target(cloud, name)
        if there is None:
            return None
        keys = (*SCALED, "ResourceId", "MinCapacity", "MaxCapacity")
        return Found({key: there[key] for key in keys})

    def write(self, cloud: Cloud, name: str, body: Body) -> None:
        """Set the bounds; a number outside of them is moved inside."""
        cloud.call("application-autoscaling", "register_scalable_target", **body)

    def delete(self, cloud: Cloud, name: str) -> None:
        """Leave the number as it is from now on."""
        if scalable_target(cloud, name) is not None:
            cloud.forget(
                "application-autoscaling", "deregister_scalable_target", **SCALED,
                ResourceId=f"service/{name}",
            )  # fmt: skip


class ScalingPolicies(OfClasses):
    """What a service's number of servers aims at."""

    def read(self, cloud: Cloud, name: str) -> Found | None:
        """Return the aim."""
        listed = cloud.pages(
            "application-autoscaling", "describe_scaling_policies", "ScalingPolicies",
            **SCALED, ResourceId=f"service/{name}", PolicyNames=[POLICY],
        )  # fmt: skip
        for one in listed:
            keys = (*SCALED, "ResourceId", "PolicyType", "TargetTrackingScalingPolicyConfiguration")
            return Found({key: one[key] for key in keys})
        return None

    def write(self, cloud: Cloud, name: str, body: Body) -> None:
        """Set the aim."""
        cloud.call("application-autoscaling", "put_scaling_policy", PolicyName=POLICY, **body)

    def delete(self, cloud: Cloud, name: str) -> None:
        """Forget the aim."""
        cloud.forget(
            "application-autoscaling", "delete_scaling_policy", PolicyName=POLICY, **SCALED,
            ResourceId=f"service/{name}",
        )  # fmt: skip


def scalable_target(cloud: Cloud, name: str) -> dict[str, Any] | None:
    """Return the bounds of a service's number of servers, None where it is fixed."""
    listed = cloud.pages(
        "application-autoscaling", "describe_scalable_targets", "ScalableTargets",
        **SCALED, ResourceIds=[f"service/{name}"],
    )  # fmt: skip
    return next(listed, None)


def scaled_names(
    cloud: Cloud, cluster: str, prefix: str, *, policies: bool = False
) -> Iterator[str]:
    """Yield the scaled services of a cluster whose names begin so; those with policies only."""
    what = ("describe_scalable_targets", "ScalableTargets")
    if policies:
        what = ("describe_scaling_policies", "ScalingPolicies")
    for one in cloud.pages("application-autoscaling", *what, ServiceNamespace="ecs"):
        _, _, name = str(one["ResourceId"]).partition("/")
        if name.startswith(f"{cluster}/{prefix}"):
            yield name
