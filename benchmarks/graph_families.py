"""Families of random graphs: unit → the units that it comes after, in an order that respects it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

Graph = dict[str, list[str]]


def _named(after: list[set[int]]) -> Graph:
    return {f"u{i}": [f"u{b}" for b in sorted(before)] for i, before in enumerate(after)}


def erdos_renyi(random: Random, size: int) -> Graph:
    """Any two units have an edge with the same chance: about two per unit."""
    chance = min(0.5, 4 / size)
    return _named([{b for b in range(i) if random.random() < chance} for i in range(size)])


def layered(random: Random, size: int) -> Graph:
    """Layers, each unit behind one to three of the layer before, sometimes one further up."""
    width = max(2, round(size**0.5))
    after: list[set[int]] = []
    for i in range(size):
        layer = i // width
        before = range((layer - 1) * width, layer * width) if layer else range(0)
        found = {random.choice(before) for _ in range(random.randint(1, 3))} if layer else set()
        if layer > 1 and random.random() < 0.2:
            found.add(random.randrange((layer - 1) * width))
        after.append(found)
    return _named(after)


def chains_of_n(random: Random, size: int) -> Graph:
    """Pairs in a row, joined by an N each: the smallest shape without a tree, again and again."""
    after: list[set[int]] = []
    for i in range(size):
        left, right = (i // 2 - 1) * 2, (i // 2 - 1) * 2 + 1
        whole = {left, right} if i % 2 == 0 else {right}
        after.append(whole if i > 1 else set())
    return _named(after)


def ladders(random: Random, size: int) -> Graph:
    """Chains side by side with rungs, all in one direction."""
    chains = random.choice([2, 3])
    after: list[set[int]] = []
    for i in range(size):
        found = {i - chains} if i >= chains else set()
        if i % chains and random.random() < 0.5:
            found.add(i - 1)
        after.append(found)
    return _named(after)


def fork_join(random: Random, size: int) -> Graph:
    """Branches between a first and a last unit, with a few edges across."""
    branches = max(2, size // 5)
    after: list[set[int]] = [set()]
    for i in range(1, size - 1):
        found = {i - branches} if i > branches else {0}
        if i > branches and random.random() < 0.15:
            found.add(random.randrange(1, i))
        after.append(found)
    read = set().union(*after)
    after.append({i for i in range(size - 1) if i not in read})
    return _named(after)


def like_flows(random: Random, size: int) -> Graph:
    """As people write: a few sources, chains behind them, joins, and steps that reach far back."""
    after: list[set[int]] = []
    for i in range(size):
        if i < 2 or (i < size // 3 and random.random() < 0.2):
            after.append(set())
            continue
        found = {max(0, i - 1 - int(random.expovariate(0.7)))}
        while random.random() < 0.3:
            found.add(random.randrange(i))
        after.append(found)
    return _named(after)


FAMILIES: dict[str, Callable[[Random, int], Graph]] = {
    "Erdős–Rényi": erdos_renyi,
    "layered": layered,
    "N after N": chains_of_n,
    "ladders": ladders,
    "fork and join, edges across": fork_join,
    "like flows": like_flows,
}
