"""States as plain data: one builder per kind of state that flowc emits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from flowc_shim.components.ecs_task import PROGRAM_CONTAINER, UNIT_CONTAINER
from flowc_shim.contract.scopes import is_outermost
from flowc_targets.step_functions.classes import network
from flowc_targets.step_functions.limits import TASK_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.source.stack_model import Ecs
    from flowc_shim.contract.policies import Budget, Retry
    from flowc_targets.step_functions.compute import Job, Task

State = dict[str, Any]

ANSWER = "$.answer"
VERDICT = f"{ANSWER}.verdict"
"""Where the verdict of a task is, if a Choice needs it; every other result is dropped."""

ERROR = "$.error"

HELD_SECONDS = 30.0
"""Waits up to this are slept by the shim itself; longer ones are ``Flowc.Retry``."""

CONTRACT = {"ErrorEquals": ["Flowc.Contract"], "MaxAttempts": 0}

THROTTLED = {
    "ErrorEquals": [
        "Lambda.ClientExecutionTimeoutException",
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.TooManyRequestsException",
    ],
    "IntervalSeconds": 2,
    "MaxAttempts": 6,
    "BackoffRate": 2,
    "JitterStrategy": "FULL",
}
"""Errors of the service, not of the unit: they spend none of its attempts
(https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html)."""

SUBMISSION = {
    "ErrorEquals": [
        "Batch.ServerException",
        "Batch.BatchException",
        "Batch.TooManyRequestsException",
        "Batch.SdkClientException",
    ],
    "IntervalSeconds": 3,
    "MaxAttempts": 6,
    "BackoffRate": 2,
    "JitterStrategy": "FULL",
}
"""A job that was not submitted: the API of an account takes 50 calls a second
(https://repost.aws/knowledge-center/aws-batch-requests-error)."""

STARTING = {
    "ErrorEquals": ["ECS.AmazonECSException", "ECS.ServerException", "ECS.SdkClientException"],
    "IntervalSeconds": 10,
    "MaxAttempts": 8,
    "BackoffRate": 2,
    "MaxDelaySeconds": 120,
    "JitterStrategy": "FULL",
}
"""A task that was not started, for want of capacity say
(https://repost.aws/knowledge-center/ecs-fargate-runtask-capacity)."""

HELPER_RETRY = {
    "ErrorEquals": ["States.ALL"],
    "IntervalSeconds": 2,
    "MaxAttempts": 8,
    "BackoffRate": 2,
    "MaxDelaySeconds": 60,
    "JitterStrategy": "FULL",
}
"""Tasks that only read and commit: cheap to repeat, and much hangs on them. Errors of the service
are among all; an entry of their own would make a long definition a tenth longer."""


RUN = "$.run"
"""What the first state writes down once, and every map hands to its iterations: how the run is
called (a child execution of a distributed Map has an id of its own), and which plan and version of
the functions it began with. So an edit of the flow changes one line of a definition, not all."""


STARTED_WITH = "$$.Execution.Input"
"""The whole input of the execution: a path into it that leads nowhere would fail the run before
anything could catch it."""


def run_facts(plan: str, version: str) -> State:
    """Return the first state: it writes :data:`RUN`."""
    facts = {
        "plan": plan,
        "version": version,
        "id.$": "$$.Execution.Id",
        "started.$": "$$.Execution.StartTime",
        "name.$": "$$.Execution.Name",
    }
    return {"Type": "Pass", "Parameters": facts, "ResultPath": RUN}


def payload(op: str, unit: str | None, scope: str, **more: Any) -> State:
    """Return the event of a shim. Keys that end in ``_path`` become paths."""
    event: State = {
        "op": op,
        "plan.$": f"{RUN}.plan",
        "run.$": f"{RUN}.id",
        "started.$": f"{RUN}.started",
        "name.$": f"{RUN}.name",
    }
    if unit is not None:
        event["unit"] = unit
    if not is_outermost(scope):
        event["scope.$"] = "$.scope"
    for key, value in more.items():
        event[f"{key[:-5]}.$" if key.endswith("_path") else key] = value
    return event


def lambda_task(function: str, event: State, retry: list[State], *, answers: bool = False) -> State:
    """Return a task that invokes ``function``; ``answers``: its verdict is kept for a Choice."""
    state: State = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {
            "FunctionName": function,
            "Qualifier.$": f"{RUN}.version",
            "Payload": event,
        },
        "TimeoutSeconds": TASK_SECONDS,
    }
    if answers:
        state |= {"ResultSelector": {"verdict.$": "$.Payload"}, "ResultPath": ANSWER}
    else:
        state["ResultPath"] = None
    state["Retry"] = retry
    return state


