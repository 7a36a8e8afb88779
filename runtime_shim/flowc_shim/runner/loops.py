"""Opening and closing a loop: its items are decided once, and so is its result."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flowc_shim.contract.errors import ErrorClass, ErrorInfo, FlowError, final_error
from flowc_shim.contract.outcomes import EDGE_TRUE, FAILS_THE_FLOW, Outcome
from flowc_shim.contract.plan import PlanLoop, PlanStep
from flowc_shim.language.evaluate import SkippedReference, evaluate
from flowc_shim.runner.entry import decide_entry
from flowc_shim.runner.records import LoopRecord, StepRecord
from flowc_shim.runner.runtime import RunScope, Runtime
from flowc_shim.runner.steps import fail

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json
    from flowc_shim.runner.keys import Indices

SHOWN_FAILURES = 20
"""Failed items that an error names."""


def open_loop(runtime: Runtime, step: PlanStep, indices: Indices, unit: str) -> LoopRecord | None:
    """Decide the items of a loop; None if its step is decided instead (skipped, failed …)."""
    if runtime.journal.record(indices, step.path) is not None:
        return None
    known = runtime.journal.loop(indices, step.path)
    if known is not None:
        return known
    try:
        outcome = decide_entry(runtime, step, indices)
        if outcome is not None:
            runtime.journal.commit_record(indices, step.path, StepRecord(outcome, unit=unit))
            return None
        return runtime.journal.commit_loop(indices, step.path, _items(runtime, step, indices))
    except SkippedReference:
        record = StepRecord(Outcome.SKIPPED, unit=unit)
        runtime.journal.commit_record(indices, step.path, record)
    except FlowError as failure:
        fail(runtime, step, indices, failure.info, unit)
    return None


def _items(runtime: Runtime, step: PlanStep, indices: Indices) -> LoopRecord:
    loop = step.body
    assert isinstance(loop, PlanLoop)
    scope = runtime.scope(step, indices)
    if loop.items is not None:
        items = _list(evaluate(loop.items, scope), "`items`")
        record = LoopRecord(len(items), items, [])
    else:
        product = [
            (name, _list(evaluate(value, scope), f"`product.{name}`"))
            for name, value in loop.product
        ]
        count = 1
        for _, values in product:
            count *= len(values)
        record = LoopRecord(count, None, product)
    if record.count > loop.max_items:
        raise final_error(
            "TOO_MANY_ITEMS",
            f"loop `{step.id}` has {record.count} items; {loop.max_items} is the most here",
        )
    return record


def _list(value: Json, what: str) -> list[Json]:
    if not isinstance(value, list):
        raise final_error("EXPRESSION_FAILURE", f"{what} of a loop is not a list", data=value)
    return value


def close_loop(runtime: Runtime, step: PlanStep, indices: Indices, unit: str) -> StepRecord:
    """Collect the outputs of all items into the loop's one result."""
    known = runtime.journal.record(indices, step.path)
    if known is not None:
        return known
    record = runtime.journal.loop(indices, step.path)
    if record is None:
        from flowc_shim.runner.settle import settle

        return settle(runtime, step, indices, unit, "failed", "the loop was never opened")
    loop = step.body
    assert isinstance(loop, PlanLoop)
    results: list[Json] = []
    failures: list[tuple[int, ErrorInfo | None]] = []
    for index in range(record.count):
        value, error, failed = _collect(runtime, step, loop, (*indices, index), unit)
        results.append(value)
        if failed:
            failures.append((index, error))
    if not loop.tolerance.allows(len(failures), record.count):
        return fail(runtime, step, indices, _too_many(step, failures, record.count), unit)
    done = StepRecord(Outcome.SUCCEEDED, results, unit=unit, started=time.time())
    return runtime.journal.commit_record(indices, step.path, done)


def _collect(
    runtime: Runtime, step: PlanStep, loop: PlanLoop, indices: Indices, unit: str
) -> tuple[Json, ErrorInfo | None, bool]:
    """Return output, error and whether the item failed; steps that nobody decided are settled."""
    from flowc_shim.runner.settle import settle

    body = [runtime.plan.steps[path] for path in runtime.plan.scope_steps.get(step.path, ())]
    runtime.journal.records([(indices, inner.path) for inner in body])
    error: ErrorInfo | None = None
    failed = False
    for inner in body:
        record = runtime.journal.record(indices, inner.path)
        if record is None:
            record = settle(runtime, inner, indices, unit, "failed")
        if record.outcome in FAILS_THE_FLOW and error is None:
            error = record.error
        failed = failed or not _fine(record.outcome)
    if failed:
        return None, error, True
    try:
        return evaluate(loop.output, RunScope(runtime, step.path, indices)), None, False
    except SkippedReference:
        return None, None, False
    except FlowError as failure:
        return None, failure.info, True


def _fine(outcome: Outcome) -> bool:
    return outcome in EDGE_TRUE or outcome in (Outcome.SKIPPED, Outcome.NOT_NEEDED)


def _too_many(
    step: PlanStep, failures: list[tuple[int, ErrorInfo | None]], count: int
) -> ErrorInfo:
    first = next((error for _, error in failures if error is not None), None)
    because = f"; item {failures[0][0]}: {first.message}" if first else ""
    return ErrorInfo(
        ErrorClass.USER,
        "ITEMS_FAILED",
        f"{len(failures)} of {count} items of loop `{step.id}` failed{because}",
        "ItemsFailed",
        data={
            "failed": [index for index, _ in failures[:SHOWN_FAILURES]],
            "first": None if first is None else first.to_json(),
        },
        final=True,
    )
