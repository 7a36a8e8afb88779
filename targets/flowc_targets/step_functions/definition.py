"""From a compilation to its definition, and what that definition costs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowc_shim.contract.scopes import ROOT
from flowc_targets.step_functions.history_events import estimate_events
from flowc_targets.step_functions.limits import DEFINITION_BYTES, HISTORY_EVENTS, RANGE_ITEMS
from flowc_targets.step_functions.machine import Builder
from flowc_targets.step_functions.parts import possible_parts
from flowc_targets.step_functions.release import Release
from flowc_targets.step_functions.states import State, strip_retries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.target import Compilation


@dataclass(frozen=True, slots=True)
class History:
    """One execution: the run's own (``loop`` is empty), or one item, chunk or part, of a loop.

    ``events``: what it writes if nothing is retried and loops of unknown size have one item.
    """

    loop: str
    events: int


@dataclass(frozen=True, slots=True)
class Definition:
    """A state machine and its executions. ``size``: bytes as it is sent, without indentation.

    ``parts``: the machines of sub-flows that are executions of their own, by step path; ``size`` is
    that of the largest.
    """

    machine: State
    size: int
    histories: tuple[History, ...]
    parts: Mapping[str, State] = field(default_factory=dict)


def define(compilation: Compilation, release: Release | None = None) -> Definition:
    """Return the definition of a compilation; ``release``: what it is part of, its own without.

    If it does not fit, its sub-flows become machines of their own.
    """
    release = Release.of(compilation) if release is None else release
    found = _define(compilation, release, ())
    parts = () if fits(found) else possible_parts(compilation)
    return _define(compilation, release, parts) if parts else found


def fits(found: Definition) -> bool:
    """Whether the service takes a definition, and each of its executions can end."""
    return found.size <= DEFINITION_BYTES and all(
        history.events <= HISTORY_EVENTS for history in found.histories
    )


def _define(compilation: Compilation, release: Release, parts: tuple[str, ...]) -> Definition:
    layout = compilation.layout
    builder = Builder(compilation, {}, release, parts)
    machine = builder.build()
    known = {
        builder.names.unit(facts.path): 1 if facts.count is None else facts.count
        for facts in layout.loops.values()
    }
    unknown = [
        facts.path
        for facts in layout.loops.values()
        if facts.count is None and facts.path not in builder.children
    ]
    histories: list[History] = []
    bounds: dict[str, int] = {}
    for loop, part in _executions(machine, builder):
        plain = strip_retries(part)
        histories.append(History(loop, estimate_events(plain, known, builder.turns)))
        inside = [path for path in unknown if _execution_of(path, builder) == loop]
        if inside:
            names = [builder.names.unit(path) for path in inside]
            bounds.update(dict.fromkeys(inside, _most_items(plain, known, builder.turns, names)))
    if bounds:
        builder = Builder(compilation, bounds, release, parts)
        machine = builder.build()
    size = max(map(_size, (machine, *builder.machines.values())))
    return Definition(machine, size, tuple(histories), builder.machines)


def _size(machine: State) -> int:
    return len(json.dumps(machine, separators=(",", ":"), ensure_ascii=False).encode())


def _executions(machine: State, builder: Builder) -> list[tuple[str, State]]:
    """Return the machine, its parts, and the body of each loop that has executions of its own."""
    found = [("", machine), *builder.machines.items()]
    children = {builder.names.unit(path): path for path in builder.children}
    waiting = [part for _, part in found]
    while waiting:
        for name, state in waiting.pop()["States"].items():
            waiting.extend(state.get("Branches", ()))
            if state["Type"] == "Map":
                waiting.append(state["ItemProcessor"])
                if name in children:
                    found.append((children[name], state["ItemProcessor"]))
    return found


def _execution_of(path: str, builder: Builder) -> str:
    """Return which execution goes through the loop at ``path``: a loop around it, or the run."""
    while "/" in path:
        path = path.rpartition("/")[0]
        if path in builder.children or path in builder.machines:
            return path
    return ROOT


def _most_items(
    plain: State, known: Mapping[str, int], turns: Mapping[str, int], unknown: list[str]
) -> int:
    """Return how many items all loops of unknown size in one execution may have, at least 1."""
    low, high = 1, RANGE_ITEMS
    while low < high:
        middle = (low + high + 1) // 2
        events = estimate_events(plain, {**known, **dict.fromkeys(unknown, middle)}, turns)
        low, high = (middle, high) if events <= HISTORY_EVENTS else (low, middle - 1)
    return low
