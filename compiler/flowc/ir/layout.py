"""Layout: the units that engines schedule, and how steps are grouped into them.

A unit is one step, or under ``auto`` a plain chain of one component class. The engine facts that
every target needs (what must be tolerated, how often it may be restarted, how long it may take)
are computed here, once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowc.ir.graph import in_order
from flowc.ir.model import Call, Loop, Program, Step
from flowc_shim.contract.plan import is_outermost
from flowc_shim.contract.policies import DEFAULT_RETRY, Budget, Retry
from flowc_shim.language import values as v

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.diagnostics import Span
    from flowc.ir.placement import PlacedCall, Placement
    from flowc.source.model import Needs
    from flowc.source.stack_model import Profile

STEP = "step"
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit with what engines have to know of it.

    ``after``: units of the same scope that come before it. ``handled``: a failure of it may turn
    into a value, so readers must tolerate its death. ``may_not_start``: a guard, a condition or a
    skipped dependency may keep it from running. ``retry``: budgets of all its steps together.
    ``time_bound``: most seconds that all attempts and waits take, None without a bound.
    ``needs``/``profile``: resources of its own container, None for a waiting one.
    """

    id: str
    kind: str
    scope: str
    steps: tuple[str, ...]
    after: tuple[str, ...]
    span: Span = field(compare=False)
    handled: bool = False
    heavy: bool = False
    may_not_start: bool = False
    retry: Retry = DEFAULT_RETRY
    time_bound: float | None = None
    needs: Needs | None = None
    profile: Profile | None = None
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LoopFacts:
    """A loop as engines see it: two units around a body. ``count``: items if known, else None."""

    path: str
    open: str
    close: str
    concurrency: int
    count: int | None
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Layout:
    """Units by id; ``scopes``: unit ids of each scope in an order that respects ``after``."""

    granularity: str
    units: Mapping[str, Unit]
    scopes: Mapping[str, tuple[str, ...]]
    loops: Mapping[str, LoopFacts]


def open_id(loop: str) -> str:
    """Return the id of the unit that decides the items of the loop at path ``loop``."""
    return f"{loop}:open"


def close_id(loop: str) -> str:
    """Return the id of the unit that collects the loop at path ``loop``."""
    return f"{loop}:close"


def build_layout(program: Program, placement: Placement, granularity: str) -> Layout:
    """Group the steps of ``program`` into units; steps that nothing needs get none."""
    units: dict[str, Unit] = {}
    scopes: dict[str, tuple[str, ...]] = {}
    loops: dict[str, LoopFacts] = {}
    for scope, paths in program.scopes.items():
        if not is_outermost(scope) and program.steps[scope].guard == ():
            continue
        needed = [path for path in paths if program.steps[path].guard != ()]
        groups = (
            _chains(program, placement, needed) if granularity == AUTO else [[p] for p in needed]
        )
        unit_of = {path: group[0] for group in groups for path in group}
        found: dict[str, Unit] = {}
        for group in groups:
            step = program.steps[group[0]]
            after = _after(program, group, unit_of)
            if isinstance(step.body, Loop):
                facts = _loop_facts(step, placement)
                loops[step.path] = facts
                found[facts.open] = _open_unit(step, after)
                found[facts.close] = _close_unit(step, facts)
            else:
                found[group[0]] = _call_unit(program, placement, group, after)
        order = in_order({unit.id: unit.after for unit in found.values()})
        scopes[scope] = tuple(order)
        units.update((unit_id, found[unit_id]) for unit_id in order)
    return Layout(granularity, units, scopes, loops)


