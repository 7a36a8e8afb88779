"""ECS services, named ``cluster/service``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc.deploy.provider import DeployError
from flowc_targets.step_functions.deploy.cloud import GONE, Refused
from flowc_targets.step_functions.deploy.kinds import (
    Body,
    Found,
    OfClasses,
    found,
    stamped,
    tag_list,
    tag_map,
)
from flowc_targets.step_functions.deploy.kinds_discovery import discovery_of, find_discovery
from flowc_targets.step_functions.deploy.kinds_scaling import scalable_target
from flowc_targets.step_functions.deploy.spelling import camel, pascal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_targets.step_functions.deploy.cloud import Cloud

_AS_WRITTEN = (
    "NetworkConfiguration", "PlacementConstraints", "LoadBalancers", "CapacityProviderStrategy",
    "HealthCheckGracePeriodSeconds", "DesiredCount",
)  # fmt: skip
_ROLL_OUT = ("MinimumHealthyPercent", "MaximumPercent", "DeploymentCircuitBreaker")


class EcsServices(OfClasses):
    """Services of ECS. A number of servers that something else sets is no part of a body."""

    def read(self, cloud: Cloud, name: str) -> Found | None:
        """Return the service, None for one that is on its way out."""
        there = _service(cloud, name)
        if there is None:
            return None
        shown = pascal(there)
        body: Body = {"TaskDefinition": _family(there["taskDefinition"])}
        body |= {key: shown[key] for key in _AS_WRITTEN if shown.get(key)}
        rolled_out = shown.get("DeploymentConfiguration") or {}
        body["DeploymentConfiguration"] = {
            key: rolled_out[key] for key in _ROLL_OUT if key in rolled_out
        }
        if "CapacityProviderStrategy" not in body:
            body["LaunchType"] = shown.get("LaunchType")
        if scalable_target(cloud, name) is not None:
            body.pop("DesiredCount", None)
        for registry in there.get("serviceRegistries") or ():
            body["Discovery"] = discovery_of(cloud, registry["registryArn"])
        return found(body, tag_map(there.get("tags") or (), "key", "value"))

    def write(self, cloud: Cloud, name: str, body: Body) -> None:
        """Create or update the service; servers are replaced as its body says."""
        cluster, _, service = name.partition("/")
        there = _service(cloud, name)
        told: dict[str, Any] = {
            "taskDefinition": body["TaskDefinition"],
            "networkConfiguration": camel(body["NetworkConfiguration"]),
            "deploymentConfiguration": camel(body["DeploymentConfiguration"]),
            **_registries(cloud, body),
        }
        if "LoadBalancers" in body:
            told["healthCheckGracePeriodSeconds"] = body["HealthCheckGracePeriodSeconds"]
        if "DesiredCount" in body:
            told["desiredCount"] = body["DesiredCount"]
        if there is None:
            self._create(cloud, cluster, service, body, told)
            return
        launched = camel(body.get("CapacityProviderStrategy", []))
        cloud.call(
            "ecs", "update_service", cluster=cluster, service=service, **told,
            loadBalancers=camel(body.get("LoadBalancers", [])),
            placementConstraints=camel(body.get("PlacementConstraints", [])),
            capacityProviderStrategy=launched,
            # Without it ECS refuses another strategy; what is otherwise the same is not replaced.
            forceNewDeployment=launched != (there.get("capacityProviderStrategy") or []),
        )  # fmt: skip
        tags = tag_list(stamped(body), "key", "value")
        cloud.call("ecs", "tag_resource", resourceArn=there["serviceArn"], tags=tags)

    @staticmethod
    def _create(cloud: Cloud, cluster: str, service: str, body: Body, told: dict[str, Any]) -> None:
        keys = ("LaunchType", "CapacityProviderStrategy", "LoadBalancers", "PlacementConstraints")
        more = camel({key: body[key] for key in keys if key in body})
        told = {"desiredCount": _least(cloud, f"{cluster}/{service}"), **told, **more}
        tags = tag_list(stamped(body), "key", "value")

        def made() -> bool:
            try:
                cloud.call(
                    "ecs", "create_service", cluster=cluster, serviceName=service, tags=tags, **told
                )
            except Refused as error:
                said = str(error).lower()
                # An answer was lost, and the call repeated: it is there.
                if "idempotent" in said:
                    return True
                if "draining" not in said:
                    raise
                return False
            return True

        cloud.until(made, f"service `{service}`, whose predecessor ends its calls,")

    def delete(self, cloud: Cloud, name: str) -> None:
        """Delete the service; its servers are told to stop."""
        cluster, _, service = name.partition("/")
        cloud.forget("ecs", "delete_service", cluster=cluster, service=service, force=True)


def _least(cloud: Cloud, name: str) -> int:
    """Return with how many servers one begins whose number something else sets."""
    target = scalable_target(cloud, name)
    return 1 if target is None else int(target["MinCapacity"])


def _registries(cloud: Cloud, body: Body) -> dict[str, Any]:
    if "Discovery" not in body:
        return {"serviceRegistries": []}
    there = find_discovery(cloud, body["Discovery"])
    if there is None:
        raise DeployError(f"service `{body['Discovery']}` of Cloud Map is gone", "deploy again")
    return {"serviceRegistries": [{"registryArn": there["Arn"]}]}


def _service(cloud: Cloud, name: str) -> dict[str, Any] | None:
    cluster, _, service = name.partition("/")
    got = cloud.find(
        "ecs", "describe_services", cluster=cluster, services=[service], include=["TAGS"]
    )
    active = [one for one in (got or {}).get("services", ()) if one["status"] == "ACTIVE"]
    return active[0] if active else None


def _family(arn: str) -> str:
    return arn.rpartition("/")[2].partition(":")[0]


def service_names(cloud: Cloud, cluster: str, prefix: str) -> Iterator[str]:
    """Yield the services of a cluster whose names begin so."""
    try:
        for arn in cloud.pages("ecs", "list_services", "serviceArns", cluster=cluster):
            service = str(arn).rpartition("/")[2]
            if service.startswith(prefix) and _service(cloud, f"{cluster}/{service}"):
                yield f"{cluster}/{service}"
    except Refused as error:
        if error.code not in GONE:
            raise
