"""Opening and closing a loop: its items are decided once, and so is its result."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc_shim.contract.errors import ErrorClass, ErrorInfo, FlowError, final_error
from flowc_shim.contract.outcomes import BLOCKS_READERS, FAILS_THE_FLOW, NEVER_RAN, Outcome
from flowc_shim.contract.steps import PlanLoop, PlanStep
from flowc_shim.language.evaluate import SkippedReference, evaluate
from flowc_shim.runner.deadline import timeout_of_flow
from flowc_shim.runner.entry import decide_entry
from flowc_shim.runner.lanes import read_rollups
from flowc_shim.runner.records import LoopRecord, StepRecord
from flowc_shim.runner.runtime import RunScope, Runtime
from flowc_shim.runner.steps import commit, fail, flagged
from flowc_shim.runner.sub_flows import check_what_it_gets, failure_of, result_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_shim.contract.json_types import Json
    from flowc_shim.runner.keys import Indices

SHOWN_FAILURES = 20
"""Failed items that an error names."""

READ_TOGETHER = 512
"""Records of items that are asked for at a time when a loop is closed."""


def open_loop(runtime: Runtime, step: PlanStep, indices: Indices, unit: str) -> LoopRecord | None:
    """Decide the items of a loop; None if its step is decided instead (skipped, failed …)."""
    decided = runtime.journal.record(indices, step.path)
    if decided is not None:
        flagged(runtime, step, indices, decided)
        return None
    known = runtime.journal.loop(indices, step.path)
    if known is not None:
        return known
    try:
        outcome = decide_entry(runtime, step, indices)
        if outcome is not None:
            commit(runtime, step, indices, StepRecord(outcome, unit=unit))
            return None
        record = runtime.journal.commit_loop(indices, step.path, _items(runtime, step, indices))
        # Settled meanwhile, as one that was never opened: then no item starts.
        return None if runtime.journal.record(indices, step.path) is not None else record
    except SkippedReference:
        commit(runtime, step, indices, StepRecord(Outcome.SKIPPED, unit=unit))
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
    check_what_it_gets(runtime.plan, step, record)
    kept = [record.items, record.product]
    runtime.variables.refuse_secrets(kept, f"the list of items of `{step.id}`")
    return record


def _list(value: Json, what: str) -> list[Json]:
    if not isinstance(value, list):
        raise final_error("EXPRESSION_FAILURE", f"{what} of a loop is not a list", data=value)
    return value


@dataclass(frozen=True, slots=True)
class _Item:
    """What became of one item; ``value`` is its output if it succeeded."""

    outcome: Outcome = Outcome.SUCCEEDED
    value: Json = None
    error: ErrorInfo | None = None

    @property
    def failed(self) -> bool:
        return self.outcome in BLOCKS_READERS

    @property
    def stopped(self) -> bool:
        return self.outcome is Outcome.STOPPED


def close_loop(
    runtime: Runtime,
    step: PlanStep,
    indices: Indices,
    unit: str,
    status: str = "failed",
    cause: str = "",
) -> StepRecord:
    """Collect the outputs of all items into the loop's one result.

    ``status``, ``cause``: what the engine says became of whatever nobody decided.
    """
    known = runtime.journal.record(indices, step.path)
    if known is not None:
        return flagged(runtime, step, indices, known)
    record = runtime.journal.loop(indices, step.path)
    if record is None:
        from flowc_shim.runner.settle import settle

        cause = cause or "the loop was never opened"
        return settle(runtime, step, indices, unit, status, cause)
    loop = step.body
    assert isinstance(loop, PlanLoop)
    items = list(_collect(runtime, step, indices, record.count, unit, status))
    failures = [(index, item.error) for index, item in enumerate(items) if item.failed]
    stopped = sum(item.stopped for item in items)
    if not loop.tolerance.allows(len(failures), record.count):
        error = failure_of(step, failures[0][1]) or _too_many(step, failures, record.count)
        return fail(runtime, step, indices, error, unit)
    if not loop.tolerance.allows(len(failures) + stopped, record.count):
        # The items did not fail: the run, or a loop around this one, did or was stopped first.
        return commit(runtime, step, indices, StepRecord(Outcome.STOPPED, unit=unit))
    values = _records(record, items) if loop.records else [item.value for item in items]
    try:
        result = result_of(runtime.plan, step, values)
    except FlowError as failure:
        return fail(runtime, step, indices, failure.info, unit)
    done = StepRecord(Outcome.SUCCEEDED, result, unit=unit, started=time.time())
    return commit(runtime, step, indices, done)


def _records(record: LoopRecord, items: list[_Item]) -> list[Json]:
    """Return what became of each item, for ``collect: records``."""
    return [
        {
            "index": index,
            "item": record.item(index),
            "outcome": item.outcome.value,
            "output": item.value,
            "error": None if item.error is None else item.error.to_json(),
        }
        for index, item in enumerate(items)
    ]


def _collect(
    runtime: Runtime, step: PlanStep, indices: Indices, count: int, unit: str, status: str
) -> Iterator[_Item]:
    """Yield every item in order; many are read at a time."""
    read_rollups(runtime, step.path, indices)
    body = [runtime.plan.steps[path] for path in runtime.plan.scope_steps.get(step.path, ())]
    together = max(1, READ_TOGETHER // max(1, len(body)))
    for start in range(0, count, together):
        places = [(*indices, index) for index in range(start, min(start + together, count))]
        runtime.journal.records([(place, inner.path) for place in places for inner in body])
        for place in places:
            yield _collect_item(runtime, step, body, place, unit, status)


def _collect_item(
    runtime: Runtime,
    step: PlanStep,
    body: list[PlanStep],
    indices: Indices,
    unit: str,
    status: str,
) -> _Item:
    """Return what became of an item; its steps that nobody decided are settled."""
    from flowc_shim.runner.settle import settle

    loop = step.body
    assert isinstance(loop, PlanLoop)
    first: StepRecord | None = None
    outcomes = set()
    for inner in body:
        record = runtime.journal.record(indices, inner.path)
        if record is None:
            record = settle(runtime, inner, indices, unit, status)
        if record.outcome in FAILS_THE_FLOW and first is None:
            first = record
        outcomes.add(record.outcome)
    late = timeout_of_flow(runtime, step, indices)
    if late is not None:
        return _Item(Outcome.TIMED_OUT, error=late)
    if first is not None:
        return _Item(first.outcome, error=first.error)
    if outcomes & BLOCKS_READERS:  # by a failure outside of the loop
        return _Item(Outcome.UPSTREAM_FAILED)
    if outcomes & NEVER_RAN:
        return _Item(Outcome.STOPPED)
    try:
        value = evaluate(loop.output, RunScope(runtime, step.path, indices))
        runtime.variables.refuse_secrets(value, f"the output of an item of `{step.id}`")
        return _Item(value=value)
    except SkippedReference:
        return _Item(Outcome.SKIPPED)
    except FlowError as failure:
        return _Item(Outcome.FAILED, error=runtime.variables.masked(failure.info))


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
