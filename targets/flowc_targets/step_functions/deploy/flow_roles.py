"""The roles of one flow: the machine's, those of functions and jobs, the scheduler's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from flowc_shim.aws_secrets import SSM
from flowc_shim.contract.secrets import named_secret
from flowc_shim.runner.keys import deployment_prefix
from flowc_targets._shared.check_artifacts import artifact_url, moves_files, named_files
from flowc_targets.step_functions.compute import deployment_of
from flowc_targets.step_functions.deploy.roles import ACCOUNT, ARN, HERE, REGION, Role, Statement
from flowc_targets.step_functions.loops import Bucket
from flowc_targets.step_functions.release import DETACHED, PART

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowc_targets.step_functions.deploy.needs import Needs

LAMBDA_SERVICE = "lambda.amazonaws.com"
TASKS_SERVICE = "ecs-tasks.amazonaws.com"
LIVE = "live"
"""The alias of the state machine that everything starts runs by; moving it is the one switch."""


def machine_arn(needs: Needs) -> str:
    """Return the state machine's ARN."""
    return f"{ARN}:states:{HERE}:stateMachine:{needs.base}"


def machine_patterns(needs: Needs, what: str, end: str = "") -> tuple[str, ...]:
    """Return the ARNs of the machines of all releases, or what else begins with their names."""
    own = f"{ARN}:states:{HERE}:{what}:{needs.base}"
    ends = ["", *([DETACHED] if needs.has_detached else []), *([PART] if needs.has_parts else [])]
    return tuple(own + kind + end for kind in ends)


def roles(needs: Needs) -> dict[str, Role]:
    """Return the roles by what takes them."""
    found = {
        "machine": _machine(needs),
        "decide": _decide(needs),
        "sweep": _sweep(needs),
    }
    if len(needs.functions) > 1:
        found["unit"] = _worker(needs, "unit", "runs units")
    if needs.has_containers:
        found["job"] = Role(
            f"{needs.base}-job", TASKS_SERVICE, "runs units as jobs or tasks", _store(needs)
        )
        found["pull"] = _pull(needs)
    if needs.compilation.triggers:
        started = f"{machine_arn(needs)}:{LIVE}"
        start = Statement("schedules start runs", ("states:StartExecution",), (started,))
        found["start"] = Role(
            f"{needs.base}-start", "scheduler.amazonaws.com", "starts scheduled runs", (start,)
        )
    return found


def _machine(needs: Needs) -> Role:
    functions = f"{ARN}:lambda:{HERE}:function"
    statements = [
        Statement(
            "tasks invoke functions, in the version that their run began with",
            ("lambda:InvokeFunction",),
            tuple(f"{functions}:{function.name}:p-*" for function in needs.functions),
        )
    ]
    statements += _jobs(needs) if needs.jobs else []
    statements += _tasks(needs) if needs.tasks else []
    statements += _children(needs) if needs.children else []
    statements += _parts(needs) if needs.has_parts else []
    purpose = "is the state machine"
    return Role(f"{needs.base}-machine", "states.amazonaws.com", purpose, tuple(statements))


def _jobs(needs: Needs) -> list[Statement]:
    definitions = f"{ARN}:batch:{HERE}:job-definition"
    # Submitting by name is checked against the definition with and without its revision; a name
    # that ends in a star matches both.
    named = [f"{definitions}/{base}-p-*" for base in sorted({job.base for job in needs.jobs})]
    queues = [f"{ARN}:batch:{HERE}:job-queue/{queue}" for queue in needs.queues]
    rule = f"{ARN}:events:{HERE}:rule/StepFunctionsGetEventsForBatchJobsRule"
    events = ("events:PutTargets", "events:PutRule", "events:DescribeRule")
    return [
        Statement("units are submitted as jobs", ("batch:SubmitJob",), (*named, *queues)),
        Statement(
            "jobs are watched, and ended with their run; neither can be limited to some jobs",
            ("batch:DescribeJobs", "batch:TerminateJob"),
            ("*",),
        ),
        Statement("Step Functions hears of ended jobs through its own rule", events, (rule,)),
    ]


