"""How much overlap is lost when graphs become series-parallel: `make bench-series-parallel`.

Beside what flowc makes of a graph: layers (a barrier after each), the flexible algorithm, which
builds the tree unit by unit (benchmarks/flexible_sync.py), and, for small graphs, the best there is
(benchmarks/best_tree.py).
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator
from random import Random

from benchmarks.best_tree import best_tree
from benchmarks.flexible_sync import flexible_sync
from benchmarks.graph_families import FAMILIES, Graph

from flowc_targets.step_functions.overlap import longest_in_graph, longest_in_tree
from flowc_targets.step_functions.series_parallel import series_parallel
from flowc_targets.step_functions.trees import One, Par, Seq, Tree

Weights = dict[str, int]
Method = Callable[[Graph, Weights], "Tree | None"]


def layers(graph: Graph, weights: Weights) -> Tree | None:
    """A barrier after every layer: the plainest thing that is right."""
    depth: dict[str, int] = {}
    for unit, befores in graph.items():
        depth[unit] = 1 + max((depth[b] for b in befores), default=-1)
    found: list[list[Tree]] = [[] for _ in range(max(depth.values()) + 1)]
    for unit in graph:
        found[depth[unit]].append(One(unit))
    parts = tuple(layer[0] if len(layer) == 1 else Par(tuple(layer)) for layer in found)
    return parts[0] if len(parts) == 1 else Seq(parts)


HEAD = """# What overlap state machines lose

<!-- Written by benchmarks/series_parallel.py (`make bench-series-parallel`). -->

Each cell: the longest way after by before, median / worst, and the mean share of the pairs of units
that had no order and got one. *best*: every cut tried. *flexible*, and why:
[decision 0020](../docs/decisions/0020-series-parallel-by-search.md).
"""

METHODS: dict[str, Method] = {
    "flowc": series_parallel,
    "flexible": flexible_sync,
    "layers": layers,
}


def ordered_pairs(graph: Graph) -> int:
    """How many pairs of units have an order."""
    above: dict[str, set[str]] = {}
    for unit, befores in graph.items():
        above[unit] = set(befores).union(*(above[b] for b in befores))
    return sum(map(len, above.values()))


def ordered_in(tree: Tree) -> tuple[int, int]:
    """How many units a tree has, and how many pairs of them an order."""
    if isinstance(tree, One):
        return 1, 0
    size = pairs = 0
    for part in tree.parts:
        units, inside = ordered_in(part)
        pairs += inside + (size * units if isinstance(tree, Seq) else 0)
        size += units
    return size, pairs


def losses(graph: Graph, weights: Weights, tree: Tree) -> tuple[float, float]:
    """Return the longest way, after by before, and the share of free pairs that got an order."""
    way = longest_in_tree(tree, weights) / longest_in_graph(graph, weights, list(graph))
    size, pairs = ordered_in(tree)
    assert size == len(graph)
    free = size * (size - 1) // 2 - ordered_pairs(graph)
    return way, (pairs - ordered_pairs(graph)) / free if free else 0.0


def sample(
    family: str, size: int, count: int, *, weighted: bool
) -> Iterator[tuple[Graph, Weights]]:
    """Yield graphs of a family; the same ones every time."""
    for seed in range(count):
        random = Random(f"{family} {size} {seed}")
        graph = FAMILIES[family](random, size)
        yield graph, {unit: random.choice([1, 1, 2, 5, 10]) if weighted else 1 for unit in graph}


def row(family: str, size: int, count: int, methods: dict[str, Method], *, weighted: bool) -> str:
    """Measure one family at one size."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in methods}
    for graph, weights in sample(family, size, count, weighted=weighted):
        for name, method in methods.items():
            tree = method(graph, weights)
            assert tree is not None
            found[name].append(losses(graph, weights, tree))
    cells = []
    for name in methods:
        ways, pairs = zip(*found[name], strict=True)
        cells.append(
            f"{statistics.median(ways):.2f} / {max(ways):.2f} · {statistics.mean(pairs):.0%}"
        )
    return f"| {family} | {' | '.join(cells)} |"


def table(title: str, size: int, count: int, methods: dict[str, Method], *, weighted: bool) -> str:
    """Measure every family at one size."""
    head = f"### {title}\n\n| family | {' | '.join(methods)} |\n|---|{'---|' * len(methods)}"
    rows = [row(family, size, count, methods, weighted=weighted) for family in FAMILIES]
    return "\n".join([head, *rows])


def main() -> None:
    """Print the page with all tables."""
    print(HEAD)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    few = {name: METHODS[name] for name in ("flowc", "layers")}
    for size, methods in ((7, {**METHODS, "best": best_tree}), (24, METHODS), (100, few)):
        for weighted in (False, True):
            long = "that take 1 to 10" if weighted else "that take 1"
            title = f"{size} units {long}, {count} graphs each"
            print(table(title, size, count, methods, weighted=weighted) + "\n", flush=True)


if __name__ == "__main__":
    main()
