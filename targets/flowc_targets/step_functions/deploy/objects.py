"""Every object of a flow on AWS, as data: kind, name and body, in CloudFormation's words.

Nothing depends on an account or a region: what does is written as CloudFormation's own
``${AWS::Partition}``, ``${AWS::Region}``, ``${AWS::AccountId}``, and ``${UnitImage}``.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from flowc.deploy.model import Desired, Phase, Ref
from flowc_shim.sweeper.sweep import RETENTION_SECONDS
from flowc_targets.step_functions.classes.names import class_owner, deployed_classes
from flowc_targets.step_functions.compute import HANDLER, IMAGE_PARAMETER
from flowc_targets.step_functions.deploy.flow_roles import LIVE, machine_arn, roles
from flowc_targets.step_functions.deploy.needs import Needs
from flowc_targets.step_functions.deploy.roles import ARN, HERE, REGION
from flowc_targets.step_functions.deploy.schedules import schedules
from flowc_targets.step_functions.deploy.task_definitions import task_definition, variables
from flowc_targets.step_functions.limits import LAMBDA_SECONDS
from flowc_targets.step_functions.states import together_command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.source.stack_model import Stack
    from flowc.target import Compilation
    from flowc_targets.step_functions.compute import Function, Job
    from flowc_targets.step_functions.deploy.roles import Role

LOG_GROUP = "log-group"
OBJECT = "object"
ROLE = "role"
ROLE_POLICY = "role-policy"
FUNCTION = "function"
FUNCTION_ALIAS = "function-alias"
PERMISSION = "function-permission"
JOB_DEFINITION = "job-definition"
TASK_DEFINITION = "task-definition"
STATE_MACHINE = "state-machine"
STATE_MACHINE_ALIAS = "state-machine-alias"
RULE = "rule"

OWNER = "flowc:deployment"
"""The tag that says whose an object is."""

USES = "flowc:classes"
"""The tag of a machine whose flow uses component classes that are brought up: whose they are."""

LOG_DAYS = 30
CLOUDWATCH_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
)  # fmt: skip
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""

SWEEP_HANDLER = (*HANDLER[:-1], "flowc_shim.sweeper.step_functions.handle")
SWEEP_RATE = "rate(1 hour)"
ENDED_BADLY = ["ABORTED", "FAILED", "TIMED_OUT"]


def objects(compilation: Compilation) -> tuple[Desired, ...]:
    """Return every object that the flow needs, in an order in which they can be made."""
    needs = Needs.of(compilation)
    return (
        *_logs(needs),
        *_stored(needs),
        *_roles(needs),
        *_functions(needs),
        *_jobs(needs),
        *_tasks(needs),
        *_sweeper(needs),
        *_machine(needs),
        *schedules(needs),
    )


def own(needs: Needs) -> dict[str, Any]:
    """Return the tags of an object."""
    return {"Tags": {OWNER: needs.compilation.name}}


def _logs(needs: Needs) -> Iterator[Desired]:
    days = log_days(needs.compilation.placement.stack)
    names = [f"/aws/lambda/{function.name}" for function in (*needs.functions, needs.sweep)]
    for name in [*names, *([needs.job_log_group] if needs.has_containers else [])]:
        yield Desired(Ref(LOG_GROUP, name), {"RetentionInDays": days, **own(needs)})


def log_days(stack: Stack) -> int:
    """Return how long logs are kept: as long as runs, rounded up to what CloudWatch offers."""
    if stack.retention is None:
        return LOG_DAYS
    return next(days for days in CLOUDWATCH_DAYS if days * 86400 >= stack.retention)


def _stored(needs: Needs) -> Iterator[Desired]:
    if needs.bucket is None:
        return
    place = f"s3://{needs.bucket.name}"
    for one in needs.family:
        digest, plan = one.plan.digest, {"Json": one.plan.to_json()}
        name = f"{place}/{needs.bucket.prefix}plans/{digest}"
        yield Desired(Ref(OBJECT, name), plan, plan=digest)
    for count in needs.indices:
        yield Desired(Ref(OBJECT, f"{place}/{needs.bucket.indices_key(count)}"), {"Range": count})


def _roles(needs: Needs) -> Iterator[Desired]:
    for role in roles(needs).values():
        yield from role_objects(role, own(needs))


def role_objects(role: Role, tags: dict[str, Any]) -> Iterator[Desired]:
    """Yield a role and what it may do."""
    trust = {"AssumeRolePolicyDocument": role.trust, "Description": role.purpose}
    yield Desired(Ref(ROLE, role.name), trust | tags)
    name = f"{role.name}/{role.policy_name}"
    yield Desired(Ref(ROLE_POLICY, name), {"PolicyDocument": role.policy})


def _functions(needs: Needs) -> Iterator[Desired]:
    found = roles(needs)
    for function in needs.functions:
        role = found["decide" if function == needs.compute.decide else "unit"]
        body = _function(needs, function, role, HANDLER)
        if needs.compute.network is not None and function != needs.compute.decide:
            body["VpcConfig"] = dict(needs.compute.network)
        yield Desired(Ref(FUNCTION, function.name), body | own(needs))
        yield Desired(Ref(FUNCTION_ALIAS, f"{function.name}:{needs.compute.alias}"), body)


def _function(
    needs: Needs, function: Function, role: Role, command: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "PackageType": "Image",
        "Code": {"ImageUri": needs.compute.image},
        "ImageConfig": {"Command": list(command)},
        "Role": role.arn,
        "MemorySize": function.memory,
        "EphemeralStorage": {"Size": function.disk},
        "Timeout": LAMBDA_SECONDS,
        "Environment": {"Variables": dict(needs.compute.environment)},
    }


def _jobs(needs: Needs) -> Iterator[Desired]:
    found = roles(needs)
    for job in needs.jobs:
        container = _container(needs, job, found["job"], found["pull"])
        # Attempts are the shim's and the machine's: Batch must not add any.
        body = {**_of_type(job, container), "RetryStrategy": {"Attempts": 1}}
        yield Desired(Ref(JOB_DEFINITION, job.name), body | own(needs))


def _of_type(job: Job, container: dict[str, Any]) -> dict[str, Any]:
    """Return what a job on one machine, or on several, is made of."""
    if job.nodes == 1:
        return {"Type": "container", "ContainerProperties": container}
    nodes = {"TargetNodes": "0:", "Container": {**container, "Command": together_command(job)}}
    together = {"NumNodes": job.nodes, "MainNode": 0, "NodeRangeProperties": [nodes]}
    return {"Type": "multinode", "NodeProperties": together}


def _tasks(needs: Needs) -> Iterator[Desired]:
    found = roles(needs)
    for task in needs.tasks:
        body = task_definition(needs, task, found["job"], found["pull"])
        yield Desired(Ref(TASK_DEFINITION, task.name), body | own(needs))


def _container(needs: Needs, job: Job, role: Role, pull: Role) -> dict[str, Any]:
    resources = {"VCPU": str(job.cpu), "MEMORY": str(job.memory)}
    if job.gpu:
        resources["GPU"] = str(job.gpu)
    log = {"awslogs-group": needs.job_log_group, "awslogs-region": REGION}
    return {
        "Image": needs.compute.image,
        "ResourceRequirements": [{"Type": kind, "Value": resources[kind]} for kind in resources],
        "Environment": variables(needs.compute.environment),
        "JobRoleArn": role.arn,
        "ExecutionRoleArn": pull.arn,
        "LogConfiguration": {"LogDriver": "awslogs", "Options": log},
    }


def _sweeper(needs: Needs) -> Iterator[Desired]:
    name = needs.sweep.name
    body = _function(needs, needs.sweep, roles(needs)["sweep"], SWEEP_HANDLER)
    retention = needs.compilation.placement.stack.retention
    if retention is not None:
        body["Environment"]["Variables"][RETENTION_SECONDS] = f"{retention:.0f}"
    yield Desired(Ref(FUNCTION, name), body | own(needs))
    pattern = {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"status": ENDED_BADLY, "stateMachineArn": _machine_arns(needs)},
    }
    rules: dict[str, dict[str, Any]] = {
        f"{needs.base}-ended": {"EventPattern": pattern},
        f"{needs.base}-sweep": {"ScheduleExpression": SWEEP_RATE},
    }
    for rule, when in rules.items():
        allowed = {
            "Action": "lambda:InvokeFunction",
            "Principal": "events.amazonaws.com",
            "SourceArn": f"{ARN}:events:{HERE}:rule/{rule}",
        }
        yield Desired(Ref(PERMISSION, f"{name}/{rule}"), allowed)
        target = [{"Id": "sweep", "Arn": f"{ARN}:lambda:{HERE}:function:{name}"}]
        yield Desired(Ref(RULE, rule), {**when, "Targets": target, **own(needs)})


def _machine_arns(needs: Needs) -> list[Any]:
    """Return what the machines are called whose ends the sweeper hears of."""
    own = machine_arn(needs)
    return [own, {"prefix": f"{own}-"}] if needs.has_detached else [own]


def _machine(needs: Needs) -> Iterator[Desired]:
    """Yield all machines, each behind those that it runs, and the switch to the flow's own."""
    role = {"RoleArn": roles(needs)["machine"].arn}
    for one in reversed(needs.family):
        defined, is_own = needs.definitions[one.plan.digest], one is needs.compilation
        for path, part in defined.parts.items():
            body = {**role, "Definition": part, **own(needs)}
            yield Desired(Ref(STATE_MACHINE, needs.release.part(one, path)), body)
        tags = _machine_tags(needs) if is_own else own(needs)
        body = {**role, "Definition": defined.machine, **tags}
        yield Desired(Ref(STATE_MACHINE, needs.release.machine(one)), body)
    yield Desired(
        Ref(STATE_MACHINE_ALIAS, f"{needs.base}:{LIVE}"),
        {"Version": version_of(body["Definition"])},
        Phase.SWITCH,
    )


def _machine_tags(needs: Needs) -> dict[str, Any]:
    """Return the tags of the machine; they say too that the flow uses what others use as well."""
    shared, project = needs.compilation.shared_name, needs.compilation.placement.project
    uses = {USES: class_owner(shared, project)} if deployed_classes(needs.compilation) else {}
    return {"Tags": {**own(needs)["Tags"], **uses}}


def version_of(definition: Any) -> str:
    """Return how the version of a state machine with this definition is told from others."""
    text = json.dumps(definition, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def needs_image(found: tuple[Desired, ...]) -> bool:
    """Whether the stack names no image, so that whoever deploys has to."""
    return any(
        one.ref.kind == FUNCTION and IMAGE_PARAMETER in str(one.body["Code"]) for one in found
    )
