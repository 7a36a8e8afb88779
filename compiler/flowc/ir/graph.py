"""Shape of a program: orders, cycles, ancestors. The only place that imports networkx."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import networkx

Edges = Mapping[str, Iterable[str]]
"""Node → the nodes it comes after."""


def _digraph(after: Edges) -> networkx.DiGraph[str]:
    import networkx  # 120 ms; `flowc --help` must not pay it

    graph: networkx.DiGraph[str] = networkx.DiGraph()
    graph.add_nodes_from(after)
    graph.add_edges_from((before, node) for node, befores in after.items() for before in befores)
    return graph


def in_order(after: Edges) -> list[str]:
    """Return the nodes so that each comes behind what it is after, else in the given order.

    Kahn's algorithm over the declaration order, so that an edit moves little. Nodes on a cycle,
    and behind one, are left out.
    """
    position = {node: index for index, node in enumerate(after)}
    waiting = {
        node: sum(1 for b in set(befores) if b in position) for node, befores in after.items()
    }
    readers: dict[str, list[str]] = {node: [] for node in after}
    for node, befores in after.items():
        for before in dict.fromkeys(befores):
            if before in readers:
                readers[before].append(node)
    import heapq

    ready = [position[node] for node, count in waiting.items() if count == 0]
    heapq.heapify(ready)
    nodes = list(after)
    out: list[str] = []
    while ready:
        node = nodes[heapq.heappop(ready)]
        out.append(node)
        for reader in readers[node]:
            waiting[reader] -= 1
            if waiting[reader] == 0:
                heapq.heappush(ready, position[reader])
    return out


def cyclic_groups(after: Edges) -> list[set[str]]:
    """Return the strongly connected components with more than one node, or a self-loop."""
    if len(in_order(after)) == len(after):
        return []
    import networkx

    return [
        group
        for group in networkx.strongly_connected_components(_digraph(after))
        if len(group) > 1 or any(node in after[node] for node in group)
    ]


def shortest_cycle(after: Edges, group: set[str]) -> list[str]:
    """Return the nodes of the shortest cycle within ``group``, each after the next one."""
    best: list[str] = []
    for start in sorted(group, key=list(after).index if len(group) < 200 else str):
        cycle = _cycle_through(after, group, start, len(best) or len(group) + 1)
        if cycle and (not best or len(cycle) < len(best)):
            best = cycle
        if len(best) <= 2:
            break
        if len(group) > 500 and best:
            break  # a search from every node would be quadratic; this one is a cycle all the same
    return best


def _cycle_through(after: Edges, group: set[str], start: str, limit: int) -> list[str]:
    came_from: dict[str, str] = {}
    queue = deque([(start, 1)])
    while queue:
        node, length = queue.popleft()
        if length > limit:
            return []
        for before in after[node]:
            if before == start:
                cycle = [node]
                while cycle[-1] != start:
                    cycle.append(came_from[cycle[-1]])
                return cycle[::-1]
            if before in group and before not in came_from:
                came_from[before] = node
                queue.append((before, length + 1))
    return []


def depths(after: Edges) -> dict[str, int]:
    """Return, per node, the number of nodes on the longest way to it, itself included."""
    out: dict[str, int] = {}
    for node in in_order(after):
        out[node] = 1 + max((out.get(before, 0) for before in after[node]), default=0)
    return out
