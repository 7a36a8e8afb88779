"""How Step Functions goes through each loop, with the numbers that decide it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.target import LoopChoice, in_flow_order, while_units
from flowc_targets.step_functions.definition import define
from flowc_targets.step_functions.limits import CHUNK_EVENTS, INLINE_CONCURRENCY, INLINE_EVENTS
from flowc_targets.step_functions.loops import events_of

if TYPE_CHECKING:
    from flowc.ir.layout import LoopFacts
    from flowc.target import Compilation


def loop_choices(compilation: Compilation) -> tuple[LoopChoice, ...]:
    """Return how each loop is gone through, and why."""
    layout = compilation.layout
    definition = define(compilation)
    children = {history.loop for history in definition.histories}
    found = [
        _foreach(facts, len(layout.scopes.get(path, ())), path in children)
        for path, facts in layout.loops.items()
        if path not in definition.parts
    ]
    found += [
        LoopChoice(path, "a state machine of its own", "the whole run does not fit into one")
        for path in definition.parts
    ]
    for path, facts in layout.whiles.items():
        passes = f"at most {facts.passes:,} passes"
        if path in children:
            why = f"{passes}, of which chunks of about {CHUNK_EVENTS:,} events are executions"
            found.append(LoopChoice(path, "child executions", why))
        else:
            why = f"{passes} write at most {INLINE_EVENTS:,} events"
            found.append(LoopChoice(path, "a circle of states", why))
    reason = "a pass is a chain of calls whose work is done elsewhere"
    found += [LoopChoice(unit.id, "one function", reason) for unit in while_units(compilation)]
    return in_flow_order(compilation, found)


def _foreach(facts: LoopFacts, units: int, child: bool) -> LoopChoice:
    if not child:
        why = "inside of another loop" if facts.nested else _numbers(facts, units)
        most = min(facts.concurrency, INLINE_CONCURRENCY)
        return LoopChoice(facts.path, "an inline Map", f"{why}; at most {most} at a time")
    why = "the number of items is not known" if facts.count is None else _numbers(facts, units)
    return LoopChoice(facts.path, "a distributed Map", f"{why}; {facts.concurrency} at a time")


def _numbers(facts: LoopFacts, units: int) -> str:
    if facts.count is None:
        return "without a state store in S3, or after everything"
    return f"{facts.count:,} items of about {events_of(facts, units):,} events in all"
