"""What would keep a deployment from being written or from running; reads only."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from flowc.deploy.provider import DeployError, Problem
from flowc_shim.aws_secrets import AWS_SECRETS, SSM
from flowc_targets._shared.registries.manifests import Registries, check_images
from flowc_targets.step_functions.compute import IMAGE_PARAMETER
from flowc_targets.step_functions.deploy import objects as kinds
from flowc_targets.step_functions.deploy.class_objects import (
    DISCOVERY,
    ECS_SERVICE,
    SCALABLE_TARGET,
)
from flowc_targets.step_functions.deploy.class_preflight import (
    class_problems,
    images_in_tasks,
    secrets_in_tasks,
)
from flowc_targets.step_functions.deploy.cloud import GONE, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowc.deploy.model import Desired
    from flowc_targets.step_functions.deploy.cloud import Cloud
    from flowc_targets.step_functions.deploy.kinds_stored import StoredObjects

ECR = re.compile(r"(\d+)\.dkr\.ecr\.([^.]+)\.amazonaws\.com(?:\.cn)?/([^:@]+)(?:[:@](.+))?")
_ACTIONS = (
    "iam:CreateRole", "iam:PutRolePolicy", "iam:PassRole", "lambda:CreateFunction",
    "lambda:PublishVersion", "lambda:CreateAlias", "lambda:AddPermission",
    "logs:CreateLogGroup", "states:CreateStateMachine", "states:UpdateStateMachine",
    "states:PublishStateMachineVersion", "states:UpdateStateMachineAlias",
    "events:PutRule", "events:PutTargets",
)  # fmt: skip
_FOR = {
    kinds.JOB_DEFINITION: ("batch:RegisterJobDefinition",),
    kinds.TASK_DEFINITION: ("ecs:RegisterTaskDefinition",),
    DISCOVERY: ("servicediscovery:CreateService",),
    ECS_SERVICE: ("ecs:CreateService", "ecs:UpdateService"),
    SCALABLE_TARGET: (
        "application-autoscaling:RegisterScalableTarget",
        "application-autoscaling:PutScalingPolicy",
    ),
    "schedule": ("scheduler:CreateScheduleGroup", "scheduler:CreateSchedule"),
}


def preflight(
    cloud: Cloud, desired: Sequence[Desired], stored: StoredObjects, store_url: str
) -> Iterator[Problem]:
    """Yield every problem."""
    yield from _bucket(cloud, stored, store_url)
    yield from _images(cloud, desired)
    yield from _queues(cloud, desired)
    yield from _clusters(cloud, desired)
    tasks = [node for one in desired for node in _inside(one) if "Cluster" in node]
    yield from class_problems(cloud, desired, tasks)
    yield from _secrets(cloud, desired)
    yield from _permissions(cloud, desired)


def _bucket(cloud: Cloud, stored: StoredObjects, url: str) -> Iterator[Problem]:
    if not url.startswith("s3://"):
        yield Problem(
            f"plans are put into a bucket of S3, and the state store is `{url.partition(':')[0]}:`",
            "use a store in S3: `state_store: s3://bucket/prefix`",
        )
        return
    try:
        stored.check(cloud)
    except Refused as error:
        bucket = url.removeprefix("s3://").partition("/")[0]
        if error.code in GONE:
            yield Problem(f"there is no bucket `{bucket}`", f"`aws s3 mb s3://{bucket}`")
        else:
            yield Problem(f"bucket `{bucket}` cannot be used: {error}", error.fix)
    except DeployError as error:
        yield Problem(str(error), error.fix)


def _images(cloud: Cloud, desired: Sequence[Desired]) -> Iterator[Problem]:
    images = {
        str(one.body["Code"]["ImageUri"]) for one in desired if one.ref.kind == kinds.FUNCTION
    }
    for image in sorted(images_in_tasks(desired)):
        # Tasks take images from anywhere; those in ECR here can be looked up.
        found = ECR.fullmatch(cloud.local(image))
        if found is not None and found[2] == cloud.region:
            yield from _image(cloud, found)
    for image in sorted(images):
        if image == IMAGE_PARAMETER:
            yield Problem(
                "the stack names no image with flowc-shim for functions and jobs",
                "build one, push it to ECR and write `unit_image:` in the stack",
            )
            continue
        found = ECR.fullmatch(cloud.local(image))
        if found is None:
            yield Problem(
                f"functions take images from ECR only, and `{image}` is elsewhere",
                "push it to ECR, and leave `registry:` out of the stack",
            )
        else:
            yield from _image(cloud, found)
    others = {cloud.local(str(one.body["Image"])) for one in desired if "Image" in one.body}
    elsewhere = others - {cloud.local(image) for image in images}
    yield from check_images(elsewhere, Registries(), lambda _: False)


def _image(cloud: Cloud, image: re.Match[str]) -> Iterator[Problem]:
    registry, region, repository, version = image.groups()
    if region != cloud.region:
        yield Problem(
            f"functions take images of their own region, and `{image[0]}` is in {region}",
            f"push it to ECR in {cloud.region}",
        )
        return
    version = version or "latest"
    kind = "imageDigest" if version.startswith("sha256:") else "imageTag"
    try:
        cloud.call(
            "ecr", "describe_images", registryId=registry, repositoryName=repository,
            imageIds=[{kind: version}],
        )  # fmt: skip
    except Refused as error:
        if error.code in ("RepositoryNotFoundException", "ImageNotFoundException"):
            yield Problem(f"there is no image `{image[0]}`", f"`docker push {image[0]}`")
        else:
            yield Problem(f"image `{image[0]}` cannot be looked up: {error}", error.fix)


def _queues(cloud: Cloud, desired: Sequence[Desired]) -> Iterator[Problem]:
    wanted = sorted({queue for one in desired for queue in _named(one, "JobQueue")})
    if not wanted:
        return
    try:
        got = cloud.call("batch", "describe_job_queues", jobQueues=wanted)["jobQueues"]
    except Refused as error:
        yield Problem(f"job queues cannot be looked up: {error}", error.fix)
        return
    there = {key: one for one in got for key in (one["jobQueueName"], one["jobQueueArn"])}
    for queue in wanted:
        if queue not in there:
            yield Problem(
                f"there is no job queue `{queue}`",
                "make it in Batch, or name another one with `queue:` in the profile",
            )
        elif there[queue]["state"] != "ENABLED" or there[queue].get("status") == "INVALID":
            yield Problem(f"job queue `{queue}` takes no jobs", "enable it")


def _clusters(cloud: Cloud, desired: Sequence[Desired]) -> Iterator[Problem]:
    wanted = sorted({cluster for one in desired for cluster in _clusters_of(one)})
    if not wanted:
        return
    try:
        got = cloud.call("ecs", "describe_clusters", clusters=wanted)["clusters"]
    except Refused as error:
        yield Problem(f"clusters cannot be looked up: {error}", error.fix)
        return
    there = {one["clusterName"] for one in got if one.get("status") == "ACTIVE"}
    for cluster in wanted:
        if cluster not in there:
            yield Problem(
                f"there is no ECS cluster `{cluster}`",
                f"`aws ecs create-cluster --cluster-name {cluster}`, or name another one",
            )


def _clusters_of(one: Desired) -> Iterator[str]:
    yield from _named(one, "Cluster")
    if one.ref.kind == ECS_SERVICE:
        yield one.ref.name.partition("/")[0]


def _named(one: Desired, key: str) -> Iterator[str]:
    """Yield every text under ``key`` in the definition of a machine."""
    for node in _inside(one):
        if isinstance(node.get(key), str):
            yield node[key]


def _inside(one: Desired) -> Iterator[dict[str, Any]]:
    """Yield every mapping in the definition of a machine."""
    if one.ref.kind != kinds.STATE_MACHINE:
        return
    waiting: list[Any] = [one.body["Definition"]]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _secrets(cloud: Cloud, desired: Sequence[Desired]) -> Iterator[Problem]:
    names: set[str] = set()
    for one in desired:
        if one.ref.kind == kinds.FUNCTION:
            body: Any = one.body
            named = body["Environment"]["Variables"].get(AWS_SECRETS, "{}")
            names.update(json.loads(named).values())
        names.update(secrets_in_tasks(one))
    for name in sorted(names):
        try:
            _look_up(cloud, name)
        except Refused as error:
            if error.code in (*GONE, "ParameterNotFound"):
                yield _missing(name)
            else:
                yield Problem(f"secret `{name}` cannot be looked up: {error}", error.fix)


def _look_up(cloud: Cloud, name: str) -> None:
    if name.startswith(SSM):
        cloud.call("ssm", "get_parameter", Name=name.removeprefix(SSM))
    else:
        cloud.call("secretsmanager", "describe_secret", SecretId=name)


def _missing(name: str) -> Problem:
    if name.startswith(SSM):
        path = name.removeprefix(SSM)
        put = f"`aws ssm put-parameter --type SecureString --name {path} --value …`"
        return Problem(f"there is no parameter `{path}` in SSM", put)
    return Problem(
        f"there is no secret `{name}` in Secrets Manager",
        f"`aws secretsmanager create-secret --name {name} --secret-string …`",
    )


def _permissions(cloud: Cloud, desired: Sequence[Desired]) -> Iterator[Problem]:
    """Ask IAM what this user may do; who may not ask is told by the first call that is refused."""
    listed = {one.ref.kind for one in desired}
    actions = list(_ACTIONS)
    for kind, more in _FOR.items():
        actions += more if kind in listed else ()
    try:
        got = cloud.call(
            "iam", "simulate_principal_policy",
            PolicySourceArn=_role_of(cloud.caller), ActionNames=actions,
        )  # fmt: skip
    except DeployError:
        return
    for result in got.get("EvaluationResults") or ():
        if result["EvalDecision"] != "allowed":
            action = result["EvalActionName"]
            yield Problem(f"this user may not call `{action}`", f"get the permission `{action}`")


def _role_of(caller: str) -> str:
    """Return the role that an assumed role's session is of; other callers stand for themselves."""
    found = re.fullmatch(r"arn:([^:]+):sts::(\d+):assumed-role/([^/]+)/.*", caller)
    return f"arn:{found[1]}:iam::{found[2]}:role/{found[3]}" if found else caller
