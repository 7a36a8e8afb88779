"""``functions.json`` and ``iam.json``: what the machine needs beside it, for whoever deploys it.

Nothing in them depends on an account or a region. What does is a parameter: ``${UnitImage}``,
and CloudFormation's own ``${AWS::Partition}``, ``${AWS::Region}``, ``${AWS::AccountId}``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flowc_shim.blob_api.address import TOKEN, URL
from flowc_targets.step_functions.compute import (
    BATCH,
    IMAGE_PARAMETER,
    Compute,
    Function,
    Job,
)
from flowc_targets.step_functions.limits import LAMBDA_SECONDS
from flowc_targets.step_functions.loops import Bucket, indices_of, is_distributed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowc.ir.layout import Unit
    from flowc.source.stack_model import Stack
    from flowc.target import Compilation

SECRET_PREFIX = "FLOWC_SECRET_"  # noqa: S105 (the name of a variable, not a secret)
HANDLER = ["python", "-m", "awslambdaric", "flowc_shim.aws_lambda.handle"]
"""The image's command as a function (https://docs.aws.amazon.com/lambda/latest/dg/python-image.html);
as a job it is ``flowc-shim``."""


def functions(compilation: Compilation) -> dict[str, Any]:
    """Return the functions, job definitions and objects that the machine names."""
    compute = Compute.of(compilation)
    units = list(compilation.layout.units.values())
    on_lambda = [unit for unit in units if compute.kind(unit) != BATCH]
    on_batch = [unit for unit in units if compute.kind(unit) == BATCH]
    used = {compute.decide.name: compute.decide}
    used.update((f.name, f) for f in map(compute.function, on_lambda))
    jobs = {job.name + job.queue: job for job in map(compute.job, on_batch)}
    environment = _environment(compilation.placement.stack)
    secrets = secret_names(compilation)
    out: dict[str, Any] = {
        "parameters": _parameters(compute),
        "alias": compute.alias,
        "functions": [
            _function(used[name], compute, environment, secrets) for name in sorted(used)
        ],
        "job_definitions": [_job(jobs[key], compute, environment, secrets) for key in sorted(jobs)],
        "job_queues": _queues(on_batch, compute),
        "objects": _objects(compilation),
    }
    return {key: value for key, value in out.items() if value}


def _parameters(compute: Compute) -> dict[str, Any]:
    if compute.image != IMAGE_PARAMETER:
        return {}
    return {"UnitImage": {"description": "image in ECR with flowc-shim, for functions and jobs"}}


def _environment(stack: Stack) -> dict[str, str]:
    store = stack.state_store
    environment = {"FLOWC_STORE": store.url if store else ""}  # a missing one is refused
    if store and store.options:
        environment["FLOWC_STORE_OPTIONS"] = json.dumps(dict(store.options), sort_keys=True)
    if stack.blob_api is not None and stack.blob_api.url is not None:
        environment[URL] = stack.blob_api.url
    return environment


def secret_names(compilation: Compilation) -> dict[str, str]:
    """Return environment variable → name in Secrets Manager."""
    found = {
        f"{SECRET_PREFIX}{variable.name}": variable.secret
        for variable in compilation.plan.variables
        if variable.secret is not None
    }
    endpoint = compilation.placement.stack.blob_api
    return found if endpoint is None else {**found, TOKEN: endpoint.token}


def _function(
    function: Function, compute: Compute, environment: Mapping[str, str], secrets: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "name": function.name,
        "image": compute.image,
        "command": HANDLER,
        "memory_mb": function.memory,
        "disk_mb": function.disk,
        "timeout_seconds": LAMBDA_SECONDS,
        "environment": dict(environment),
        "secrets": dict(secrets),
    }


def _job(
    job: Job, compute: Compute, environment: Mapping[str, str], secrets: Mapping[str, str]
) -> dict[str, Any]:
    resources = {"VCPU": str(job.cpu), "MEMORY": str(job.memory)}
    if job.gpu:
        resources["GPU"] = str(job.gpu)
    return {
        "name": job.name,
        "queue": job.queue,
        "image": compute.image,
        "resource_requirements": [{"type": kind, "value": resources[kind]} for kind in resources],
        "environment": dict(environment),
        "secrets": dict(secrets),
        # Attempts are the shim's and the machine's: Batch must not add any.
        "retry_attempts": 1,
    }


def _queues(units: Iterable[Unit], compute: Compute) -> dict[str, Any]:
    """Return what each queue's machines must offer, by name; queues are not flowc's to make."""
    queues: dict[str, dict[str, Any]] = {}
    for unit in units:
        job = compute.job(unit)
        queue = queues.setdefault(job.queue, {})
        if unit.profile is not None:
            for key in ("machine_type", "gpu_type"):
                if getattr(unit.profile, key):
                    queue[key] = getattr(unit.profile, key)
        if job.preemptible:
            queue["spot"] = True
    return {name: queues[name] for name in sorted(queues)}


def distributed_loops(compilation: Compilation) -> list[str]:
    """Return the paths of the loops whose items are executions of their own."""
    layout, store = compilation.layout, compilation.placement.stack.state_store
    return [
        facts.path
        for facts in layout.loops.values()
        if (units := layout.scopes.get(facts.path)) and is_distributed(facts, len(units), store)
    ]


def _objects(compilation: Compilation) -> list[dict[str, Any]]:
    """Return the lists of numbers that distributed loops read; written once, at deployment."""
    bucket = Bucket.of(compilation.placement.stack.state_store)
    if bucket is None:
        return []
    loops = compilation.layout.loops
    counts = sorted({indices_of(loops[path]) for path in distributed_loops(compilation)})
    return [
        {"bucket": bucket.name, "key": bucket.indices_key(count), "json_range": count}
        for count in counts
    ]
