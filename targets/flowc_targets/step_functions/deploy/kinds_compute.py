"""Functions, their aliases, who may invoke them, and job definitions."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from flowc.deploy.provider import DeployError
from flowc_targets.step_functions.deploy.cloud import Refused
from flowc_targets.step_functions.deploy.kinds import Body, Found, found, stamped
from flowc_targets.step_functions.deploy.spelling import camel, pascal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc_targets.step_functions.deploy.cloud import Cloud

_FUNCTION = re.compile(r"-(decide|sweep|unit(-m\d+)?(-d\d+)?)")
_JOB = re.compile(r"-c\d+-m\d+(-g\d+)?(-n\d+(-s)?)?-p-[0-9a-f]{12}")
_ALIAS = re.compile(r"p-[0-9a-f]{12}")
_NOT_YET = frozenset({"InvalidParameterValueException", "ResourceConflictException"})
"""A role that has just been made cannot be assumed yet; a function is being updated still."""

_EXISTS = frozenset({"ResourceConflictException"})

_CODE = ("Code",)
_CONFIGURATION = ("Role", "ImageConfig", "MemorySize", "EphemeralStorage", "Timeout", "Environment")
_NO_NETWORK: dict[str, list[str]] = {"SubnetIds": [], "SecurityGroupIds": []}
"""What takes a function out of a network."""


class Functions:
    """Lambda functions, as ``$LATEST``; runs use aliases of published versions only."""

    def names(self, cloud: Cloud, base: str) -> Iterator[str]:
        """Yield the functions of this base."""
        for function in cloud.pages("lambda", "list_functions", "Functions"):
            name = str(function["FunctionName"])
            if name.startswith(base) and _FUNCTION.fullmatch(name[len(base) :]):
                yield name

    def read(self, cloud: Cloud, name: str) -> Found | None:
        """Return the configuration that is published next."""
        got = cloud.find("lambda", "get_function", FunctionName=name)
        return None if got is None else found(_configuration(got), got.get("Tags") or {})

    def write(self, cloud: Cloud, name: str, body: Body) -> None:
        """Create or update the function, and wait until it can be published."""
        code = {"ImageUri": body["Code"]["ImageUri"]}
        configuration = {key: body[key] for key in _CONFIGURATION}
        configuration["VpcConfig"] = body.get("VpcConfig", _NO_NETWORK)
        spreading = frozenset({"InvalidParameterValueException"})
        cloud.put(
            _EXISTS,
            lambda: cloud.settle(
                spreading, "lambda", "create_function", FunctionName=name,
                PackageType=body["PackageType"], Code=code, Tags=stamped(body), **configuration,
            ),
            lambda: self._update(cloud, name, body, code, configuration),
        )  # fmt: skip
        self._ready(cloud, name)

    def _update(
        self, cloud: Cloud, name: str, body: Body, code: Any, configuration: Mapping[str, Any]
    ) -> None:
        self._ready(cloud, name)
        named = {"FunctionName": name}
        cloud.settle(_NOT_YET, "lambda", "update_function_code", **named, **code)
        self._ready(cloud, name)
        cloud.settle(_NOT_YET, "lambda", "update_function_configuration", **named, **configuration)
        arn = cloud.arn("lambda", f"function:{name}")
        cloud.call("lambda", "tag_resource", Resource=arn, Tags=stamped(body))

    @staticmethod
    def _ready(cloud: Cloud, name: str) -> None:
        def ready() -> bool:
            got = cloud.call("lambda", "get_function_configuration", FunctionName=name)
            if "Failed" in (got.get("State"), got.get("LastUpdateStatus")):
                why = got.get("StateReason") or got.get("LastUpdateStatusReason") or "no reason"
                raise DeployError(f"function `{name}` cannot be made: {why}", "deploy again")
            made = got.get("State", "Active") != "Pending"
            return made and bool(got.get("LastUpdateStatus", "Successful") == "Successful")

        cloud.until(ready, f"function `{name}`")

    def delete(self, cloud: Cloud, name: str) -> None:
        """Delete the function with its versions and aliases."""
        cloud.forget("lambda", "delete_function", FunctionName=name)


class FunctionAliases:
    """Aliases ``function:p-…`` of published versions: named by what is in them, never moved."""

    def names(self, cloud: Cloud, base: str) -> Iterator[str]:
        """Yield the aliases of all functions of this base."""
        for function in Functions().names(cloud, base):
            for alias in cloud.pages("lambda", "list_aliases", "Aliases", FunctionName=function):
                if _ALIAS.fullmatch(alias["Name"]):
                    yield f"{function}:{alias['Name']}"

    def read(self, cloud: Cloud, name: str) -> Found | None:
        """Return the configuration of the version that the alias points to."""
        function, _, alias = name.partition(":")
        got = cloud.find("lambda", "get_function", FunctionName=function, Qualifier=alias)
        return None if got is None else Found(_configuration(got))

    def write(self, cloud: Cloud, name: str, body: Body) -> None:
        """Publish the function as it is, which must be as ``body`` says, and name that."""
        function, _, alias = name.partition(":")
        latest = Functions().read(cloud, function)
        if latest is None or {k: v for k, v in latest.body.items() if k != "Tags"} != body:
            raise DeployError(
                f"function `{function}` was changed by somebody else meanwhile", "deploy again"
            )
        published = cloud.settle(
            _NOT_YET, "lambda", "publish_version", FunctionName=function, Description=alias
        )
        pointed = {
            "FunctionName": function, "Name": alias, "FunctionVersion": published["Version"]
        }  # fmt: skip
        cloud.put(
            _EXISTS | {"ConflictException"},
            lambda: cloud.call("lambda", "create_alias", **pointed),
            lambda: cloud.call("lambda", "update_alias", **pointed),
        )

    def delete(self, cloud: Cloud, name: str) -> None:
        """Delete the alias, and its version if no other alias has it."""
        function, _, alias = name.partition(":")
        named = {"FunctionName": function}
        got = cloud.find("lambda", "get_alias", **named, Name=alias)
        if got is None:
            return
        version = got["FunctionVersion"]
        cloud.forget("lambda", "delete_alias", **named, Name=alias)
        others = cloud.pages("lambda", "list_aliases", "Aliases", **named)
        if version != "$LATEST" and all(one["FunctionVersion"] != version for one in others):
            cloud.forget("lambda", "delete_function", **named, Qualifier=version)


def _configuration(got: Mapping[str, Any]) -> Body:
    configuration = got["Configuration"]
    image = configuration.get("ImageConfigResponse", {}).get("ImageConfig", {})
    image = image or configuration.get("ImageConfig") or {}
    network = configuration.get("VpcConfig") or {}
    inside = {"VpcConfig": {key: network[key] for key in _NO_NETWORK}}
    return {
        "PackageType": configuration.get("PackageType"),
        "Code": {"ImageUri": got.get("Code", {}).get("ImageUri")},
        "ImageConfig": {key: value for key, value in image.items() if value},
        "Role": configuration["Role"],
        "MemorySize": configuration["MemorySize"],
        "EphemeralStorage": {"Size": configuration.get("EphemeralStorage", {}).get("Size", 512)},
        "Timeout": configuration["Timeout"],
        "Environment": {"Variables": configuration.get("Environment", {}).get("Variables", {})},
        **(inside if network.get("SubnetIds") else {}),
    }


class Permissions:
    """Statements of a function's own policy, named ``function/statement``."""

    def names(self, cloud: Cloud, base: str) -> Iterator[str]:
        """Yield the statements of the sweeper's policy."""
        function = f"{base}-sweep"
        for statement in self._statements(cloud, function):
            yield f"{function}/{statement['Sid']}"

    @staticmethod
    def _statements(cloud: Cloud, function: str) -> list[dict[str, Any]]:
        got = cloud.find("lambda", "get_policy", FunctionName=function)
        return [] if got is None else list(json.loads(got["Policy"])["Statement"])

    def read(self, cloud: Cloud, name: str) -> Found | None:
        """Return who may do what with the function."""
        function, _, sid = name.partition("/")
        for statement in self._statements(cloud, function):
            if statement.get("Sid") == sid:
                source: dict[str, Any] = next(iter((statement.get("Condition") or {}).values()), {})
                principal = statement["Principal"]
                return Found(
                    {
                        "Action": statement["Action"],
                        "Principal": principal.get("Service", principal)
                        if isinstance(principal, dict)
                        else principal,
                        "SourceArn": next(iter(source.values()), None),
                    }
                )
        return None

    def write(self, cloud: Cloud, name: str, body: Body) -> None:
        """Add the statement, in place of one of its name."""
        function, _, sid = name.partition("/")
        added = {"FunctionName": function, "StatementId": sid, **body}
        try:
            cloud.call("lambda", "add_permission", **added)
        except Refused as error:
            if error.code != "ResourceConflictException":
                raise
            self.delete(cloud, name)
            cloud.call("lambda", "add_permission", **added)

    def delete(self, cloud: Cloud, name: str) -> None:
        """Take the statement away."""
        function, _, sid = name.partition("/")
        cloud.forget("lambda", "remove_permission", FunctionName=function, StatementId=sid)


