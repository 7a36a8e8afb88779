"""From a compilation to its definition, and what that definition costs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc_shim.contract.plan import FINALLY, ROOT
from flowc_targets.step_functions.history_events import estimate_events
from flowc_targets.step_functions.limits import HISTORY_EVENTS, RANGE_ITEMS
from flowc_targets.step_functions.loops import is_distributed
from flowc_targets.step_functions.machine import Builder
from flowc_targets.step_functions.states import State, strip_retries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.target import Compilation


@dataclass(frozen=True, slots=True)
class History:
    """One execution: the run's own (``loop`` is empty), or one item of a distributed loop.

    ``events``: what it writes if nothing is retried and loops of unknown size have one item.
    """

    loop: str
    events: int


@dataclass(frozen=True, slots=True)
class Definition:
    """A state machine and its executions. ``size``: bytes as it is sent, without indentation."""

    machine: State
    size: int
    histories: tuple[History, ...]


def define(compilation: Compilation) -> Definition:
    """Return the definition of a compilation."""
    layout = compilation.layout
    builder = Builder(compilation, {})
    machine = builder.build()
    unknown = [facts.path for facts in layout.loops.values() if facts.count is None]
    histories: list[History] = []
    bounds: dict[str, int] = {}
    for loop, part in _executions(machine, builder):
        known = {
            builder.names.unit(facts.path): 1 if facts.count is None else facts.count
            for facts in layout.loops.values()
        }
        plain = strip_retries(part)
        histories.append(History(loop, estimate_events(plain, known)))
        inside = [path for path in unknown if _history_of(path, builder) == loop]
        inside = [path for path in inside if path != loop]
        if inside:
            most = _most_items(plain, known, [builder.names.unit(path) for path in inside])
            bounds.update(dict.fromkeys(inside, most))
    if bounds:
        machine = Builder(compilation, bounds).build()
    text = json.dumps(machine, separators=(",", ":"), ensure_ascii=False)
    return Definition(machine, len(text.encode()), tuple(histories))


def _executions(machine: State, builder: Builder) -> list[tuple[str, State]]:
    """Return the machine and the body of each distributed loop (none is inside another)."""
    found = [("", machine)]
    distributed = {
        builder.names.unit(path): path
        for path in builder.layout.loops
        if _history_of(path, builder) == path
    }
    waiting = [machine]
    while waiting:
        for name, state in waiting.pop()["States"].items():
            waiting.extend(state.get("Branches", ()))
            if name in distributed and state["Type"] == "Map":
                found.append((distributed[name], state["ItemProcessor"]))
    return found


def _history_of(path: str, builder: Builder) -> str:
    """Return which execution iterates the loop at ``path``: "" or a distributed loop's path."""
    outer = path.split("/")[0]
    if outer == FINALLY:
        return ROOT  # few items, after everything: never worth executions of their own
    facts = builder.layout.loops[outer]
    units = len(builder.layout.scopes.get(outer, ()))
    return outer if units and is_distributed(facts, units, builder.store) else ROOT


def _most_items(plain: State, known: Mapping[str, int], unknown: list[str]) -> int:
    """Return how many items all loops of unknown size in one execution may have, at least 1."""
    low, high = 1, RANGE_ITEMS
    while low < high:
        middle = (low + high + 1) // 2
        events = estimate_events(plain, {**known, **dict.fromkeys(unknown, middle)})
        low, high = (middle, high) if events <= HISTORY_EVENTS else (low, middle - 1)
    return low
