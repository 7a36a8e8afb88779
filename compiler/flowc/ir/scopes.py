"""Scopes: the steps that a place of a flow may name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, Span, codes
from flowc.source.model import SourceLoop, SourceStep, SourceWhile

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Around:
    """A loop around a place. ``passes``: it is a ``while``, which has a state and no items."""

    id: str
    path: str
    passes: bool


@dataclass(frozen=True, slots=True)
class Scope:
    """The steps that a place may name: its own scope's and the outer ones'.

    ``loops``: the loops around, outermost first. ``paths``: id → path, inner ids hiding outer ones.
    """

    path: str
    loops: tuple[Around, ...]
    paths: Mapping[str, str]

    def names(self) -> frozenset[str]:
        """Return the names in expressions that the loops around give."""
        found: set[str] = set()
        for loop in self.loops:
            found |= {"state", "iteration"} if loop.passes else {"item", "index"}
        return frozenset(found)


def join(scope: str, name: str) -> str:
    """Return the path of step ``name`` in ``scope``."""
    return f"{scope}/{name}" if scope else name


def enter(
    path: str,
    steps: tuple[SourceStep, ...],
    loops: tuple[Around, ...],
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
    """Report ids that are the names of the units around a loop beside them."""
    for step in steps:
        if not isinstance(step.body, (SourceLoop, SourceWhile)):
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


def find_while(span: Span | None, scope: Scope, diagnostics: Diagnostics) -> str | None:
    """Return the path of the nearest ``while``, None without one (reported)."""
    for loop in reversed(scope.loops):
        if loop.passes:
            return loop.path
    diagnostics.report(
        codes.UNKNOWN_LOOP,
        "there is no `while` around this value",
        span,
        hint="`$state` and `$iteration` belong inside of a `while`: its `condition`, `steps` "
        "and `output`",
    )
    return None


def find_foreach(
    name: str | None, span: Span | None, scope: Scope, diagnostics: Diagnostics
) -> str | None:
    """Return the path of the nearest, or the named, ``foreach``, None without one (reported)."""
    loops = [loop for loop in scope.loops if not loop.passes]
    if name is None:
        if loops:
            return loops[-1].path
        diagnostics.report(
            codes.UNKNOWN_LOOP,
            "there is no `foreach` around this value",
            span,
            hint="`$item` and `$index` belong inside a loop's `steps` or `output`",
        )
        return None
    for loop in reversed(loops):
        if loop.id == name:
            return loop.path
    known = ", ".join(f"`{loop.id}`" for loop in loops) or "none"
    diagnostics.report(
        codes.UNKNOWN_LOOP,
        f"no loop `{name}` is around this value",
        span,
        hint=f"loops around it: {known}",
    )
    return None
