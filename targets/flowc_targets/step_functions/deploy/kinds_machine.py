"""The state machine, and the alias that everything starts runs by."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flowc.deploy.provider import DeployError
from flowc_targets.step_functions.deploy.cloud import Refused
from flowc_targets.step_functions.deploy.flow_roles import LIVE
from flowc_targets.step_functions.deploy.kinds import (
    Body,
    Found,
    found,
    stamped,
    tag_list,
    tag_map,
)
from flowc_targets.step_functions.deploy.objects import USES, version_of
from flowc_targets.step_functions.release import is_detached, is_part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_targets.step_functions.deploy.cloud import Cloud

VERSIONS_KEPT = 20
"""Versions that stay: a run that is under way is told by its version what it began with."""

_NOT_YET = frozenset({"AccessDeniedException"})
"""Also said while a role that has just been made cannot be assumed."""

_LATER = frozenset({"ConflictException", "StateMachineDeleting"})


class StateMachines:
    """The machine, as its newest revision; runs are started by the alias.

    Those of detached flows and of parts are beside it, and started by their names.
    """

    def names(self, cloud: Cloud, base: str) -> Iterator[str]:
        """Yield the machines that are there."""
        for name in (base, *machines_beside(cloud, base)):
            if self._describe(cloud, name) is not None:
                yield name

    @staticmethod
    def _describe(cloud: Cloud, name: str) -> dict[str, Any] | None:
        arn = machine_arn(cloud, name)
        got = cloud.find("stepfunctions", "describe_state_machine", stateMachineArn=arn)
        return None if got is None or got.get("status") == "DELETING" else got

    def read(self, cloud: Cloud, name: str) -> Found | None:
        """Return role and definition."""
        got = self._describe(cloud, name)
        if got is None:
            return None
        arn = machine_arn(cloud, name)
        tags = cloud.call("stepfunctions", "list_tags_for_resource", resourceArn=arn)["tags"]
        return found(inside(got), tag_map(tags, "key", "value"))

    def write(self, cloud: Cloud, name: str, body: Body) -> None:
        """Create the machine or its next revision; nothing is started by it yet."""
        content = {
            "definition": definition_text(body["Definition"]),
            "roleArn": body["RoleArn"],
        }
        tags = tag_list(stamped(body), "key", "value")
        there = self._describe(cloud, name)
        if there is None:
            try:
                cloud.settle(
                    _NOT_YET | _LATER, "stepfunctions", "create_state_machine",
                    name=name, tags=tags, **content,
                )  # fmt: skip
                return
            except Refused as error:
                if error.code == "StateMachineDeleting":
                    raise DeployError(
                        f"state machine `{name}` is being deleted, and its last runs go on",
                        "wait for them, or stop them, and deploy again",
                    ) from error
                if error.code not in ("StateMachineAlreadyExists", "ConflictException"):
                    raise
        arn = machine_arn(cloud, name)
        cloud.settle(
            _NOT_YET | _LATER, "stepfunctions", "update_state_machine",
            stateMachineArn=arn, **content,
        )  # fmt: skip
        cloud.call("stepfunctions", "tag_resource", resourceArn=arn, tags=tags)
        if USES not in body.get("Tags", {}):
            cloud.call("stepfunctions", "untag_resource", resourceArn=arn, tagKeys=[USES])

    def delete(self, cloud: Cloud, name: str) -> None:
        """Delete the machine with its versions and aliases."""
        arn = machine_arn(cloud, name)
        cloud.forget("stepfunctions", "delete_state_machine", stateMachineArn=arn)


class MachineAliases:
    """The alias ``live``; its body says which version it points to, by what is in that."""

    def names(self, cloud: Cloud, base: str) -> Iterator[str]:
        """Yield the alias, if it is there."""
        if _alias(cloud, f"{base}:{LIVE}") is not None:
            yield f"{base}:{LIVE}"

    def read(self, cloud: Cloud, name: str) -> Found | None:
        """Return what is live, and beside it what else gets a share of the runs."""
        got = _alias(cloud, name)
        if got is None:
            return None
        routes = got["routingConfiguration"]
        versions = [_version_at(cloud, route["stateMachineVersionArn"]) for route in routes]
        if len(routes) == 1:
            return Found({"Version": versions[0]})
        weights = [route["weight"] for route in routes]
        return Found({"Version": versions[0], "Routes": dict(zip(versions, weights, strict=True))})

    def write(self, cloud: Cloud, name: str, body: Body) -> None:
        """Point the alias to the machine's version with this content, in one call."""
        machine, _, alias = name.partition(":")
        arn = machine_arn(cloud, machine)
        version = cloud.settle(
            _LATER, "stepfunctions", "publish_state_machine_version",
            stateMachineArn=arn, description=body["Version"],
        )["stateMachineVersionArn"]  # fmt: skip
        if _version_at(cloud, version) != body["Version"]:
            raise DeployError(
                f"state machine `{machine}` was changed by somebody else meanwhile", "deploy again"
            )
        route = [{"stateMachineVersionArn": version, "weight": 100}]
        pointed = {"stateMachineAliasArn": f"{arn}:{alias}", "routingConfiguration": route}

        def update() -> None:
            cloud.settle(_LATER, "stepfunctions", "update_state_machine_alias", **pointed)

        if _alias(cloud, name) is None:
            cloud.put(
                _LATER,
                lambda: cloud.call(
                    "stepfunctions", "create_state_machine_alias",
                    name=alias, routingConfiguration=route,
                ),
                update,
            )  # fmt: skip
        else:
            update()
        self._prune(cloud, arn, version)

    @staticmethod
    def _prune(cloud: Cloud, arn: str, live: str) -> None:
        versions = list(
            cloud.pages(
                "stepfunctions", "list_state_machine_versions", "stateMachineVersions",
                stateMachineArn=arn,
            )
        )  # fmt: skip
        arns = [str(one["stateMachineVersionArn"]) for one in versions]
        for old in sorted(arns, key=_number, reverse=True)[VERSIONS_KEPT:]:
            if old != live:
                cloud.forget(
                    "stepfunctions", "delete_state_machine_version", stateMachineVersionArn=old
                )

    def delete(self, cloud: Cloud, name: str) -> None:
        """Take the alias away: nothing starts any more."""
        machine, _, alias = name.partition(":")
        arn = f"{machine_arn(cloud, machine)}:{alias}"
        cloud.forget("stepfunctions", "delete_state_machine_alias", stateMachineAliasArn=arn)


