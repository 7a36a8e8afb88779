"""Bindings of a stack and a project: what the steps at and below a path get."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, codes
from flowc.ir.model import Call, Program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flowc.source.bindings import Binding, StepBinding
    from flowc.source.model import At, Needs
    from flowc.source.stack_model import Stack


@dataclass(frozen=True, slots=True)
class Bound:
    """What the bindings say of one step.

    ``inherited``: the class is that of a path around the step, not named for it alone.
    """

    plugin: At[str] | None = None
    resources: At[str | Needs] | None = None
    stack: At[str] | None = None
    locations: At[int] | None = None
    inherited: bool = False


def bindings_of(
    program: Program,
    environment: str | None,
    bindings: Iterable[StepBinding],
    stack: Stack,
    diagnostics: Diagnostics,
) -> dict[str, Bound]:
    """Return what bindings of a flow say of each of its steps.

    The longest path wins, key by key; of equal ones the later one.
    """
    holding = [
        one
        for one in bindings
        if _is_step(program, one, diagnostics) and holds_in(one, environment)
    ]
    for one in holding:
        if one.stack is None:  # or it is looked for there
            known_plugin(one.plugin, stack, diagnostics)
    holding.sort(key=lambda one: len(one.path.split("/")) if one.path else 0)
    found: dict[str, Bound] = {}
    for path, step in program.steps.items():
        around = [one for one in holding if _is_around(one.path, path)]
        if around and isinstance(step.body, Call):
            found[path] = _together(path, around, stack)
    return found


def holds_in(binding: Binding, environment: str | None) -> bool:
    """Whether a binding holds in an environment: without any it does in all, and where none is."""
    return not binding.environments or environment in [one.value for one in binding.environments]


def _is_around(path: str, step: str) -> bool:
    return path in ("", step) or step.startswith(f"{path}/")


def _together(path: str, around: Iterable[StepBinding], stack: Stack) -> Bound:
    """Return what bindings give a step, those of longer paths behind those of shorter ones."""
    bound = Bound()
    for one in around:
        plugin = one.plugin
        if plugin is not None and one.stack is None and plugin.value not in stack.classes:
            plugin = None  # reported
        bound = Bound(
            plugin=plugin or bound.plugin,
            resources=one.resources or bound.resources,
            stack=one.stack or bound.stack,
            locations=one.locations or bound.locations,
            inherited=bound.inherited if plugin is None else one.path != path,
        )
    return bound


def _is_step(program: Program, binding: StepBinding, diagnostics: Diagnostics) -> bool:
    if binding.path == "":
        return True
    before = "" if binding.flow is None else binding.flow

    def written(path: str) -> str:
        return f"{before}/{path}"

    return is_step(program, binding.path, binding.step, written, diagnostics)


def is_step(
    program: Program,
    path: str,
    at: At[str],
    written: Callable[[str], str],
    diagnostics: Diagnostics,
) -> bool:
    """Whether ``path`` is a step's; if not, reported. ``written``: how to write another path."""
    if path in program.steps:
        return True
    near = get_close_matches(path, list(program.steps), n=1)
    diagnostics.report(
        codes.UNKNOWN_STEP,
        f"`{path}` is not a step of the flow",
        at.span,
        hint=f"write `{written(near[0])}`" if near else None,
    )
    return False


def known_plugin(plugin: At[str] | None, stack: Stack, diagnostics: Diagnostics) -> At[str] | None:
    """Return ``plugin`` if ``stack`` has such a class, None otherwise (reported)."""
    if plugin is None or plugin.value in stack.classes:
        return plugin
    near = get_close_matches(plugin.value, sorted(stack.classes), n=1)
    known = ", ".join(f"`{name}`" for name in sorted(stack.classes)) or "none"
    diagnostics.report(
        codes.UNKNOWN_CLASS,
        f"stack `{stack.name}` has no component class `{plugin.value}`",
        plugin.span,
        hint=f"write `{near[0]}`" if near else f"classes of the stack: {known}",
    )
    return None
