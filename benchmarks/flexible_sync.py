"""The flexible algorithm, for comparing with: units join the tree one group after the other.

After the published layered algorithm of González-Escribano, van Gemund and Cardeñoso ("Mapping
unstructured applications into nested parallelism"), as it was made cost-aware in FlexFlow's
`flexible_sp_ization`: of the units whose predecessors are all in, those that end first are added;
around them, below the lowest common ancestor of what they touch, a barrier divides what must be
before them from what need not, at the place where the two longest ways are shortest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx

from flowc_targets.step_functions.series_parallel import series_parallel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.graph_families import Graph

    from flowc_targets.step_functions.trees import Tree

ROOT, END = "<", ">"


def flexible_sync(graph: Graph, weights: dict[str, int]) -> Tree | None:
    """Return the tree of ``graph`` by that algorithm."""
    made = _Made(_reduced(graph), {**weights, ROOT: 0, END: 0})
    while fresh := made.next_units():
        made.add(fresh)
    pure = made.pure()
    order = [unit for unit in nx.topological_sort(pure) if unit in weights]
    after = {unit: [b for b in nx.ancestors(pure, unit) if b in weights] for unit in order}
    return series_parallel(after, weights)


def _reduced(graph: Graph) -> nx.DiGraph:
    whole = nx.DiGraph()
    whole.add_nodes_from([ROOT, *graph, END])
    whole.add_edges_from((b, unit) for unit, befores in graph.items() for b in befores)
    inner = list(graph)
    whole.add_edges_from((ROOT, unit) for unit in inner if not graph[unit])
    whole.add_edges_from([(unit, END) for unit in inner if whole.out_degree(unit) == 0])
    return nx.transitive_reduction(whole)


class _Made:
    """The part that is made; nodes that are numbers are barriers."""

    def __init__(self, graph: nx.DiGraph, weights: dict[str, int]) -> None:
        self.graph, self.weights = graph, weights
        self.sp = nx.DiGraph()
        self.sp.add_node(ROOT)
        self.barriers = 0

    def _cost(self, node: str | int) -> int:
        return self.weights[node] if isinstance(node, str) else 0

    def _ways(self, graph: nx.DiGraph) -> dict[str | int, int]:
        ways: dict[str | int, int] = {}
        for node in nx.topological_sort(graph):
            before = max((ways[b] for b in graph.predecessors(node)), default=0)
            ways[node] = before + self._cost(node)
        return ways

    def next_units(self) -> list[str]:
        """Return the units that can be added and end first, with those behind the same."""
        ways = self._ways(self.sp)
        ready = {}
        for unit in self.graph:
            befores = set(self.graph.predecessors(unit))
            if unit not in self.sp and befores <= set(self.sp):
                ready[unit] = self.weights[unit] + max(ways[b] for b in befores)
        if not ready:
            return []
        first = min(ready, key=lambda unit: (ready[unit], unit))
        same = set(self.graph.predecessors(first))
        return [unit for unit in ready if set(self.graph.predecessors(unit)) == same]

    def pure(self) -> nx.DiGraph:
        """Return what is made without barriers."""
        pure = self.sp.copy()
        for node in [node for node in pure if not isinstance(node, str)]:
            befores, behinds = list(pure.predecessors(node)), list(pure.successors(node))
            pure.add_edges_from((b, s) for b in befores for s in behinds)
            pure.remove_node(node)
        return pure

    def add(self, fresh: list[str]) -> None:
        """Add units with the edges and the barrier that they need."""
        for unit in fresh:
            self.sp.add_edges_from((b, unit) for b in self.graph.predecessors(unit))
        self.sp = nx.transitive_reduction(self.sp)
        forest = self._forest(fresh)
        pure = self.pure()
        up, down = self._divided(pure, forest, set(fresh))
        self._put_barrier(pure, up, down)

    def _forest(self, fresh: list[str]) -> set[str]:
        sp = self.sp
        parents = _union(sp.predecessors(unit) for unit in fresh)
        children = _union(nx.descendants(sp, parent) for parent in parents)
        touched = parents | children | _union(sp.predecessors(child) for child in children)
        handle = self._lowest(touched)
        below = [nx.descendants(sp, s) | {s} for s in sp.successors(handle)]
        found = _union(tree for tree in below if tree & touched) | {handle}
        return {node for node in found if isinstance(node, str)}

    def _lowest(self, nodes: set[str | int]) -> str | int:
        common = set.intersection(*(nx.ancestors(self.sp, node) | {node} for node in nodes))
        lowest = [node for node in common if not nx.descendants(self.sp, node) & common]
        return lowest[0] if len(lowest) == 1 else self._lowest(set(lowest))

    def _divided(
        self, pure: nx.DiGraph, forest: set[str], fresh: set[str]
    ) -> tuple[set[str], set[str]]:
        must = _union(nx.ancestors(pure, unit) for unit in fresh) & forest
        free = forest - must - fresh
        ways = self._ways(pure.subgraph(forest))
        divided = [(must, fresh | free)]
        for limit in {ways[unit] for unit in free}:
            up = must | {unit for unit in free if ways[unit] <= limit}
            divided.append((up, (fresh | free) - up))
        valid = [
            (up, down)
            for up, down in divided
            if not any(set(pure.successors(unit)) & up for unit in down)
        ]
        return min(valid, key=lambda parts: self._price(pure, *parts))

    def _price(self, pure: nx.DiGraph, up: set[str], down: set[str]) -> tuple[int, int, int, str]:
        above = max(self._ways(pure.subgraph(up)).values())
        below = max(self._ways(pure.subgraph(down)).values())
        return above + below, below, len(down), " ".join(sorted(down))

    def _put_barrier(self, pure: nx.DiGraph, up: set[str], down: set[str]) -> None:
        self.barriers += 1
        last = [unit for unit in up if not set(pure.successors(unit)) & up]
        first = [unit for unit in down if not set(pure.predecessors(unit)) & down]
        for node in [node for node in self.sp if not isinstance(node, str)]:
            befores, behinds = set(self.sp.predecessors(node)), set(self.sp.successors(node))
            if befores <= up and behinds <= down:
                self.sp.remove_node(node)
        self.sp.remove_edges_from([(a, b) for a, b in self.sp.edges if a in up and b in down])
        self.sp.add_edges_from((unit, self.barriers) for unit in last)
        self.sp.add_edges_from((self.barriers, unit) for unit in first)


def _union(sets: Iterable[Iterable[str | int]]) -> set[str | int]:
    found: set[str | int] = set()
    for members in sets:
        found.update(members)
    return found
