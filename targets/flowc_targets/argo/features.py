"""What the Argo target supports, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.target import NATIVE, lowered, refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.target import FeatureSupport

FEATURES: Mapping[str, FeatureSupport] = {
    "components": lowered("one pod per unit, which calls the component"),
    "data": lowered("evaluated by the shim; the engine sees references only"),
    "expressions": lowered("evaluated by the shim"),
    "variables": lowered("values are part of the plan"),
    "secrets": lowered("Kubernetes Secrets, key `value`, as environment variables of the pods"),
    "laziness": lowered("a unit that is not needed starts, looks and ends; a heavy one is guarded"),
    "needs": NATIVE,
    "when": lowered("decided by the shim; a heavy unit's pod is not even started"),
    "join": lowered("decided by the shim"),
    "retry": lowered("`retryStrategy` restarts pods; the shim keeps the budgets by class"),
    "onError": lowered("whoever comes next settles a pod that died"),
    "timeout": lowered("kept by the shim; `activeDeadlineSeconds` as a backstop"),
    "failure": lowered("a flag that every shim reads; running ones look every 2 s (`failFast`)"),
    "foreach": lowered(
        "`withSequence` over a count; above 500 items, for a body of one unit, tasks that run "
        "several items each (at most 25,000)"
    ),
    "resources": lowered("requests and limits of containers that do the work themselves"),
    "builtin": NATIVE,
    "mock": NATIVE,
    "python": lowered("in the unit's own image"),
    "command": lowered("in the unit's own image"),
    "container": lowered(
        "a pod of its own, which the unit's makes, follows and deletes; not for steps of `finally` "
        "or of flows given as data"
    ),
    "stepflow-url": NATIVE,
    "stepflow-command": refused("a server has to run somewhere: give its `url`"),
    "stepflow-deploy": lowered("Deployment, Service, autoscaler; HAProxy before several servers"),
    "deployments": lowered("services with `deploy` stay up between runs; `external` ones by `url`"),
    "locations": lowered(
        "the pods of a JobSet, where the stack says `job_set: true`; not for steps of `finally`"
    ),
    "blob-api": lowered("the shim's own service, a Deployment; or one that is there"),
    "dynamic-flows": lowered("run inside the pod of the step that submits them"),
    "granularity-auto": lowered("a pod runs the whole chain"),
    "while": lowered(
        "a chain of calls to served components: one pod runs all passes; else templates that call "
        "themselves, within the budgets of nesting and node status (about 2,000 passes of one unit)"
    ),
    "cache": lowered("looked up by the shim; a heavy unit's pod is not even started"),
    "emit": refused("not built yet"),
    "finally": lowered(
        "tasks of the exit handler; the sweeper runs them for terminated Workflows; loops are lanes"
    ),
    "collect": lowered("by the shim that closes the loop"),
    "run-timeout": lowered(
        "kept by the shims; `activeDeadlineSeconds` as a backstop, the end is recorded"
    ),
    "trigger-values": lowered("a parameter of the Workflow, read by the shim"),
    "triggers": lowered("a CronWorkflow each; its time is given to the shim as a parameter"),
    "artifacts": lowered("the pod copies files in and out; between steps go references"),
    "ports": lowered("by the shim that begins the run, whoever starts it; files in buckets"),
    "sub-flows": lowered("templates of the same object, one more level of nesting"),
    "sub-flow-timeout": lowered("kept by the shims of its steps, without a backstop"),
    "detached": lowered(
        "a Workflow of a template of its own, which the release has beside the flow's; a pod with "
        "an account that may do that creates it"
    ),
    "waits": refused("not built yet"),
}
