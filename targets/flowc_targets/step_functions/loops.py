"""A ``foreach``: open it, one iteration per index, close it.

The items are data and stay in the store; the machine maps over their indices. Up to 40 at a time
and about 8,000 history events the iterations are part of the execution (an inline Map over
``States.ArrayRange``). Otherwise each is an execution of its own (a distributed Map, of the
outermost loops only): its indices are read from one list of numbers in the state store's bucket,
``indices/<n>.json``, cut to the loop's count by ``MaxItemsPath``. So nothing is written per run.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flowc_shim.contract.scopes import in_finally, is_outermost
from flowc_targets.step_functions.limits import (
    INLINE_CONCURRENCY,
    INLINE_EVENTS,
    MAX_ITEMS,
    RANGE_ITEMS,
)
from flowc_targets.step_functions.parts import part_task
from flowc_targets.step_functions.states import RUN, VERDICT, State, catch, choice, when

if TYPE_CHECKING:
    from flowc.ir.layout import LoopFacts
    from flowc.source.stack_model import StoreSpec
    from flowc_targets.step_functions.machine import Builder, Frame

EVENTS_PER_UNIT = 6
"""About; only for choosing how a loop is run."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where in S3 a state store is; ``prefix`` is empty or ends in a slash."""

    name: str
    prefix: str

    @staticmethod
    def of(store: StoreSpec | None) -> Bucket | None:
        """Return the bucket of ``store``, None if it is not in S3."""
        return None if store is None else Bucket.at(store.url)

    @staticmethod
    def at(url: str | None) -> Bucket | None:
        """Return the bucket and prefix of ``url``, None if it is not in S3."""
        if url is None or not url.startswith("s3://"):
            return None
        parts = urlsplit(url)
        prefix = parts.path.strip("/")
        return Bucket(parts.netloc, f"{prefix}/" if prefix else "")

    def indices_key(self, count: int) -> str:
        """Return the key of the list of the first ``count`` numbers."""
        return f"{self.prefix}indices/{count}.json"


def is_distributed(facts: LoopFacts, units: int, store: StoreSpec | None) -> bool:
    """Whether the items of a loop are executions of their own. ``units``: in its body."""
    if facts.nested or in_finally(facts.path) or Bucket.of(store) is None:
        # Only the outermost loop of a nest, and none after everything: there are few items. The
        # indices are read from S3.
        return False
    if facts.count is None:
        return True
    at_once = min(facts.concurrency, facts.count)
    events = events_of(facts, units)
    return at_once > INLINE_CONCURRENCY or facts.count > RANGE_ITEMS or events > INLINE_EVENTS


def events_of(facts: LoopFacts, units: int) -> int:
    """Return about how many history events a loop of a known size writes."""
    return (facts.count or 0) * (2 + EVENTS_PER_UNIT * units)


def indices_of(facts: LoopFacts) -> int:
    """Return how long the list of numbers for a distributed loop is."""
    return MAX_ITEMS if facts.count is None else facts.count


def add_loop(
    build: Builder, frame: Frame, facts: LoopFacts, scope: str, following: str | None
) -> None:
    """Add the states of a loop: open, choose, range, map, close."""
    names = build.names
    close = names.unit(facts.close)
    unit = build.layout.units[facts.open]
    if not build.layout.scopes.get(facts.path):
        build.lambda_unit(frame, unit, scope, close)  # nothing in the body is needed
    else:
        some = names.helper(facts.path, "any?")
        build.lambda_unit(frame, unit, scope, some, after_death=close, answers=True)
        each = names.unit(facts.path)
        bucket = Bucket.of(build.store)
        units = len(build.layout.scopes[facts.path])
        if facts.path in build.parts:
            frame.states[some] = choice([when([_GO, _SOME], each)], close)
            body, first = build.body(facts)
            build.machines[facts.path] = {"Comment": build.comment, **body.machine(first)}
            frame.add(each, part_task(build.parts[facts.path], facts.path, scope), close)
        elif bucket is not None and is_distributed(facts, units, build.store):
            frame.states[some] = choice([when([_GO, _SOME], each)], close)
            build.children.setdefault(facts.path)
            frame.add(each, _distributed(build, facts, bucket, scope), close)
        else:
            items = names.helper(facts.path, "items")
            most = build.bounds.get(facts.path, RANGE_ITEMS)
            few = {"Variable": _COUNT, "NumericLessThanEquals": most}
            frame.states[some] = choice([when([_GO, _SOME, few], items)], close)
            frame.add(items, _range(), each)
            frame.add(each, _inline(build, facts, scope), close)
        frame.states[each]["Catch"] = catch(close)
    build.lambda_unit(frame, build.close_of(facts), scope, following)


_COUNT = f"{VERDICT}.count"
_GO = {"Variable": f"{VERDICT}.go", "BooleanEquals": True}
_SOME = {"Variable": _COUNT, "NumericGreaterThan": 0}


def _range() -> State:
    return {
        "Type": "Pass",
        "Parameters": {"list.$": f"States.ArrayRange(0, States.MathAdd({_COUNT}, -1), 1)"},
        "ResultPath": "$.indices",
    }


def _inline(build: Builder, facts: LoopFacts, scope: str) -> State:
    body, first = build.body(facts)
    return {
        "Type": "Map",
        "ItemsPath": "$.indices.list",
        "ItemSelector": {"run.$": RUN, "scope.$": _item_scope(scope)},
        "MaxConcurrency": min(facts.concurrency, INLINE_CONCURRENCY),
        "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, **body.machine(first)},
        "ResultPath": None,
    }


def _item_scope(scope: str) -> str:
    """Return the intrinsic function that makes the scope of an item."""
    if is_outermost(scope):
        return "States.Format('{}', $$.Map.Item.Value)"
    return "States.Format('{}/{}', $.scope, $$.Map.Item.Value)"


def _distributed(build: Builder, facts: LoopFacts, bucket: Bucket, scope: str) -> State:
    body, first = build.body(facts)
    return {
        "Type": "Map",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON", "MaxItemsPath": _COUNT},
            "Parameters": {"Bucket": bucket.name, "Key": bucket.indices_key(indices_of(facts))},
        },
        "ItemSelector": {"run.$": RUN, "scope.$": _item_scope(scope)},
        "MaxConcurrency": facts.concurrency,
        # The shim judges items; a child that failed all the same leaves steps to be settled.
        "ToleratedFailurePercentage": 100.0,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            **body.machine(first),
        },
        "ResultPath": None,
    }
