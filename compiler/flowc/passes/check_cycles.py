"""Refuse cycles of data and `needs`, showing the shortest one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import codes
from flowc.ir.graph import cyclic_groups, shortest_cycle

if TYPE_CHECKING:
    from flowc.ir.model import Program
    from flowc.passes.context import Context


def scope_edges(program: Program, scope: str, kind: str = "reads") -> dict[str, list[str]]:
    """Return, per step of ``scope``, the steps of the same scope that it comes after.

    ``kind``: ``data`` (data and needs) or ``reads`` (guards as well).
    """
    members = set(program.scopes[scope])
    edges: dict[str, list[str]] = {}
    for path in program.scopes[scope]:
        step = program.steps[path]
        before = step.reads if kind == "reads" else (*step.data, *step.needs)
        edges[path] = [other for other in before if other in members]
    return edges


def check_cycles(program: Program, ctx: Context) -> Program:
    """Report one cycle per group of steps that wait for each other."""
    for scope in program.scopes:
        edges = scope_edges(program, scope, "data")
        for group in cyclic_groups(edges):
            if len(group) == 1:
                continue  # a step that names itself is reported where names are resolved
            cycle = shortest_cycle(edges, group)
            names = [program.steps[path].id for path in cycle]
            ctx.diagnostics.report(
                codes.CYCLE,
                "these steps wait for each other: " + " → ".join([*names, names[0]]),
                program.steps[cycle[0]].span,
                label=f"needs `{names[1]}`",
                secondary=[
                    (program.steps[path].span, f"needs `{names[(i + 1) % len(names)]}`")
                    for i, path in list(enumerate(cycle))[1:8]
                ],
                hint="remove one of these references",
            )
    return program