def _tasks(needs: Needs) -> list[Statement]:
    """Return what tasks take (https://docs.aws.amazon.com/step-functions/latest/dg/ecs-iam.html)."""
    families = f"{ARN}:ecs:{HERE}:task-definition"
    named = tuple(f"{families}/{base}-p-*:*" for base in sorted({t.base for t in needs.tasks}))
    rule = f"{ARN}:events:{HERE}:rule/StepFunctionsGetEventsForECSTaskRule"
    events = ("events:PutTargets", "events:PutRule", "events:DescribeRule")
    passed = tuple(
        f"{ARN}:iam::{ACCOUNT}:role/flowc/{needs.base}-{role}-{REGION}" for role in ("job", "pull")
    )
    return [
        Statement("units are started as tasks", ("ecs:RunTask",), named),
        Statement(
            "tasks are watched, and ended with their run; their ids are not known before",
            ("ecs:DescribeTasks", "ecs:StopTask"),
            ("*",),
        ),
        Statement("Step Functions hears of ended tasks through its own rule", events, (rule,)),
        Statement(
            "tasks are given their roles",
            ("iam:PassRole",),
            passed,
            {"StringEquals": {"iam:PassedToService": TASKS_SERVICE}},
        ),
    ]


def _parts(needs: Needs) -> list[Statement]:
    """Return what ``startExecution.sync:2`` takes.

    https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
    """
    executions = f"{ARN}:states:{HERE}:execution:{needs.base}{PART}:*"
    rule = f"{ARN}:events:{HERE}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"
    events = ("events:PutTargets", "events:PutRule", "events:DescribeRule")
    return [
        Statement(
            "sub-flows are executions of machines of their own",
            ("states:StartExecution",),
            (machine_arn(needs) + PART,),
        ),
        Statement(
            "these are watched and ended with their run",
            ("states:DescribeExecution", "states:StopExecution"),
            (executions,),
        ),
        Statement("Step Functions hears of their ends through its own rule", events, (rule,)),
    ]


def _children(needs: Needs) -> list[Statement]:
    keys: tuple[str, ...] = ()
    if needs.bucket is not None:
        lists = f"{ARN}:s3:::{needs.bucket.name}"
        keys = tuple(f"{lists}/{needs.bucket.indices_key(count)}" for count in needs.indices)
    reads = Statement("a large loop reads its numbers from a list", ("s3:GetObject",), keys)
    return [
        Statement(
            "items of large loops, and chunks of passes, are executions of the machine itself",
            ("states:StartExecution",),
            machine_patterns(needs, "stateMachine"),
        ),
        Statement(
            "these executions are watched and ended with their run",
            ("states:DescribeExecution", "states:StopExecution"),
            machine_patterns(needs, "execution", "/*"),
        ),
        *([reads] if keys else []),
    ]


def _decide(needs: Needs) -> Role:
    role = _worker(needs, "decide", "settles, asks, opens and ends; runs no component")
    if not needs.has_detached:
        return role
    machines = (machine_arn(needs) + DETACHED,)
    start = Statement("runs of detached flows are started", ("states:StartExecution",), machines)
    return replace(role, statements=(*role.statements, start))


def _worker(needs: Needs, what: str, purpose: str) -> Role:
    groups = [
        f"/aws/lambda/{function.name}"
        for function in needs.functions
        if (function == needs.compute.decide) == (what == "decide")
    ]
    network = _network(needs) if what == "unit" else ()
    statements = (_logs(groups), *_store(needs), *network)
    return Role(f"{needs.base}-{what}", LAMBDA_SERVICE, purpose, statements)


def _network(needs: Needs) -> tuple[Statement, ...]:
    """Return what Lambda takes (https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html)."""
    if needs.compute.network is None:
        return ()
    actions = (
        "ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
    )  # fmt: skip
    reason = "functions are put into the network of component servers; Lambda checks it for `*`"
    return (Statement(reason, actions, ("*",)),)


def _sweep(needs: Needs) -> Role:
    executions = machine_patterns(needs, "execution", ":*")
    asked = Statement("it asks how runs ended", ("states:DescribeExecution",), executions)
    forgotten = []
    if needs.bucket is not None:
        root = f"{ARN}:s3:::{needs.bucket.name}/{needs.bucket.prefix}"
        written = dict.fromkeys([*written_folders(needs), "cache"])
        folders = tuple(f"{root}{folder}/*" for folder in written)
        reason = "it forgets runs that are past their retention, and cached results"
        forgotten = [Statement(reason, ("s3:DeleteObject",), folders)]
    if moves_files(needs.compilation):
        forgotten += list(_forgotten_files(needs))
    logs = _logs([f"/aws/lambda/{needs.sweep.name}"])
    purpose = "records the end of runs that were aborted or died, and forgets old ones"
    statements = (logs, asked, *forgotten, *_store(needs))
    return Role(f"{needs.base}-sweep", LAMBDA_SERVICE, purpose, statements)