_MADE_OF = ("ContainerProperties", "NodeProperties")


def _made_of(definition: dict[str, Any]) -> dict[str, Any]:
    """Return the containers of a job definition, of one machine or of several, in our spelling."""
    nodes = pascal(definition.get("nodeProperties") or {})
    single = None if nodes else pascal(definition.get("containerProperties") or {})
    ranges = nodes.get("NodeRangeProperties", [])
    for container in [single] if single is not None else [one["Container"] for one in ranges]:
        container["Environment"] = sorted(
            container.get("Environment", []), key=lambda one: str(one["Name"])
        )
    return {"NodeProperties": nodes} if single is None else {"ContainerProperties": single}


class JobDefinitions:
    """Batch job definitions, named by what is in them; of revisions the newest counts."""

    def names(self, cloud: Cloud, base: str) -> Iterator[str]:
        """Yield the definitions of this base that can be used."""
        listed = cloud.pages("batch", "describe_job_definitions", "jobDefinitions", status="ACTIVE")
        for name in sorted({str(one["jobDefinitionName"]) for one in listed}):
            if name.startswith(base) and _JOB.fullmatch(name[len(base) :]):
                yield name

    @staticmethod
    def _revisions(cloud: Cloud, name: str) -> list[dict[str, Any]]:
        listed = cloud.pages(
            "batch", "describe_job_definitions", "jobDefinitions",
            status="ACTIVE", jobDefinitionName=name,
        )  # fmt: skip
        return sorted(listed, key=lambda one: int(one["revision"]))

    def read(self, cloud: Cloud, name: str) -> Found | None:
        """Return the newest revision."""
        revisions = self._revisions(cloud, name)
        if not revisions:
            return None
        newest = revisions[-1]
        body = {
            "Type": newest["type"],
            **_made_of(newest),
            "RetryStrategy": pascal(newest.get("retryStrategy") or {}),
        }
        return found(body, newest.get("tags") or {})

    def write(self, cloud: Cloud, name: str, body: Body) -> None:
        """Register a revision."""
        cloud.call(
            "batch", "register_job_definition", jobDefinitionName=name, type=body["Type"],
            **{key[0].lower() + key[1:]: camel(body[key]) for key in _MADE_OF if key in body},
            retryStrategy=camel(body["RetryStrategy"]), tags=stamped(body),
        )  # fmt: skip

    def delete(self, cloud: Cloud, name: str) -> None:
        """Deregister all revisions; jobs that were submitted go on."""
        for one in self._revisions(cloud, name):
            arn = one["jobDefinitionArn"]
            cloud.forget("batch", "deregister_job_definition", jobDefinition=arn)
