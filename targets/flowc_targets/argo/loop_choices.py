"""How Argo goes through each loop, with the numbers that decide it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.target import LoopChoice, in_flow_order, while_units
from flowc_targets.argo.lanes import items_per_task, tasks_of
from flowc_targets.argo.limits import LANES, MAX_ITEMS
from flowc_targets.argo.passes import chunks_of, nesting, passes_per_chunk

if TYPE_CHECKING:
    from flowc.ir.layout import LoopFacts, WhileFacts
    from flowc.target import Compilation


def loop_choices(compilation: Compilation) -> tuple[LoopChoice, ...]:
    """Return how each loop is gone through, and why."""
    layout = compilation.layout
    found = [
        _foreach(facts, len(layout.scopes.get(path, ()))) for path, facts in layout.loops.items()
    ]
    found += [_while(facts) for facts in layout.whiles.values()]
    reason = "a pass is a chain of calls whose work is done elsewhere"
    found += [LoopChoice(unit.id, "one pod", reason) for unit in while_units(compilation)]
    return in_flow_order(compilation, found)


def _foreach(facts: LoopFacts, units: int) -> LoopChoice:
    if not facts.in_lanes(LANES):
        unknown = f"at most {MAX_ITEMS:,} items"
        items = unknown if facts.count is None else _number(facts.count, "item")
        why = f"{items}, a body of {_number(units, 'unit')}"
        return LoopChoice(facts.path, "a task per item", why)
    lanes = min(facts.concurrency, LANES)
    most = items_per_task(facts)
    if facts.count is None:
        why = f"above that {lanes} tasks, of at most {most:,} items each; a body of one unit"
        how = f"a task per item up to {facts.most_tasks(LANES)}, else lanes"
        return LoopChoice(facts.path, how, why)
    why = f"{facts.count:,} items in {tasks_of(facts)} tasks of at most {most:,}, one unit each"
    return LoopChoice(facts.path, "lanes", why)


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _while(facts: WhileFacts) -> LoopChoice:
    chunks, depth = chunks_of(facts), nesting(facts)
    passes = f"at most {facts.passes:,} passes"
    if chunks == 1:
        return LoopChoice(facts.path, "a template that calls itself", f"{passes}, {depth} deep")
    why = f"{passes} in {chunks} chunks of {passes_per_chunk(facts)}, {depth} deep"
    return LoopChoice(facts.path, "templates that call themselves", why)
