"""Resources of steps: profiles by name, and requirements against what a class states it has."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, Span, codes
from flowc.placing.fixed_values import MISSING, Fixed
from flowc.source.decode_policies import merge_needs
from flowc.source.fields import describe
from flowc.source.model import At, FromVariable, Needs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowc.ir.model import Step
    from flowc.source.stack_model import ComponentClass, Profile, Stack

KINDS = ("cpu", "memory", "disk", "gpu")
_SERVED = frozenset({"stepflow", "builtin", "mock"})
"""Class types that serve calls elsewhere: a step's resources are a requirement on them."""


@dataclass(frozen=True, slots=True)
class StepResources:
    """What a step needs. ``profile``: the named profile, if it names one."""

    needs: Needs
    span: Span
    profile: Profile | None = None


def resources_of(
    step: Step, bound: At[str | Needs] | None, stack: Stack, fixed: Fixed
) -> StepResources | None:
    """Return the resources that ``step`` asks for, or that a binding gives it instead."""
    written = bound if bound is not None else step.resources
    if written is None:
        return None
    value: object = written.value
    if isinstance(value, FromVariable):
        value = fixed.look_up(value, "`resources`", written.span)
    if isinstance(value, Needs):
        return StepResources(value, written.span)
    if isinstance(value, str):
        return _named(value, written.span, stack, fixed.diagnostics)
    if value is not MISSING:
        fixed.diagnostics.report(
            codes.WRONG_TYPE,
            f"`resources` takes the name of a profile, and its variable is {describe(value)}",
            written.span,
        )
    return None


def _named(name: str, span: Span, stack: Stack, diagnostics: Diagnostics) -> StepResources | None:
    profile = stack.profiles.get(name)
    if profile is not None:
        return StepResources(profile.needs, span, profile)
    near = get_close_matches(name, sorted(stack.profiles), n=1)
    known = ", ".join(f"`{known}`" for known in sorted(stack.profiles)) or "none"
    diagnostics.report(
        codes.UNKNOWN_PROFILE,
        f"stack `{stack.name}` has no resource profile `{name}`",
        span,
        secondary=[(stack.profiles[near[0]].span, "did you mean this one?")] if near else [],
        hint=f"write `{near[0]}`" if near else f"profiles of the stack: {known}",
    )
    return None


def check_requirement(
    step: Step,
    wanted: StepResources,
    classes: Iterable[ComponentClass],
    diagnostics: Diagnostics,
) -> None:
    """Compare what ``step`` requires with what each serving class states it has."""
    for cls in classes:
        if cls.type not in _SERVED:
            continue
        if cls.resources is None:
            diagnostics.report(
                codes.RESOURCE_UNSTATED,
                f"class `{cls.name}` states no `resources`; "
                f"what step `{step.id}` requires is taken on trust",
                wanted.span,
                secondary=[(cls.span, "serves the step")],
                hint=f"add `resources` to `{cls.name}` to have it checked",
            )
        else:
            _compare(step, wanted, cls, cls.resources, diagnostics)


def _compare(
    step: Step,
    wanted: StepResources,
    cls: ComponentClass,
    has: Needs,
    diagnostics: Diagnostics,
) -> None:
    for kind in KINDS:
        want = getattr(wanted.needs, kind)
        have = getattr(has, kind)
        # A class that states its GPUs and memory but no disk is trusted for the disk.
        if kind == "gpu" and have is None:
            have = 0
        if want is None or have is None or want <= have:
            continue
        own = None if wanted.profile else wanted.needs.spans.get(kind)
        diagnostics.report(
            codes.RESOURCE_EXCEEDED,
            f"step `{step.id}` requires {quantity(kind, want)}, "
            f"and class `{cls.name}` that serves it has {quantity(kind, have)}",
            own or wanted.span,
            label=f"asks for {quantity(kind, want)}",
            secondary=[(has.spans.get(kind) or cls.span, f"has {quantity(kind, have)}")],
            hint=f"lower `{kind}`, or route the step to a class that has it",
        )


def quantity(kind: str, amount: float) -> str:
    """Return an amount for people.

    >>> quantity("memory", 34359738368)
    '32Gi of memory'
    """
    if kind == "gpu":
        return "no GPU" if amount == 0 else f"{amount:g} GPU{'s' if amount != 1 else ''}"
    if kind == "cpu":
        return f"{amount:g} cpu"
    for suffix, size in (("Ti", 2**40), ("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10)):
        if amount >= size and amount % (size / 1024) == 0:
            return f"{amount / size:.10g}{suffix} of {kind}"
    return f"{amount:g} bytes of {kind}"


def own_needs(wanted: StepResources | None, classes: Iterable[ComponentClass]) -> Needs | None:
    """Return the needs of the step's own container: its own, else what the classes state."""
    needs = wanted.needs if wanted else None
    for cls in classes:
        if cls.type not in _SERVED:
            needs = merge_needs(needs, cls.resources)
    return needs