def _after(program: Program, group: list[str], unit_of: dict[str, str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for path in group:
        for before in program.steps[path].reads:
            if before in unit_of and unit_of[before] != group[0]:
                is_loop = isinstance(program.steps[before].body, Loop)
                found[close_id(before) if is_loop else unit_of[before]] = None
    return tuple(found)


def _loop_facts(step: Step, placement: Placement) -> LoopFacts:
    assert isinstance(step.body, Loop)
    return LoopFacts(
        step.path,
        open_id(step.path),
        close_id(step.path),
        placement.concurrency[step.path],
        _known_count(step.body),
        step.span,
    )


def _known_count(loop: Loop) -> int | None:
    values = [loop.items] if loop.items is not None else [value for _, value in loop.product]
    count = 1
    for value in values:
        if isinstance(value, v.ListValue):
            count *= len(value.items)
        elif isinstance(value, v.Literal) and isinstance(value.value, list):
            count *= len(value.value)
        else:
            return None
    return count


def _open_unit(step: Step, after: tuple[str, ...]) -> Unit:
    return Unit(
        open_id(step.path), "open", step.scope, (step.path,), after, step.span,
        handled=step.on_error.handles,
    )  # fmt: skip


def _close_unit(step: Step, facts: LoopFacts) -> Unit:
    return Unit(
        facts.close, "close", step.scope, (step.path,), (facts.open,), step.span,
        handled=step.on_error.handles,
    )  # fmt: skip


def _call_unit(
    program: Program, placement: Placement, group: list[str], after: tuple[str, ...]
) -> Unit:
    steps = [program.steps[path] for path in group]
    calls = [placement.calls[path] for path in group]
    own = next((call for call in calls if call.in_container), None)
    return Unit(
        id=group[0],
        kind="steps",
        scope=steps[0].scope,
        steps=tuple(group),
        after=after,
        span=steps[0].span,
        handled=any(step.on_error.handles for step in steps),
        heavy=any(call.heavy for call in calls),
        may_not_start=any(
            step.guard is not None or step.may_skip or step.cache is not None for step in steps
        ),
        retry=_together([call.retry for call in calls]),
        time_bound=_time_bound(calls),
        needs=own.needs if own else None,
        profile=own.profile if own else None,
        classes=tuple(dict.fromkeys(cls.name for call in calls for cls in call.classes)),
    )


def _together(retries: list[Retry]) -> Retry:
    """Return budgets that allow what all of ``retries`` allow in turn."""
    if len(retries) == 1:
        return retries[0]
    first = retries[0]

    def total(name: str) -> Budget:
        budget: Budget = getattr(first, name)
        most = sum(getattr(retry, name).max for retry in retries)
        return Budget(most, budget.delay, budget.factor, budget.cap, budget.jitter)

    return Retry(total("user"), total("platform"), total("timeout"))


def _time_bound(calls: list[PlacedCall]) -> float | None:
    bound = 0.0
    for call in calls:
        if call.timeout is None:
            return None
        waits = sum(
            budget.total_wait()
            for budget in (call.retry.user, call.retry.platform, call.retry.timeout)
        )
        bound += call.timeout * call.retry.attempts + waits
    return bound


def _chains(program: Program, placement: Placement, paths: list[str]) -> list[list[str]]:
    """Return the plain chains among ``paths``; every other step is a group of its own."""
    readers: dict[str, list[str]] = {path: [] for path in paths}
    for path in paths:
        for before in program.steps[path].reads:
            if before in readers:
                readers[before].append(path)
    groups: list[list[str]] = []
    taken: set[str] = set()
    for path in paths:
        if path in taken or _link_before(program, placement, readers, path) is not None:
            continue
        group = [path]
        while (following := _link_after(program, placement, readers, group[-1])) is not None:
            if not _same_class(placement, [*group, following]):
                break
            group.append(following)
        taken.update(group)
        groups.append(group)
    # what a class change cut off starts a group of its own
    for path in paths:
        if path not in taken:
            group = [path]
            taken.add(path)
            while (following := _link_after(program, placement, readers, group[-1])) is not None:
                if following in taken or not _same_class(placement, [*group, following]):
                    break
                group.append(following)
                taken.add(following)
            groups.append(group)
    position = {path: index for index, path in enumerate(paths)}
    return sorted(groups, key=lambda group: position[group[0]])


def _is_link(step: Step) -> bool:
    return step.plain and isinstance(step.body, Call) and step.retry is None


def _link_after(
    program: Program, placement: Placement, readers: dict[str, list[str]], path: str
) -> str | None:
    if not _is_link(program.steps[path]) or len(readers[path]) != 1:
        return None
    following = program.steps[readers[path][0]]
    if not _is_link(following):
        return None
    own_scope = [before for before in following.reads if before in readers]
    return following.path if own_scope == [path] else None


def _link_before(
    program: Program, placement: Placement, readers: dict[str, list[str]], path: str
) -> str | None:
    for before in program.steps[path].reads:
        if before in readers and _link_after(program, placement, readers, before) == path:
            return before
    return None


def _same_class(placement: Placement, group: list[str]) -> bool:
    """Whether all steps are built-ins or of one and the same class, known before the run."""
    names = set()
    for path in group:
        call = placement.calls[path]
        if len(call.candidates) != 1 or call.candidates[0].conditions:
            return False
        if call.classes[0].type != "builtin":
            names.add(call.classes[0].name)
    return len(names) <= 1