def batch_task(job: Job, name: str, unit: str, scope: str, seconds: float | None) -> State:
    """Return a task that runs ``unit`` as a Batch job to its end."""
    parameters: State = {
        "JobName": name,
        "JobDefinition.$": f"States.Format('{job.base}-{{}}', {RUN}.version)",
        "JobQueue": job.queue,
    }
    if job.nodes > 1:
        parameters["Parameters"] = together_with(unit, scope)
    else:
        parameters["ContainerOverrides"] = {
            "Command.$": command(unit, scope),
            "Environment": [{"Name": "FLOWC_RUN_NAME", "Value.$": f"{RUN}.name"}],
        }
    if seconds is not None:
        # A backstop for the attempt, not for its time in the queue; Batch takes no less than 60.
        parameters["Timeout"] = {"AttemptDurationSeconds": max(60, math.ceil(seconds))}
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::batch:submitJob.sync",
        "Parameters": parameters,
        "ResultPath": None,
        "Retry": [SUBMISSION],
    }


def ecs_task(
    task: Task, ecs: Ecs, step: str, line: str, seconds: float | None, *, spot: bool = False
) -> State:
    """Return a task that runs an ECS task on Fargate to its end.

    ``line``: see :func:`command`. ``step``: the id of the step, for its program.
    """
    launched: State = {"LaunchType": "FARGATE"}
    if spot:
        chosen = {"CapacityProvider": "FARGATE_SPOT", "Weight": 1}
        launched = {"CapacityProviderStrategy": [chosen]}
    overrides: list[State] = [
        {
            "Name": UNIT_CONTAINER,
            "Command.$": line,
            "Environment": [{"Name": "FLOWC_RUN_NAME", "Value.$": f"{RUN}.name"}],
        }
    ]
    if task.own_image is not None:
        which = [{"Name": "FLOWC_STEP", "Value": step}]
        overrides.append({"Name": PROGRAM_CONTAINER, "Environment": which})
    state: State = {
        "Type": "Task",
        "Resource": "arn:aws:states:::ecs:runTask.sync",
        "Parameters": {
            "Cluster": ecs.cluster,
            "TaskDefinition.$": f"States.Format('{task.base}-{{}}', {RUN}.version)",
            **launched,
            "NetworkConfiguration": network.of_tasks(ecs),
            "Overrides": {"ContainerOverrides": overrides},
        },
        "ResultPath": None,
        "Retry": [STARTING],
    }
    if seconds is not None:
        # ECS has no bound of its own. Time in which a machine is looked for counts as well.
        state["TimeoutSeconds"] = math.ceil(seconds)
    return state


def choice(rules: list[State], default: str) -> State:
    """Return a Choice."""
    return {"Type": "Choice", "Choices": rules, "Default": default}


def when(tests: list[State], target: str) -> State:
    """Return a rule that holds if all ``tests`` do; each variable is known to be there first."""
    checked: list[State] = []
    seen: set[str] = set()
    for test in tests:
        compared = [value for key, value in test.items() if key.endswith("Path")]
        for variable in (test["Variable"], *compared):
            if variable not in seen:
                seen.add(variable)
                checked.append({"Variable": variable, "IsPresent": True})
        checked.append(test)
    return {"And": checked, "Next": target}


def catch(target: str) -> list[State]:
    """Return a Catch of everything that can be caught, with the error for whoever settles."""
    return [{"ErrorEquals": ["States.ALL"], "ResultPath": ERROR, "Next": target}]


