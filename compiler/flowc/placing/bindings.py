"""Bindings of a project: what single steps get in named environments."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, codes
from flowc.ir.model import Call, Program

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowc.source.model import At, Needs
    from flowc.source.project_model import StepBinding
    from flowc.source.stack_model import Stack


@dataclass(frozen=True, slots=True)
class Bound:
    """What the bindings say of one step; the later binding wins, key by key."""

    plugin: At[str] | None = None
    resources: At[str | Needs] | None = None
    stack: At[str] | None = None


def bindings_of(
    program: Program,
    flow: str,
    environment: str | None,
    bindings: Iterable[StepBinding],
    stack: Stack,
    diagnostics: Diagnostics,
) -> dict[str, Bound]:
    """Return the bindings that hold for ``flow`` in ``environment``, by step path.

    A binding without environments holds in all of them, and where there is none.
    """
    found: dict[str, Bound] = {}
    for binding in bindings:
        name, _, path = binding.step.value.partition("/")
        if name != flow or not _is_step(program, path, binding, diagnostics):
            continue
        wanted = [env.value for env in binding.environments]
        if wanted and environment not in wanted:
            continue
        plugin = binding.plugin
        if binding.stack is None:  # or it is looked for there
            plugin = known_plugin(plugin, stack, diagnostics)
        before = found.get(path, Bound())
        found[path] = Bound(
            plugin or before.plugin,
            binding.resources or before.resources,
            binding.stack or before.stack,
        )
    return found


def _is_step(program: Program, path: str, binding: StepBinding, diagnostics: Diagnostics) -> bool:
    step = program.steps.get(path)
    if step is not None and isinstance(step.body, Call):
        return True
    calls = [key for key, other in program.steps.items() if isinstance(other.body, Call)]
    near = get_close_matches(path, calls, n=1)
    if step is not None:
        message, hint = f"`{path}` is a loop; a binding names a step that calls a component", None
    else:
        message, hint = f"`{path}` is not a step of the flow", None
    if near:
        hint = f"write `{binding.step.value.partition('/')[0]}/{near[0]}`"
    diagnostics.report(codes.UNKNOWN_STEP, message, binding.step.span, hint=hint)
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
