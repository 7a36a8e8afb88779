"""ECS task definitions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flowc_targets.step_functions.deploy.kinds import Body, Found, found, stamped, tag_list, tag_map
from flowc_targets.step_functions.deploy.spelling import camel, pascal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_targets.step_functions.deploy.cloud import Cloud

_TASK = re.compile(r"-t\d+-m\d+(-d\d+)?(-c[0-9a-f]{8})?-p-[0-9a-f]{12}")
_KEYS = (
    "RequiresCompatibilities", "NetworkMode", "Cpu", "Memory", "TaskRoleArn", "ExecutionRoleArn",
    "ContainerDefinitions", "EphemeralStorage", "Volumes",
)  # fmt: skip
_CONTAINER = (
    "Name", "Image", "Essential", "Environment", "LogConfiguration", "EntryPoint", "Command",
    "Secrets", "PortMappings", "HealthCheck", "StopTimeout", "ResourceRequirements", "DependsOn",
    "MountPoints", "User", "Memory",
)  # fmt: skip
"""What flowc says of a container; the service adds empty lists and zeros."""


class TaskDefinitions:
    """Families named by what is in them; of revisions the newest counts."""

    def names(self, cloud: Cloud, base: str) -> Iterator[str]:
        """Yield the families of this base that can be used."""
        listed = cloud.pages(
            "ecs", "list_task_definition_families", "families", familyPrefix=base, status="ACTIVE"
        )
        for name in listed:
            if _TASK.fullmatch(str(name)[len(base) :]):
                yield str(name)

    def read(self, cloud: Cloud, name: str) -> Found | None:
        """Return the newest revision."""
        revisions = self._revisions(cloud, name)
        if not revisions:
            return None
        got = cloud.call(
            "ecs", "describe_task_definition", taskDefinition=revisions[-1], include=["TAGS"]
        )
        there = pascal(got["taskDefinition"])
        body = {key: there[key] for key in _KEYS if key in there}
        body["ContainerDefinitions"] = [
            {key: one[key] for key in _CONTAINER if key in one}
            for one in body["ContainerDefinitions"]
        ]
        for one in body["ContainerDefinitions"]:  # the service sorts as it likes
            for key in ("Environment", "Secrets"):
                if key in one or key == "Environment":
                    one[key] = sorted(one.get(key, []), key=lambda v: str(v["Name"]))
            for mount in one.get("MountPoints", ()):
                if not mount.get("ReadOnly"):  # whether it is said that it is not, is up to ECS
                    mount.pop("ReadOnly", None)
        return found(body, tag_map(got.get("tags") or (), "key", "value"))

    def write(self, cloud: Cloud, name: str, body: Body) -> None:
        """Register a revision."""
        named: dict[str, Any] = {key: body[key] for key in _KEYS if key in body}
        tags = tag_list(stamped(body), "key", "value")
        cloud.call("ecs", "register_task_definition", family=name, tags=tags, **camel(named))

    def delete(self, cloud: Cloud, name: str) -> None:
        """Deregister all revisions; tasks that were started go on."""
        for arn in self._revisions(cloud, name):
            cloud.forget("ecs", "deregister_task_definition", taskDefinition=arn)

    @staticmethod
    def _revisions(cloud: Cloud, name: str) -> list[str]:
        """Return the ARNs of those that can be used, the newest last."""
        listed = cloud.pages(
            "ecs", "list_task_definitions", "taskDefinitionArns",
            familyPrefix=name, status="ACTIVE",
        )  # fmt: skip
        found = [str(arn) for arn in listed]
        own = [arn for arn in found if arn.rpartition("/")[2].rpartition(":")[0] == name]
        return sorted(own, key=lambda arn: int(arn.rpartition(":")[2]))
