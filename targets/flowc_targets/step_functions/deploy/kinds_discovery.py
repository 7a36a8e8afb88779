"""Services of Cloud Map in a private DNS namespace, named ``namespace/service``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc.deploy.provider import DeployError
from flowc_targets.step_functions.deploy.cloud import Refused
from flowc_targets.step_functions.deploy.kinds import (
    Body,
    Found,
    OfClasses,
    found,
    stamped,
    tag_list,
    tag_map,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_targets.step_functions.deploy.cloud import Cloud


class Discoveries(OfClasses):
    """Services of Cloud Map in a private DNS namespace, named ``namespace/service``."""

    def read(self, cloud: Cloud, name: str) -> Found | None:
        """Return how the service is asked."""
        there = find_discovery(cloud, name)
        if there is None:
            return None
        dns = there.get("DnsConfig") or {}
        body = {
            "DnsConfig": {key: dns[key] for key in ("DnsRecords", "RoutingPolicy") if key in dns},
            "HealthCheckCustomConfig": there.get("HealthCheckCustomConfig"),
        }
        got = cloud.call("servicediscovery", "list_tags_for_resource", ResourceARN=there["Arn"])
        return found(body, tag_map(got["Tags"]))

    def write(self, cloud: Cloud, name: str, body: Body) -> None:
        """Create the service, or set how it is asked."""
        namespace, _, service = name.partition("/")
        there = find_discovery(cloud, name)
        tags = tag_list(stamped(body))
        if there is None:
            place = namespace_id(cloud, namespace)
            if place is None:
                raise DeployError(f"Cloud Map has no namespace `{namespace}`", "deploy again")
            cloud.call(
                "servicediscovery", "create_service", Name=service, NamespaceId=place, Tags=tags,
                DnsConfig=body["DnsConfig"],
                HealthCheckCustomConfig=body["HealthCheckCustomConfig"],
            )  # fmt: skip
            return
        # What is not a record's cannot be changed.
        records = {"DnsConfig": {"DnsRecords": body["DnsConfig"]["DnsRecords"]}}
        cloud.call("servicediscovery", "update_service", Id=there["Id"], Service=records)
        cloud.call("servicediscovery", "tag_resource", ResourceARN=there["Arn"], Tags=tags)

    def delete(self, cloud: Cloud, name: str) -> None:
        """Delete the service, as soon as the last server has left it."""
        there = find_discovery(cloud, name)
        if there is None:
            return

        def deleted() -> bool:
            try:
                cloud.forget("servicediscovery", "delete_service", Id=there["Id"])
            except Refused as error:
                if error.code != "ResourceInUse":
                    raise
                return False
            return True

        cloud.until(deleted, f"the end of the servers of `{name}`")


def namespace_id(cloud: Cloud, name: str) -> str | None:
    """Return the id of a private DNS namespace, None if there is none of that name."""
    private = [{"Name": "TYPE", "Values": ["DNS_PRIVATE"], "Condition": "EQ"}]
    listed = cloud.pages("servicediscovery", "list_namespaces", "Namespaces", Filters=private)
    ids = [str(one["Id"]) for one in listed if (one["Name"], one["Type"]) == (name, "DNS_PRIVATE")]
    return ids[0] if ids else None


def _discoveries(cloud: Cloud, namespace: str, prefix: str) -> Iterator[dict[str, Any]]:
    place = namespace_id(cloud, namespace)
    if place is None:
        return
    inside = [{"Name": "NAMESPACE_ID", "Values": [place], "Condition": "EQ"}]
    for one in cloud.pages("servicediscovery", "list_services", "Services", Filters=inside):
        if str(one["Name"]).startswith(prefix):
            got = cloud.find("servicediscovery", "get_service", Id=one["Id"])
            if got is not None and got["Service"]["NamespaceId"] == place:
                yield got["Service"]


def find_discovery(cloud: Cloud, name: str) -> dict[str, Any] | None:
    """Return a service by namespace and name, None if it is not there."""
    namespace, _, service = name.partition("/")
    there = _discoveries(cloud, namespace, service)
    return next((one for one in there if one["Name"] == service), None)


def discovery_of(cloud: Cloud, arn: str) -> str:
    """Return the name of a registry; its ARN if it is gone."""
    got = cloud.find("servicediscovery", "get_service", Id=arn.rpartition("/")[2])
    if got is None:
        return arn
    place = got["Service"]["NamespaceId"]
    namespace = cloud.find("servicediscovery", "get_namespace", Id=place)
    name = place if namespace is None else namespace["Namespace"]["Name"]
    return f"{name}/{got['Service']['Name']}"


def discovery_names(cloud: Cloud, namespace: str | None, prefix: str) -> Iterator[str]:
    """Yield the services of a namespace whose names begin so."""
    if namespace is not None:
        for one in _discoveries(cloud, namespace, prefix):
            yield f"{namespace}/{one['Name']}"
