"""Log groups, roles and their policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_targets.step_functions.deploy.cloud import Refused
from flowc_targets.step_functions.deploy.kinds import (
    Body,
    Found,
    found,
    stamped,
    tag_list,
    tag_map,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_targets.step_functions.deploy.cloud import Cloud

PATH = "/flowc/"


class LogGroups:
    """CloudWatch log groups."""

    def names(self, cloud: Cloud, base: str) -> Iterator[str]:
        """Yield the groups of functions and jobs."""
        for prefix in (f"/aws/lambda/{base}-", f"/flowc/{base}/"):
            for group in cloud.pages(
                "logs", "describe_log_groups", "logGroups", logGroupNamePrefix=prefix
            ):
                yield group["logGroupName"]

    def read(self, cloud: Cloud, name: str) -> Found | None:
        """Return the group."""
        for group in cloud.pages(
            "logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name
        ):
            if group["logGroupName"] == name:
                arn = cloud.arn("logs", f"log-group:{name}")
                tags = cloud.call("logs", "list_tags_for_resource", resourceArn=arn)["tags"]
                kept = group.get("retentionInDays")
                return found({} if kept is None else {"RetentionInDays": kept}, tags)
        return None

    def write(self, cloud: Cloud, name: str, body: Body) -> None:
        """Create the group, or set what it should be."""
        try:
            cloud.call("logs", "create_log_group", logGroupName=name, tags=stamped(body))
        except Refused as error:
            if error.code != "ResourceAlreadyExistsException":
                raise
            arn = cloud.arn("logs", f"log-group:{name}")
            cloud.call("logs", "tag_resource", resourceArn=arn, tags=stamped(body))
        days = body["RetentionInDays"]
        cloud.call("logs", "put_retention_policy", logGroupName=name, retentionInDays=days)

    def delete(self, cloud: Cloud, name: str) -> None:
        """Delete the group and what is in it."""
        cloud.forget("logs", "delete_log_group", logGroupName=name)


class Roles:
    """IAM roles below ``/flowc/``; their names are global, so those on AWS end in the region."""

    def names(self, cloud: Cloud, base: str) -> Iterator[str]:
        """Yield the roles of this base here."""
        end = f"-{cloud.region}"
        for role in cloud.pages("iam", "list_roles", "Roles", PathPrefix=PATH):
            name = str(role["RoleName"])
            if name.endswith(end) and name.startswith(f"{base}-"):
                what = name[len(base) + 1 : -len(end)]
                if what in ("machine", "decide", "unit", "job", "pull", "sweep", "start"):
                    yield name.removesuffix(end)

    def read(self, cloud: Cloud, name: str) -> Found | None:
        """Return who may take the role."""
        got = cloud.find("iam", "get_role", RoleName=global_name(cloud, name))
        if got is None:
            return None
        role = got["Role"]
        body = {
            "AssumeRolePolicyDocument": role["AssumeRolePolicyDocument"],
            "Description": role.get("Description", ""),
        }
        return found(body, tag_map(role.get("Tags") or ()))

    def write(self, cloud: Cloud, name: str, body: Body) -> None:
        """Create the role, or set who may take it."""
        import json

        trust = json.dumps(body["AssumeRolePolicyDocument"])
        named = {"RoleName": global_name(cloud, name)}
        about, tags = {"Description": body["Description"]}, {"Tags": tag_list(stamped(body))}
        try:
            cloud.call(
                "iam", "create_role", **named, **about, **tags, Path=PATH,
                AssumeRolePolicyDocument=trust,
            )  # fmt: skip
        except Refused as error:
            if error.code != "EntityAlreadyExists":
                raise
            cloud.call("iam", "update_assume_role_policy", **named, PolicyDocument=trust)
            cloud.call("iam", "update_role", **named, **about)
            cloud.call("iam", "tag_role", **named, **tags)

    def delete(self, cloud: Cloud, name: str) -> None:
        """Delete the role, and policies that were added by hand."""
        for policy in policies_of(cloud, name):
            cloud.forget(
                "iam", "delete_role_policy",
                RoleName=global_name(cloud, name), PolicyName=policy,
            )  # fmt: skip
        cloud.forget("iam", "delete_role", RoleName=global_name(cloud, name))


class RolePolicies:
    """Policies of a role, named ``role/policy``; what is in one is told by its name."""

    def names(self, cloud: Cloud, base: str) -> Iterator[str]:
        """Yield the policies of all roles of this base."""
        for role in Roles().names(cloud, base):
            for policy in policies_of(cloud, role):
                yield f"{role}/{policy}"

    def read(self, cloud: Cloud, name: str) -> Found | None:
        """Return what the policy allows."""
        role, _, policy = name.partition("/")
        got = cloud.find(
            "iam", "get_role_policy", RoleName=global_name(cloud, role), PolicyName=policy
        )
        return None if got is None else Found({"PolicyDocument": got["PolicyDocument"]})

    def write(self, cloud: Cloud, name: str, body: Body) -> None:
        """Put the policy."""
        import json

        role, _, policy = name.partition("/")
        cloud.call(
            "iam", "put_role_policy", RoleName=global_name(cloud, role), PolicyName=policy,
            PolicyDocument=json.dumps(body["PolicyDocument"]),
        )  # fmt: skip

    def delete(self, cloud: Cloud, name: str) -> None:
        """Take the policy away."""
        role, _, policy = name.partition("/")
        named = {"RoleName": global_name(cloud, role), "PolicyName": policy}
        cloud.forget("iam", "delete_role_policy", **named)


def global_name(cloud: Cloud, role: str) -> str:
    """Return a role's name on AWS."""
    return f"{role}-{cloud.region}"


def class_roles_there(cloud: Cloud, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield the roles with which servers of classes are started, and the services of those."""
    end = f"-pull-{cloud.region}"
    for role in cloud.pages("iam", "list_roles", "Roles", PathPrefix=PATH):
        name = str(role["RoleName"])
        if name.startswith(prefix) and name.endswith(end):
            yield name.removesuffix(f"-{cloud.region}"), name.removesuffix(end)


def policies_of(cloud: Cloud, role: str) -> list[str]:
    """Return the names of a role's own policies, none if there is no such role."""
    named = {"RoleName": global_name(cloud, role)}
    if cloud.find("iam", "get_role", **named) is None:
        return []
    return list(cloud.pages("iam", "list_role_policies", "PolicyNames", **named))
