"""Scopes: the steps that a place of a flow may name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, Span, codes
from flowc.source.model import SourceLoop, SourceStep

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Scope:
    """The steps that a place may name: its own scope's and the outer ones'.

    ``loops``: (id, path) of the loops around, outermost first. ``paths``: id → path, inner ids
    hiding outer ones.
    """

    path: str
    loops: tuple[tuple[str, str], ...]
    paths: Mapping[str, str]


def join(scope: str, name: str) -> str:
    """Return the path of step ``name`` in ``scope``."""
    return f"{scope}/{name}" if scope else name


def enter(
    path: str,
    steps: tuple[SourceStep, ...],
    loops: tuple[tuple[str, str], ...],
    outer: Mapping[str, str],
    diagnostics: Diagnostics,
) -> Scope:
    """Return the scope that ``steps`` make inside ``outer``; reports ids that are used twice."""
    first: dict[str, Span] = {}
    for step in steps:
        name = step.id.value
        if name in first:
            diagnostics.report(
                codes.DUPLICATE_STEP,
                f"step `{name}` is defined twice in one scope",
                step.id.span,
                label="again here",
                secondary=[(first[name], "first here")],
                hint="give one of them another id",
            )
        first.setdefault(name, step.id.span)
    _check_unit_names(steps, first, diagnostics)
    return Scope(path, loops, {**outer, **{name: join(path, name) for name in first}})


def _check_unit_names(
    steps: tuple[SourceStep, ...], first: Mapping[str, Span], diagnostics: Diagnostics
) -> None:
    """Report ids that are the names of the two units around a loop beside them."""
    for step in steps:
        if not isinstance(step.body, SourceLoop):
            continue
        for taken in (f"{step.id.value}:open", f"{step.id.value}:close"):
            if taken in first:
                diagnostics.report(
                    codes.DUPLICATE_STEP,
                    f"`{taken}` is the name of a unit of loop `{step.id.value}`",
                    first[taken],
                    secondary=[(step.id.span, "this loop")],
                    hint="rename the step",
                )
