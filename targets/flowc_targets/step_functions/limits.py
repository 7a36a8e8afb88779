"""What fits on Step Functions, Lambda and Batch, as data. Normative: section 8 of the engine rules.

Quotas: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html,
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_ITEMS = 25_000
"""Items of one loop: the language's own bound. A Map Run takes more."""

RANGE_ITEMS = 1_000
"""Items of an inline Map: ``States.ArrayRange`` makes no longer list, nor does anything else."""

INLINE_CONCURRENCY = 40
"""Iterations of an inline Map that run at once; a distributed Map has no such bound."""

INLINE_EVENTS = 8_000
"""History events above which a loop's items become executions of their own."""

CHUNK_EVENTS = 10_000
"""History events of a child execution that runs several passes of a ``while``, if none is retried
and loops of unknown size in it have 100 items."""

MOST_CHUNKS = 500
"""Child executions of one ``while``: each costs its parent about 14 events."""

MOST_TURNS = 1_000
"""How often a function that runs a whole ``while`` is taken to be invoked again, at 7 minutes each:
that is five days."""

PASS_SECONDS = 7 * 60
"""What one pass may take, attempts and waits included, if a function runs a whole ``while``: it
hands back after as long, between two passes (:data:`LAMBDA_TIME_BOUND`)."""

DEFINITION_BYTES = 1_048_576
"""``CreateStateMachine`` takes no longer definition. It is sent without indentation."""

HISTORY_EVENTS = 20_000
"""Events of one execution in which nothing is retried. It fails at 25,000, which nothing catches;
the rest is for retries, settlements and Batch attempts, of which nobody can say how many come."""

LAMBDA_SECONDS = 900
"""A function that runs longer is killed."""

TASK_SECONDS = 960
"""Backstop of a Lambda task: an answer that never comes must not hold the run for ever."""

LAMBDA_TIME_BOUND = 14 * 60
"""Seconds that all attempts of a unit and its waits may take: a minute is left for the shim."""

LAMBDA_MEMORY_MB = 10_240
LAMBDA_MB_PER_CPU = 1_769
"""Lambda gives cpu by memory: one vCPU at 1,769 MB
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html)."""

LAMBDA_DISK_MB = 10_240

CONTAINER_CALLS = 1
"""Calls of a class of type ``container`` that a process can make: ECS starts no container of a task
twice."""

RUN_GRACE_SECONDS = 60
"""After a run's ``timeout`` until the machine ends what runs: by then the shims have, in order."""

LIMITS: Mapping[str, int] = {
    "max_items": MAX_ITEMS,
    "max_items_nested": RANGE_ITEMS,
    "definition_bytes": DEFINITION_BYTES,
    "history_events": HISTORY_EVENTS,
    "lambda_seconds": LAMBDA_TIME_BOUND,
    "pass_seconds": PASS_SECONDS,
    "container_calls": CONTAINER_CALLS,
    "lambda_memory_mb": LAMBDA_MEMORY_MB,
    "lambda_disk_mb": LAMBDA_DISK_MB,
}
