"""Names that every place of a flow knows: roots of expressions, and variables."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, Span, codes
from flowc_shim.contract.scopes import FINALLY

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Set

ROOTS = frozenset({"input", "vars", "run", "steps", "trigger"})


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one flow: ``variables`` are those that it declares."""

    variables: frozenset[str]
    diagnostics: Diagnostics

    def check_variable(self, name: str, span: Span | None, *, has_default: bool) -> None:
        """Report a variable that is not declared and has no default where it is used."""
        if name in self.variables or has_default:
            return
        near = get_close_matches(name, sorted(self.variables), n=1)
        self.diagnostics.report(
            codes.UNKNOWN_VARIABLE,
            f"`{name}` is not a variable of this flow",
            span,
            hint=f"write `{near[0]}`"
            if near
            else "declare it in `schemas.properties.variables`, or give a `default`",
        )

    def check(
        self, root: str, path: tuple[str | int, ...], at: Span | None, more: Set[str]
    ) -> None:
        """Report a root of an expression that is no name here; ``more``: those of this place."""
        known = ROOTS | more
        if root in known:
            if root == "vars" and path and isinstance(path[0], str):
                self.check_variable(path[0], at, has_default=False)
            return
        near = get_close_matches(root, sorted(known), n=1)
        self.diagnostics.report(
            codes.EXPRESSION_NAME,
            f"`{root}` is not a name here",
            at,
            hint=f"write `{near[0]}`"
            if near
            else f"known names: {', '.join(f'`{name}`' for name in sorted(known))}",
        )


def report_inner(name: str, scope: str, span: Span | None, diagnostics: Diagnostics) -> None:
    """Report a reference to a step that is in a scope inside of this one, or behind it."""
    message = f"step `{name}` is inside loop `{scope}`, which hands out only its `output`"
    hint = f"add it to the `output` of `{scope}` and refer to `{scope}`"
    if scope == FINALLY:
        message = f"step `{name}` runs after everything, when this is long decided"
        hint = "refer to a step in `steps`"
    diagnostics.report(codes.STEP_IN_OTHER_SCOPE, message, span, hint=hint)


def report_inside_condition(name: str, span: Span | None, diagnostics: Diagnostics) -> None:
    """Report a condition of a ``while`` that reads a step of a pass."""
    diagnostics.report(
        codes.STEP_IN_OTHER_SCOPE,
        f"the condition is tested before a pass begins, and step `{name}` is part of a pass",
        span,
        hint="put it into the loop's `output`, which is the next `state`, and test that",
    )


def report_unknown_step(
    name: str,
    span: Span | None,
    known: Collection[str],
    written: Mapping[str, Span],
    diagnostics: Diagnostics,
) -> None:
    """Report a step that is none; ``known``: the ids that are, ``written``: where they stand."""
    near = get_close_matches(name, list(known), n=1)
    diagnostics.report(
        codes.UNKNOWN_STEP,
        f"`{name}` is not a step of this flow",
        span,
        label="no step has this id",
        secondary=[(written.get(near[0]), "did you mean this one?")] if near else [],
        hint=f"write `{near[0]}`" if near else "refer to the id of a step in `steps`",
    )
