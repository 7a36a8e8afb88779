"""What flows of a project and branch share: the objects of component classes that are brought up.

They are looked at as long as somebody may use them. What a flow does not want any more, others may:
so it stays until no other flow's machine says by a tag that it uses classes of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc.deploy.model import Ref
from flowc.driver import Options, shared_name
from flowc_targets.step_functions.classes.names import class_owner, class_prefix, log_group
from flowc_targets.step_functions.compute import BASE_LENGTH
from flowc_targets.step_functions.deploy import objects as kinds
from flowc_targets.step_functions.deploy.class_objects import (
    DISCOVERY,
    ECS_SERVICE,
    SCALABLE_TARGET,
    SCALING_POLICY,
)
from flowc_targets.step_functions.deploy.kinds import tag_map
from flowc_targets.step_functions.deploy.kinds_discovery import discovery_names
from flowc_targets.step_functions.deploy.kinds_identity import class_roles_there, policies_of
from flowc_targets.step_functions.deploy.kinds_scaling import scaled_names
from flowc_targets.step_functions.deploy.kinds_services import service_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from flowc.deploy.model import Address
    from flowc.source.stack_model import Stack
    from flowc_targets.step_functions.deploy.cloud import Cloud

_HASHED = 7
"""Characters of a name that is too long that are a hash: it begins as it is, all the same."""


@dataclass(frozen=True, slots=True)
class Shared:
    """Whose it is, how its names begin, and where it is. ``flows``: how names of flows begin."""

    owner: str
    prefix: str
    flows: str
    stack: Stack

    @staticmethod
    def of(address: Address) -> Shared:
        """Return what the deployment shares; without a project it is its own."""
        name = address.name
        if address.project:
            name = shared_name("", Options(project=address.project, branch=address.branch))
        owner = class_owner(name, address.project)
        return Shared(owner, class_prefix(name), name[: BASE_LENGTH - _HASHED], address.stack)

    def there(self, cloud: Cloud, base: str, wanted: Collection[Ref]) -> tuple[Ref, ...]:
        """Return what is there and may be changed now; ``base``: of the deployment's own names."""
        if not self._is_used(cloud, base):
            return ()
        found = list(self._all(cloud))
        if not self._has_other_users(cloud, base):
            return tuple(ref for ref, _ in found)
        mine = {ref.name.partition("/")[2] for ref in wanted if ref.kind == ECS_SERVICE}
        return tuple(ref for ref, service in found if service in mine)

    def _is_used(self, cloud: Cloud, base: str) -> bool:
        """Whether the stack has such classes, or the machine that is there uses some."""
        if self.stack.ecs is None:
            return False
        said = any(cls.deploy is not None for cls in self.stack.classes.values())
        return said or self.owner == _users_tag(cloud, base)

    def _has_other_users(self, cloud: Cloud, base: str) -> bool:
        machines = cloud.pages("stepfunctions", "list_state_machines", "stateMachines")
        others = (str(one["name"]) for one in machines if one["name"] != base)
        return any(
            _users_tag(cloud, name) == self.owner for name in others if name.startswith(self.flows)
        )

    def _all(self, cloud: Cloud) -> Iterator[tuple[Ref, str]]:
        """Yield every object, and the service of the class that it belongs to."""
        ecs = self.stack.ecs
        assert ecs is not None
        root = log_group("")
        for group in cloud.pages(
            "logs", "describe_log_groups", "logGroups", logGroupNamePrefix=log_group(self.prefix)
        ):
            name = str(group["logGroupName"])
            yield Ref(kinds.LOG_GROUP, name), name.removeprefix(root)
        for role, service in class_roles_there(cloud, self.prefix):
            yield Ref(kinds.ROLE, role), service
            for policy in policies_of(cloud, role):
                yield Ref(kinds.ROLE_POLICY, f"{role}/{policy}"), service
        for family in cloud.pages(
            "ecs", "list_task_definition_families", "families",
            familyPrefix=self.prefix, status="ACTIVE",
        ):  # fmt: skip
            yield Ref(kinds.TASK_DEFINITION, str(family)), str(family).rpartition("-p-")[0]
        for kind, names in (
            (DISCOVERY, discovery_names(cloud, ecs.namespace, self.prefix)),
            (ECS_SERVICE, service_names(cloud, ecs.cluster, self.prefix)),
            (SCALABLE_TARGET, scaled_names(cloud, ecs.cluster, self.prefix)),
            (SCALING_POLICY, scaled_names(cloud, ecs.cluster, self.prefix, policies=True)),
        ):
            for name in names:
                yield Ref(kind, name), name.partition("/")[2]


def _users_tag(cloud: Cloud, machine: str) -> str:
    arn = cloud.arn("states", f"stateMachine:{machine}")
    got = cloud.find("stepfunctions", "list_tags_for_resource", resourceArn=arn)
    tags = tag_map((got or {}).get("tags") or (), "key", "value")
    return str(tags.get(kinds.USES, ""))