def _forgotten_files(needs: Needs) -> Iterator[Statement]:
    files = Bucket.at(artifact_url(needs.compilation))
    if files is not None:
        root = f"{ARN}:s3:::{files.name}"
        stored = f"{root}/{files.prefix}runs/*"
        yield Statement("their files go with them", ("s3:DeleteObject",), (stored,))
        listed = {"StringLike": {"s3:prefix": [f"{files.prefix}runs/*"]}}
        yield Statement("files are found", ("s3:ListBucket",), (root,), listed)


def written_folders(needs: Needs) -> list[str]:
    """Return where in the state store runs write."""
    own = deployment_prefix(deployment_of(needs.compilation.name))
    more = ["fires"] if needs.compilation.triggers else []
    if any(step.cache is not None for one in needs.family for step in one.program.steps.values()):
        more.append("cache")
    return ["runs", "uses", "names", f"{own}/runs", f"{own}/open", *more]


def _pull(needs: Needs) -> Role:
    statements = (
        *pulling(needs.job_log_group),
        *reading_secrets(_secrets_of_programs(needs), "ssm:GetParameters"),
    )
    return Role(f"{needs.base}-pull", TASKS_SERVICE, "starts jobs and tasks", statements)


def _secrets_of_programs(needs: Needs) -> list[str]:
    """Return the secrets that ECS itself hands to containers beside the shim's."""
    values = [v for t in needs.tasks if t.own_image is not None for v in t.own_image.env.values()]
    return sorted({name for name in map(named_secret, values) if name is not None})


def pulling(log_group: str) -> tuple[Statement, ...]:
    """Return what starts a container: its image comes, and its output goes."""
    layers = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability")
    return (
        Statement("ECR is signed in to, which has no resources", ("ecr:GetAuthorizationToken",),
                  ("*",)),
        Statement("the image is pulled", layers, (f"{ARN}:ecr:{HERE}:repository/*",)),
        _logs([log_group]),
    )  # fmt: skip


def _logs(groups: list[str]) -> Statement:
    return Statement(
        "output goes to the log",
        ("logs:CreateLogStream", "logs:PutLogEvents"),
        tuple(f"{ARN}:logs:{HERE}:log-group:{group}:*" for group in groups),
    )


def _store(needs: Needs) -> tuple[Statement, ...]:
    found = []
    if needs.bucket is not None:
        root = f"{ARN}:s3:::{needs.bucket.name}"
        prefix = needs.bucket.prefix
        found = [
            Statement("plans and records are read", ("s3:GetObject",), (f"{root}/{prefix}*",)),
            Statement(
                "records are written; plans are the deployment's, and nothing is ever deleted",
                ("s3:PutObject",),
                tuple(f"{root}/{prefix}{folder}/*" for folder in written_folders(needs)),
            ),
            Statement(
                "without it a key that is not there answers 403 instead of 404",
                ("s3:ListBucket",),
                (root,),
                {"StringLike": {"s3:prefix": [f"{prefix}*"]}},
            ),
        ]
    secrets = reading_secrets(needs.secrets, "ssm:GetParameter")
    return (*found, *_files(needs), *secrets)


def _files(needs: Needs) -> Iterator[Statement]:
    bucket = Bucket.at(artifact_url(needs.compilation))
    if bucket is not None and any(map(moves_files, needs.family)):
        files = f"{ARN}:s3:::{bucket.name}/{bucket.prefix}runs/*"
        yield Statement("files go in and out", ("s3:GetObject", "s3:PutObject"), (files,))
    uris = {uri for one in needs.family for uri, _ in named_files(one)}
    named = sorted(uri for uri in uris if uri.startswith("s3://"))
    if named:
        objects = tuple(f"{ARN}:s3:::{unquote(uri.removeprefix('s3://'))}" for uri in named)
        yield Statement("the flow names these files", ("s3:GetObject",), objects)


def reading_secrets(secrets: Iterable[str], parameters: str) -> Iterator[Statement]:
    """Yield what reads secrets; ``parameters``: the action that reads those in SSM."""
    paths = [name.removeprefix(SSM) for name in secrets if name.startswith(SSM)]
    names = [name for name in secrets if not name.startswith(SSM)]
    reason = "secrets are read when a unit starts"
    if names:
        # Secrets Manager appends a hyphen and six characters to the name.
        arns = tuple(f"{ARN}:secretsmanager:{HERE}:secret:{name}-??????" for name in names)
        yield Statement(reason, ("secretsmanager:GetSecretValue",), arns)
    if paths:
        # A path begins with a slash that is the ARN's as well.
        arns = tuple(f"{ARN}:ssm:{HERE}:parameter/{path.lstrip('/')}" for path in paths)
        yield Statement(reason, (parameters,), arns)
