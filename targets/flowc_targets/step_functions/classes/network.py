"""The network in which units and the servers that they call are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc_targets.step_functions.classes.names import deployed_classes

if TYPE_CHECKING:
    from flowc.source.stack_model import Ecs
    from flowc.target import Compilation


def of_tasks(ecs: Ecs, *, public: bool = True) -> dict[str, Any]:
    """Return the network of ECS tasks; ``public``: they may have an address outside."""
    network: dict[str, Any] = {
        "Subnets": list(ecs.subnets),
        "AssignPublicIp": "ENABLED" if ecs.public_ip and public else "DISABLED",
    }
    if ecs.security_groups:
        network["SecurityGroups"] = list(ecs.security_groups)
    return {"AwsvpcConfiguration": network}


def of_functions(compilation: Compilation) -> dict[str, list[str]] | None:
    """Return the network of functions that call components, None where all of those are outside.

    Servers that come up with the flow have private addresses, so that a function has to be in
    their network, and then is in no other.
    """
    ecs = compilation.placement.stack.ecs
    if ecs is None or not deployed_classes(compilation):
        return None
    return {"SubnetIds": list(ecs.subnets), "SecurityGroupIds": list(ecs.security_groups)}
