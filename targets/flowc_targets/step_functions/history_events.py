"""How many history events an execution can write, at worst.

A Standard execution fails when its history reaches 25,000 events, and nothing inside it can catch
that. The counts per state follow the event types of the API's `GetExecutionHistory`
(https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html); the limit is
from https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import networkx as nx

HISTORY_LIMIT: Final = 25_000
"""Events of one Standard execution; at this count it fails ("Maximum execution history size")."""

EXECUTION: Final = 2
"""ExecutionStarted; ExecutionSucceeded or ExecutionFailed."""

SIMPLE_STATE: Final = 2
"""Pass, Choice, Wait, Succeed: …StateEntered, …StateExited."""

FAIL_STATE: Final = 1
"""FailStateEntered; the state is never left."""

TASK_STATE: Final = 2
"""TaskStateEntered, TaskStateExited, once, however often the task is tried."""

CALL: Final = 3
"""One try of a request-response task (Lambda): TaskScheduled, TaskStarted, TaskSucceeded/Failed."""

JOB: Final = 4
"""One try of `.sync` or `.waitForTaskToken` (Batch, ECS, a child): a call and TaskSubmitted."""

PARALLEL_STATE: Final = 2
"""ParallelStateEntered, ParallelStateExited."""

PARALLEL_TRY: Final = 2
"""ParallelStateStarted; ParallelStateSucceeded or ParallelStateFailed."""

MAP_STATE: Final = 2
"""MapStateEntered, MapStateExited."""

MAP_TRY: Final = 2
"""MapStateStarted; MapStateSucceeded or MapStateFailed."""

MAP_ITERATION: Final = 2
"""MapIterationStarted; MapIterationSucceeded or MapIterationFailed. Inline maps only."""

MAP_RUN: Final = 2
"""MapRunStarted; MapRunSucceeded or MapRunFailed. The items of a distributed map are executions of
their own, with histories of their own."""

DEFAULT_MAX_ATTEMPTS: Final = 3
"""Retries of a Retry entry without MaxAttempts."""


class UnknownBoundError(ValueError):
    """A map's item count or a loop's number of turns was needed and not given."""

    def __init__(self, states: list[str], what: str) -> None:
        super().__init__(f"{what} of {', '.join(states)} is not known")
        self.states = states


def estimate_events(
    definition: Mapping[str, Any],
    map_sizes: Mapping[str, int],
    loop_turns: Mapping[str, int] | None = None,
) -> int:
    """Return the most events that one execution of the definition can write.

    `map_sizes` has, by state name, the most items that one run of an inline Map gets. `loop_turns`
    has how often a loop is gone through at most, under the name of any one of its states; for
    nested loops their bounds multiply. Every retry is counted as used. A distributed Map counts
    without its items: call this function with its ItemProcessor for those.

    Raises UnknownBoundError when one of these numbers is needed and missing.
    """
    return EXECUTION + _machine(definition, map_sizes, loop_turns or {})


def is_distributed(state: Mapping[str, Any]) -> bool:
    """Tell whether a Map runs its items as executions of their own."""
    processor = state.get("ItemProcessor") or {}
    mode = (processor.get("ProcessorConfig") or {}).get("Mode", "INLINE")
    return bool(mode == "DISTRIBUTED")


def item_processor(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the machine that a Map runs per item (`Iterator` is its old name)."""
    processor = state.get("ItemProcessor") or state.get("Iterator") or {}
    return processor if isinstance(processor, Mapping) else {}


def targets(state: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the transitions of a state: where in it each stands, and its target."""
    found = [(f"/{key}", state[key]) for key in ("Next", "Default") if key in state]
    for field in ("Choices", "Catch"):
        for index, entry in enumerate(state.get(field) or []):
            if "Next" in entry:
                found.append((f"/{field}/{index}/Next", entry["Next"]))
    return found


def _machine(
    machine: Mapping[str, Any], map_sizes: Mapping[str, int], loop_turns: Mapping[str, int]
) -> int:
    """Return the weight of the heaviest path; a loop weighs all its states times its turns."""
    states: Mapping[str, Any] = machine["States"]
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(states)
    for name, state in states.items():
        graph.add_edges_from((name, target) for _, target in targets(state) if target in states)
    reachable = nx.descendants(graph, machine["StartAt"]) | {machine["StartAt"]}
    graph = graph.subgraph(reachable)
    condensed = nx.condensation(graph)
    heaviest: dict[int, int] = {}
    for component in reversed(list(nx.topological_sort(condensed))):
        members: set[str] = condensed.nodes[component]["members"]
        weight = sum(_state(name, states[name], map_sizes, loop_turns) for name in members)
        if len(members) > 1 or any(graph.has_edge(name, name) for name in members):
            weight *= _turns(members, loop_turns)
        onward = max((heaviest[after] for after in condensed.successors(component)), default=0)
        heaviest[component] = weight + onward
    return max(heaviest.values())


def _turns(members: set[str], loop_turns: Mapping[str, int]) -> int:
    known = [loop_turns[name] for name in members if name in loop_turns]
    if not known:
        raise UnknownBoundError(sorted(members), "the number of turns of the loop")
    return math.prod(known)


def _state(
    name: str, state: Mapping[str, Any], map_sizes: Mapping[str, int], loop_turns: Mapping[str, int]
) -> int:
    retries = (entry.get("MaxAttempts", DEFAULT_MAX_ATTEMPTS) for entry in state.get("Retry") or [])
    tries = 1 + int(sum(retries))
    match state.get("Type"):
        case "Task":
            resource = str(state.get("Resource", ""))
            job = ".sync" in resource or ".waitForTaskToken" in resource
            return TASK_STATE + tries * (JOB if job else CALL)
        case "Parallel":
            inside = sum(_machine(branch, map_sizes, loop_turns) for branch in state["Branches"])
            return PARALLEL_STATE + tries * (PARALLEL_TRY + inside)
        case "Map" if is_distributed(state):
            return MAP_STATE + tries * (MAP_TRY + MAP_RUN)
        case "Map":
            if name not in map_sizes:
                raise UnknownBoundError([name], "the number of items")
            item = MAP_ITERATION + _machine(item_processor(state), map_sizes, loop_turns)
            return MAP_STATE + tries * (MAP_TRY + map_sizes[name] * item)
        case "Fail":
            return FAIL_STATE
        case _:
            return SIMPLE_STATE
