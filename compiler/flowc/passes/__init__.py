"""Passes over the Program, in the order in which they run."""

from __future__ import annotations

from flowc.passes.check_cycles import check_cycles
from flowc.passes.check_expressions import check_expressions
from flowc.passes.check_outputs import check_outputs
from flowc.passes.check_paths import check_paths
from flowc.passes.check_schemas import check_schemas
from flowc.passes.check_skips import check_skips
from flowc.passes.check_unreachable import check_unreachable
from flowc.passes.compute_demand import compute_demand
from flowc.passes.compute_skips import compute_skips
from flowc.passes.context import Context, Pass

PASSES: tuple[Pass, ...] = (
    check_schemas,
    check_paths,
    check_expressions,
    check_cycles,  # everything below walks the steps in order, so cycles are a barrier
    compute_demand,
    compute_skips,
    check_skips,
    check_outputs,
    check_unreachable,
)

BARRIERS: frozenset[Pass] = frozenset({check_cycles})
"""Passes after which errors stop the compilation: going on would only report consequences."""

INDEPENDENT: frozenset[Pass] = frozenset(
    {check_schemas, check_paths, check_expressions, check_cycles}
)
"""Passes that look at one thing at a time: what they find is true of a program with errors too."""

__all__ = ["BARRIERS", "INDEPENDENT", "PASSES", "Context", "Pass"]
