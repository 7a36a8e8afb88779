"""Least-privilege policies of the two roles: the machine's, and that of functions and jobs.

https://docs.aws.amazon.com/step-functions/latest/dg/service-integration-iam-templates.html,
https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc_targets.step_functions.compute import Compute
from flowc_targets.step_functions.functions import distributed_loops, functions
from flowc_targets.step_functions.loops import Bucket

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowc.target import Compilation

ARN = "arn:${AWS::Partition}"
HERE = "${AWS::Region}:${AWS::AccountId}"


def iam(compilation: Compilation) -> dict[str, Any]:
    """Return trust and permissions of both roles."""
    needed = functions(compilation)
    batch = "job_definitions" in needed
    workers = ["lambda.amazonaws.com"] + (["ecs-tasks.amazonaws.com"] if batch else [])
    return {
        "state_machine": {
            "trust": _trust(["states.amazonaws.com"]),
            "policy": _policy(_machine(compilation, needed)),
        },
        "task": {"trust": _trust(workers), "policy": _policy(_task(compilation, needed))},
    }


def _trust(services: list[str]) -> dict[str, Any]:
    principal = {"Service": services[0] if len(services) == 1 else services}
    return _policy([{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}])


def _policy(statements: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _allow(actions: list[str], resources: list[str], **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def _machine(compilation: Compilation, needed: dict[str, Any]) -> list[dict[str, Any]]:
    alias = needed["alias"]
    statements = [
        _allow(
            ["lambda:InvokeFunction"],
            [f"{ARN}:lambda:{HERE}:function:{f['name']}:{alias}" for f in needed["functions"]],
        )
    ]
    if "job_definitions" in needed:
        definitions = f"{ARN}:batch:{HERE}:job-definition"
        jobs = [f"{definitions}/{job['name']}:*" for job in needed["job_definitions"]]
        # Submitting by name is checked against the definition without its revision as well.
        jobs += [resource.removesuffix(":*") for resource in jobs]
        queues = [f"{ARN}:batch:{HERE}:job-queue/{queue}" for queue in needed["job_queues"]]
        statements.append(_allow(["batch:SubmitJob"], sorted(jobs) + queues))
        # Neither action can be limited to resources.
        statements.append(_allow(["batch:DescribeJobs", "batch:TerminateJob"], ["*"]))
        rule = f"{ARN}:events:{HERE}:rule/StepFunctionsGetEventsForBatchJobsRule"
        events = ["events:PutTargets", "events:PutRule", "events:DescribeRule"]
        statements.append(_allow(events, [rule]))
    if distributed_loops(compilation):
        name = machine_name(compilation)
        machine = f"{ARN}:states:{HERE}:stateMachine:{name}"
        children = f"{ARN}:states:{HERE}:execution:{name}/*"
        statements.append(_allow(["states:StartExecution"], [machine]))
        statements.append(_allow(["states:DescribeExecution", "states:StopExecution"], [children]))
        objects = [f"{ARN}:s3:::{o['bucket']}/{o['key']}" for o in needed["objects"]]
        statements.append(_allow(["s3:GetObject"], objects))
    return statements


def _task(compilation: Compilation, needed: dict[str, Any]) -> list[dict[str, Any]]:
    logs = [f"{ARN}:logs:{HERE}:log-group:/aws/lambda/{f['name']}:*" for f in needed["functions"]]
    if "job_definitions" in needed:
        logs.append(f"{ARN}:logs:{HERE}:log-group:/aws/batch/job:*")
    statements = [_allow(["logs:CreateLogStream", "logs:PutLogEvents"], logs)]
    bucket = Bucket.of(compilation.placement.stack.state_store)
    if bucket is not None:
        root = f"{ARN}:s3:::{bucket.name}"
        statements += [
            _allow(["s3:GetObject"], [f"{root}/{bucket.prefix}*"]),
            # Plans and indices are written by the deployment alone; nothing is ever deleted.
            _allow(
                ["s3:PutObject"],
                [f"{root}/{bucket.prefix}{folder}/*" for folder in _written(compilation)],
            ),
            # Without it a key that is not there answers 403 instead of 404.
            _allow(
                ["s3:ListBucket"],
                [root],
                Condition={"StringLike": {"s3:prefix": [f"{bucket.prefix}*"]}},
            ),
        ]
    secrets = sorted({name for f in needed["functions"] for name in f["secrets"].values()})
    if secrets:
        # Secrets Manager appends a hyphen and six characters to the name.
        arns = [f"{ARN}:secretsmanager:{HERE}:secret:{name}-??????" for name in secrets]
        statements.append(_allow(["secretsmanager:GetSecretValue"], arns))
    return statements


def _written(compilation: Compilation) -> list[str]:
    """Return the folders of the store that shims write to."""
    cached = any(step.cache is not None for step in compilation.program.steps.values())
    return ["runs", "names", *(["cache"] if cached else [])]


def machine_name(compilation: Compilation) -> str:
    """Return the name of the state machine."""
    return Compute.of(compilation).base