def detached_machines(cloud: Cloud, base: str) -> list[str]:
    """Return the names of the machines of detached flows, of all releases."""
    return [name for name in machines_beside(cloud, base) if is_detached(name, base)]


def machines_beside(cloud: Cloud, base: str) -> list[str]:
    """Return the names of the machines of detached flows and of parts, of all releases."""
    found = cloud.pages("stepfunctions", "list_state_machines", "stateMachines")
    names = [str(one["name"]) for one in found]
    return [name for name in names if is_detached(name, base) or is_part(name, base)]


def machine_arn(cloud: Cloud, name: str) -> str:
    """Return a state machine's ARN."""
    return cloud.arn("states", f"stateMachine:{name}")


def definition_text(definition: Any) -> str:
    """Return a definition as it is sent: every byte counts against its bound."""
    return json.dumps(definition, separators=(",", ":"), ensure_ascii=False)


def inside(description: dict[str, Any]) -> Body:
    """Return what a machine, or one version of it, consists of."""
    return {
        "RoleArn": description["roleArn"],
        "Definition": json.loads(description["definition"]),
    }


def _alias(cloud: Cloud, name: str) -> dict[str, Any] | None:
    machine, _, alias = name.partition(":")
    arn = f"{machine_arn(cloud, machine)}:{alias}"
    return cloud.find("stepfunctions", "describe_state_machine_alias", stateMachineAliasArn=arn)


def _version_at(cloud: Cloud, arn: str) -> str:
    got = cloud.call("stepfunctions", "describe_state_machine", stateMachineArn=arn)
    return version_of(json.loads(got["definition"]))


def _number(arn: str) -> int:
    return int(arn.rpartition(":")[2])