def unit_retry(retry: Retry) -> list[State]:
    """Return the Retry of a Lambda unit.

    The shim counts the attempts by class and knows when to stop; here stands only how often a dead
    one is started again at most. ``States.ALL`` waits as the platform's budget says.
    """
    entries: list[State] = [CONTRACT, THROTTLED]
    again = retry.attempts - 1
    if again == 0:
        return entries
    held = [budget for budget in (retry.user, retry.platform, retry.timeout) if budget.max]
    late = [budget for budget in held if budget.wait(budget.max) > HELD_SECONDS]
    if late:
        longest = max(late, key=lambda budget: budget.wait(budget.max))
        entries.append(_retrier("Flowc.Retry", longest, again))
    entries.append(_retrier("States.ALL", retry.platform, again))
    return entries


def _retrier(error: str, budget: Budget, attempts: int) -> State:
    interval = max(1, math.ceil(min(budget.delay, budget.cap)))
    state: State = {
        "ErrorEquals": [error],
        "IntervalSeconds": interval,
        "MaxAttempts": min(attempts, 99_999_999),
        "BackoffRate": max(1.0, budget.factor) if budget.delay < budget.cap else 1.0,
    }
    cap = math.ceil(budget.cap)
    if interval < cap < 31_622_400:  # both bounds are the service's
        state["MaxDelaySeconds"] = cap
    if budget.jitter:
        state["JitterStrategy"] = "FULL"
    return state


def literal(text: str) -> str:
    """Return ``text`` as a string inside an intrinsic function.

    >>> literal("it's {a}")
    "'it\\\\'s \\\\{a\\\\}'"
    """
    escaped = "".join(f"\\{char}" if char in "'{}\\" else char for char in text)
    return f"'{escaped}'"


def command(unit: str, scope: str) -> str:
    """Return the intrinsic function that makes the command of a Batch job.

    No argument may be empty (Batch refuses it), so the root scope is left out.
    """
    parts = [literal(word) for word in ("flowc-shim", "run-unit", "--unit", unit, "--plan")]
    parts += [f"{RUN}.plan", literal("--run")]
    parts += [f"States.Format('{{}}@{{}}', {RUN}.id, {RUN}.started)"]
    if not is_outermost(scope):
        parts += [literal("--scope"), "$.scope"]
    return f"States.Array({', '.join(parts)})"


TOGETHER = ("unit", "plan", "run", "run-name")
"""What a job on several machines is told: containers of such a job cannot be overridden from here
(https://docs.aws.amazon.com/step-functions/latest/dg/connect-batch.html), so its definition has a
command with a place for each (https://docs.aws.amazon.com/batch/latest/userguide/job_definition_parameters.html)."""


def together_command(job: Job) -> list[str]:
    """Return the command in the definition of a job on several machines."""
    words = [*TOGETHER, "scope"] if job.scoped else [*TOGETHER]
    return ["flowc-shim", "run-unit", *(w for one in words for w in (f"--{one}", f"Ref::{one}"))]


def together_with(unit: str, scope: str) -> State:
    """Return what stands in the places of :func:`together_command`."""
    found: State = {
        "unit": unit,
        "plan.$": f"{RUN}.plan",
        "run.$": f"States.Format('{{}}@{{}}', {RUN}.id, {RUN}.started)",
        "run-name.$": f"{RUN}.name",
    }
    return found if is_outermost(scope) else {**found, "scope.$": "$.scope"}


def strip_retries(machine: Mapping[str, Any]) -> State:
    """Return ``machine`` as it runs if nothing fails: no Retry, no Catch."""
    states: State = {}
    for name, state in machine["States"].items():
        kept = {key: value for key, value in state.items() if key not in ("Retry", "Catch")}
        if "Branches" in kept:
            kept["Branches"] = [strip_retries(branch) for branch in kept["Branches"]]
        if "ItemProcessor" in kept:
            kept["ItemProcessor"] = strip_retries(kept["ItemProcessor"])
        states[name] = kept
    return {**machine, "States": states}
