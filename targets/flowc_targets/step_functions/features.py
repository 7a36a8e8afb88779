"""What the Step Functions target supports, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.target import NATIVE, lowered, refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.target import FeatureSupport

FEATURES: Mapping[str, FeatureSupport] = {
    "components": lowered("one invocation or job per unit, which calls the component"),
    "data": lowered("evaluated by the shim; the machine sees references only"),
    "expressions": lowered("evaluated by the shim"),
    "variables": lowered("values are part of the plan"),
    "secrets": lowered("Secrets Manager, or SSM as `ssm:/path`; fetched by the functions and jobs"),
    "laziness": lowered("a unit that is not needed starts, looks and ends; jobs are asked about"),
    "needs": lowered("sequences and parallel branches; what waits for more is noted"),
    "when": lowered("decided by the shim; a Batch job is not even submitted"),
    "join": lowered("decided by the shim"),
    "retry": lowered("Retry of a Lambda task; for Batch a loop that asks the shim"),
    "onError": lowered("whoever died is settled by the next state"),
    "timeout": lowered("kept by the shim; the service's own limits as a backstop"),
    "failure": lowered("a flag that every shim reads; running ones look every 2 s (`failFast`)"),
    "foreach": lowered(
        "an inline Map up to 40 at a time; else child executions, at most 25,000 items; "
        "loops inside of loops: 1,000 items"
    ),
    "resources": lowered("a Lambda function's memory, a Batch job definition, or Fargate's sizes"),
    "builtin": NATIVE,
    "mock": NATIVE,
    "python": lowered("in the function's or job's own image"),
    "command": lowered("in the function's or job's own image"),
    "container": lowered(
        "another container of the unit's ECS task, which the shim lets begin; a task per attempt; "
        "not for steps of `finally` or of flows given as data"
    ),
    "stepflow-url": NATIVE,
    "stepflow-command": refused("a server has to run somewhere: give its `url`"),
    "stepflow-deploy": lowered(
        "an ECS service, scaled by cpu, found by Cloud Map or behind a load balancer that is "
        "there; no balancer of flowc's"
    ),
    "deployments": lowered("services with `deploy` stay up between runs; `external` ones by `url`"),
    "locations": lowered("a Batch job on several machines, which start together"),
    "blob-api": lowered("one that is there, by its `url`"),
    "dynamic-flows": lowered("run inside the function or job of the step that submits them"),
    "granularity-auto": lowered("one invocation or job runs the whole chain"),
    "while": lowered(
        "a chain of calls to served components: one function, invoked again while more follows; "
        "else a circle of states, or chunks of passes in child executions above 8,000 events"
    ),
    "cache": lowered("looked up by the shim; a Batch job is not even submitted"),
    "emit": refused("not built yet"),
    "finally": lowered("states between the last step and the end of the run"),
    "collect": lowered("by the shim that closes the loop"),
    "run-timeout": lowered(
        "kept by the shims; a clock beside the steps as a backstop, the end is recorded"
    ),
    "trigger-values": lowered("a part of the execution's input, read by the shim"),
    "triggers": lowered(
        "EventBridge Scheduler; two schedules where both fields of days are set, one run per time"
    ),
    "artifacts": lowered("the function or job copies files; between steps go references"),
    "ports": lowered("by the shim that begins the run, whoever starts it; files in buckets"),
    "sub-flows": lowered(
        "states of the same machine: an inline Map of one pass; machines of their own, by "
        "`startExecution.sync:2`, where the run does not fit into one (1 MB, 25,000 events)"
    ),
    "sub-flow-timeout": lowered("kept by the shims of its steps, without a backstop"),
    "detached": lowered(
        "an execution of a state machine of its own, which the release has beside the flow's; the "
        "function that decides starts it"
    ),
    "waits": refused("not built yet"),
}
