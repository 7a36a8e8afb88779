"""The passes of a ``while`` as templates that call themselves.

A pass is a DAG: its units, ``next``, and ``again``, the same template with the next scope, which
starts when ``next`` says so. Nesting is bounded (``maxStackDepth``), so many passes are cut into
chunks: the last pass of a chunk does not go on, the chunk asks the unit that opened the loop, and
calls itself. So n passes nest about 2·√n deep. Which pass comes next, and whether one does, is
the shim's answer; Argo compares and hands on.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from flowc_shim.contract.scopes import is_outermost
from flowc_targets.argo.edges import count_of, go_of
from flowc_targets.argo.tasks import OUTER, SCOPE, Document, dag, task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.ir.layout import Layout, WhileFacts

AGAIN = ":again"

STRAIGHT = 20
"""Passes that nest one in the other without chunks: these would only cost pods that ask."""


def chunks_of(facts: WhileFacts) -> int:
    """Return into how many chunks the passes are cut."""
    return 1 if facts.passes <= STRAIGHT else math.isqrt(facts.passes - 1) + 1


def passes_per_chunk(facts: WhileFacts) -> int:
    """Return the most passes of a chunk."""
    return -(-facts.passes // chunks_of(facts))


def nesting(facts: WhileFacts) -> int:
    """Return how deep chunks and passes nest before the last pass's own template."""
    chunks = chunks_of(facts)
    return (chunks if chunks > 1 else 0) + passes_per_chunk(facts) - 1


def dag_inputs(layout: Layout, scope: str) -> list[str]:
    """Return the inputs of the templates of a scope."""
    if is_outermost(scope):
        return []
    nested = scope in layout.whiles and not is_outermost(around(layout.whiles[scope]))
    return ["scope", "outer"] if nested else ["scope"]


def around(facts: WhileFacts) -> str:
    """Return the scope that a loop is in."""
    return facts.path.rpartition("/")[0]


def same_place(inputs: Sequence[str]) -> list[Document]:
    """Return arguments that hand on the inputs of a template."""
    return [{"name": name, "value": f"{{{{inputs.parameters.{name}}}}}"} for name in inputs]


def entering(opened: str, scope: str) -> list[Document]:
    """Return the arguments of the first pass; ``scope``: the one around the loop."""
    return _place(opened, scope, SCOPE)


def next_place(ended: str, scope: str) -> list[Document]:
    """Return the arguments of the pass that task ``ended`` names."""
    return _place(ended, scope, OUTER)


def _place(answered: str, scope: str, outer: str) -> list[Document]:
    number = count_of(answered)
    if is_outermost(scope):
        return [{"name": "scope", "value": number}]
    return [{"name": "scope", "value": f"{outer}/{number}"}, {"name": "outer", "value": outer}]


def goes_on(ended: str, facts: WhileFacts) -> str:
    """Return the condition that another pass follows in the same chunk."""
    if chunks_of(facts) == 1:
        return go_of(ended)
    return f"{go_of(ended)} && {count_of(ended)} % {passes_per_chunk(facts)} != 0"


def chunk_dag(name: str, passes: str, opening: str, facts: WhileFacts, scope: str) -> Document:
    """Return the template of a chunk: its passes, the question whether to go on, and the rest."""
    inputs = ["scope"] if is_outermost(scope) else ["scope", "outer"]
    where = [] if is_outermost(scope) else [{"name": "scope", "value": OUTER}]
    onward = task("more", name, ["ask"], next_place("ask", scope))
    onward["when"] = go_of("ask")
    tasks = [
        task("passes", passes, [], same_place(inputs)),
        task("ask", opening, ["passes"], [{"name": "unit", "value": facts.open}, *where]),
        onward,
    ]
    return dag(name, inputs, tasks)
