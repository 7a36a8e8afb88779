"""Notes on what waits for more than it needs, because the machine is series-parallel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, codes
from flowc_targets.step_functions.graph import Shape, shape_of
from flowc_targets.step_functions.overlap import (
    AddedWait,
    added_waits,
    longest_in_graph,
    longest_in_tree,
    units_of,
)

if TYPE_CHECKING:
    from flowc.target import Compilation
    from flowc_targets.step_functions.trees import Tree

SHOWN = 10
"""Notes of one flow; a summary counts the rest."""

NAMED = 3
"""Steps that one note names."""


def note_waits(compilation: Compilation, diagnostics: Diagnostics) -> None:
    """Report each step that now waits for another one, up to a number."""
    shown = left = 0
    for scope in compilation.layout.scopes:
        shape = shape_of(compilation.layout, scope)
        if shape.tree is None:
            continue
        waits = added_waits(shape.after, shape.tree)
        if not waits:
            continue
        longer = _longer(shape, shape.tree)
        for wait in waits:
            if shown < SHOWN:
                shown += 1
                _note(compilation, wait, longer, diagnostics)
            else:
                left += 1
    if left:
        diagnostics.report(
            codes.PARALLELISM_LOST,
            f"{left} more steps wait for steps that they do not need",
            compilation.program.span,
            hint=_HINT,
        )


_HINT = "a state machine is made of sequences and parallel branches; another target keeps the graph"


def _note(compilation: Compilation, wait: AddedWait, longer: str, diagnostics: Diagnostics) -> None:
    layout = compilation.layout
    names = [f"`{layout.units[other].steps[-1]}`" for other in wait.others]
    listed = ", ".join(names[:NAMED])
    if len(names) > NAMED:
        listed += f" and {len(names) - NAMED} more"
    unit = layout.units[wait.unit]
    diagnostics.report(
        codes.PARALLELISM_LOST,
        f"`{unit.steps[0]}` now waits for {listed} too",
        unit.span,
        secondary=[(layout.units[other].span, "waited for") for other in wait.others[:NAMED]],
        notes=[longer],
        hint=_HINT,
    )


def _longer(shape: Shape, tree: Tree) -> str:
    before = longest_in_graph(shape.after, shape.weights, list(units_of(tree)))
    now = longest_in_tree(tree, shape.weights)
    if now == before:
        return f"the longest way is {before} steps, as before, if all steps take equally long"
    return f"the longest way grows from {before} to {now} steps, if all steps take equally long"
