"""Layout: the units that engines schedule, and how steps are grouped into them.

A unit is one step, or under ``auto`` a plain chain of one component class. The engine facts that
every target needs (what must be tolerated, how often it may be restarted, how long it may take)
are computed here, once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from flowc.ir.chains import plain_chains
from flowc.ir.graph import depths, in_order
from flowc.ir.model import Call, Loop, Program, Step, While
from flowc.ir.own_images import OwnImage, own_image
from flowc_shim.contract.policies import DEFAULT_RETRY, Budget, Retry
from flowc_shim.contract.scopes import in_finally, is_outermost
from flowc_shim.language import values as v

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.diagnostics import Span
    from flowc.ir.placement import PlacedCall, Placement
    from flowc.source.model import At, Needs
    from flowc.source.stack_model import Profile

SPARE_DEATHS = 20
"""How often over a process that runs many items or passes may use the budgets of one: one that dies
that often is not unlucky."""

STEP = "step"
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit with what engines have to know of it.

    ``after``: units of the same scope that come before it. ``handled``: a failure of it may turn
    into a value, so readers must tolerate its death. ``may_not_start``: a guard, a condition or a
    skipped dependency may keep it from running. ``retry``: budgets of all its steps together.
    ``time_bound``: most seconds that all attempts and waits take, None without a bound.
    ``needs``/``profile``: resources of its own container, None for a waiting one. ``locations``:
    how many of it run at once, if more than one. ``inner``: the steps of a pass in order, if this
    one unit runs all passes of a ``while``. ``starts_runs``: it starts a run of a detached flow,
    and does nothing else. ``own_image``: what the component of its call runs in, if not in the
    unit's own image.
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
    locations: At[int] | None = None
    classes: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()
    starts_runs: bool = False
    own_image: OwnImage | None = None


@dataclass(frozen=True, slots=True)
class LoopFacts:
    """A ``foreach`` as engines see it: two units around a body.

    ``count``: items if known, else None. ``nested``: another ``foreach`` is around it.
    ``one_unit``: its body is one unit.
    """

    path: str
    open: str
    close: str
    concurrency: int
    count: int | None
    span: Span = field(compare=False)
    nested: bool = False
    one_unit: bool = False

    def most_tasks(self, lanes: int) -> int:
        """Return the most items that have a task each, on a target whose tasks may be lanes.

        Among the ``finally`` steps these are no more than run at once: no other bound is safe
        there (decision 0027).
        """
        return min(lanes, self.concurrency) if in_finally(self.path) else lanes

    def in_lanes(self, lanes: int) -> bool:
        """Whether a task may have to run several items, on a target with ``lanes``."""
        return self.one_unit and (self.count is None or self.count > self.most_tasks(lanes))


@dataclass(frozen=True, slots=True)
class WhileFacts:
    """A ``while`` whose passes the engine goes through: two units around a body that ends in a
    third, ``next``. ``passes``: the most there are.
    """

    path: str
    open: str
    next: str
    close: str
    passes: int
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Layout:
    """Units by id; ``scopes``: unit ids of each scope in an order that respects ``after``.

    ``whiles``: those whose passes are the engine's; any other is one unit.
    """

    granularity: str
    units: Mapping[str, Unit]
    scopes: Mapping[str, tuple[str, ...]]
    loops: Mapping[str, LoopFacts]
    whiles: Mapping[str, WhileFacts] = field(default_factory=dict)

    def opened_by(self, unit: str) -> LoopFacts | WhileFacts | None:
        """Return the loop that the unit opens, None if it opens none."""
        path = unit.removesuffix(OPEN)
        if path == unit or self.units[unit].kind != "open":
            return None
        return self.loops.get(path) or self.whiles[path]


OPEN = ":open"


def open_id(loop: str) -> str:
    """Return the id of the unit that decides the items of the loop at path ``loop``."""
    return f"{loop}{OPEN}"


def next_id(loop: str) -> str:
    """Return the id of the unit that ends a pass of the ``while`` at path ``loop``."""
    return f"{loop}:next"


def close_id(loop: str) -> str:
    """Return the id of the unit that collects the loop at path ``loop``."""
    return f"{loop}:close"


def build_layout(
    program: Program,
    placement: Placement,
    granularity: str,
    pass_seconds: float | None = None,
    container_calls: int | None = None,
) -> Layout:
    """Group the steps of ``program`` into units; steps that nothing needs get none.

    ``pass_seconds``: what a pass may take at most if one process runs all passes of a ``while``.
    ``container_calls``: how many calls of ``container`` classes a process can make, 1 or any.
    """
    units: dict[str, Unit] = {}
    scopes: dict[str, tuple[str, ...]] = {}
    loops: dict[str, LoopFacts] = {}
    whiles: dict[str, WhileFacts] = {}
    passes = {path: _passes(program, placement, path, pass_seconds) for path in program.steps}
    whole = {path: inner for path, inner in passes.items() if inner}
    for scope, paths in program.scopes.items():
        if scope in whole or (not is_outermost(scope) and program.steps[scope].guard == ()):
            continue
        needed = [path for path in paths if program.steps[path].guard != ()]
        groups = (
            plain_chains(program, placement, needed, alone=container_calls is not None)
            if granularity == AUTO
            else [[p] for p in needed]
        )
        unit_of = {path: group[0] for group in groups for path in group}
        found: dict[str, Unit] = {}
        for group in groups:
            step = program.steps[group[0]]
            after = _after(program, group, unit_of, whole)
            if step.path in whole:
                found[step.path] = _while_unit(step, placement, whole[step.path], after)
            elif isinstance(step.body, Call):
                found[group[0]] = _call_unit(program, placement, group, after)
            else:
                facts = _facts(program, step, step.body, placement)
                if isinstance(facts, LoopFacts):
                    loops[step.path] = facts
                else:
                    whiles[step.path] = facts
                found[facts.open] = _open_unit(step, after)
                found[facts.close] = _close_unit(step, facts)
        if scope in whiles:
            found[whiles[scope].next] = _next_unit(program.steps[scope], whiles[scope], found)
        order = in_order({unit.id: unit.after for unit in found.values()})
        scopes[scope] = tuple(order)
        units.update((unit_id, found[unit_id]) for unit_id in order)
    loops = {
        path: replace(facts, one_unit=_is_one_unit(scopes.get(path, ()), units))
        for path, facts in loops.items()
    }
    return Layout(granularity, units, scopes, loops, whiles)


def _is_one_unit(body: tuple[str, ...], units: Mapping[str, Unit]) -> bool:
    return len(body) == 1 and units[body[0]].kind in ("steps", "while")


def _after(
    program: Program,
    group: list[str],
    unit_of: dict[str, str],
    whole: Mapping[str, tuple[str, ...]],
) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for path in group:
        for before in program.steps[path].reads:
            if before in unit_of and unit_of[before] != group[0]:
                is_unit = before in whole or isinstance(program.steps[before].body, Call)
                found[unit_of[before] if is_unit else close_id(before)] = None
    return tuple(found)


def _facts(
    program: Program, step: Step, body: Loop | While, placement: Placement
) -> LoopFacts | WhileFacts:
    path = step.path
    if isinstance(body, While):
        return WhileFacts(
            path, open_id(path), next_id(path), close_id(path), body.max_iterations, step.span
        )
    return LoopFacts(
        path,
        open_id(path),
        close_id(path),
        placement.concurrency[path],
        _known_count(body),
        step.span,
        any(isinstance(program.steps[s].body, Loop) for s in program.loops_around(step.scope)),
    )


def _passes(
    program: Program, placement: Placement, path: str, seconds: float | None
) -> tuple[str, ...]:
    """Return the steps of a pass in order if one process runs the passes of ``path``, else ().

    It does if the body is a chain of calls whose work is done elsewhere: then a container per pass
    would only wait, and no two of the steps could run at the same time anyway. ``seconds``: what a
    pass may take at most.
    """
    if not isinstance(program.steps[path].body, While):
        return ()
    body = [inner for inner in program.scopes[path] if program.steps[inner].guard != ()]
    calls = [placement.calls[inner] for inner in body if inner in placement.calls]
    if len(calls) < len(body):
        return ()
    if any(call.in_container or call.heavy or call.starts_runs for call in calls):
        return ()
    if seconds is not None and (_time_bound(calls) or 0.0) > seconds:
        return ()
    edges = {inner: program.steps[inner].reads for inner in body}
    is_chain = max(depths(edges).values(), default=0) == len(body)
    return tuple(in_order(edges)) if is_chain else ()


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


def _next_unit(loop: Step, facts: WhileFacts, body: Mapping[str, Unit]) -> Unit:
    """Return the unit behind all of a pass; it judges what became of that, so it always runs."""
    read = {before for unit in body.values() for before in unit.after}
    last = tuple(unit for unit in body if unit not in read)
    return Unit(facts.next, "next", loop.path, (loop.path,), last, loop.span)


def _while_unit(
    step: Step, placement: Placement, inner: tuple[str, ...], after: tuple[str, ...]
) -> Unit:
    assert isinstance(step.body, While)
    calls = [placement.calls[path] for path in inner]
    bound, passes = _time_bound(calls), step.body.max_iterations
    return Unit(
        id=step.path,
        kind="while",
        scope=step.scope,
        steps=(step.path,),
        after=after,
        span=step.span,
        handled=step.on_error.handles,
        may_not_start=step.guard is not None or step.may_skip,
        retry=_together([call.retry for call in calls], min(passes, SPARE_DEATHS)),
        time_bound=None if bound is None else bound * passes,
        classes=tuple(dict.fromkeys(cls.name for call in calls for cls in call.classes)),
        inner=inner,
    )


def _close_unit(step: Step, facts: LoopFacts | WhileFacts) -> Unit:
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
        locations=calls[0].locations if calls[0].hosts > 1 else None,
        classes=tuple(dict.fromkeys(cls.name for call in calls for cls in call.classes)),
        starts_runs=any(call.starts_runs for call in calls),
        own_image=own_image(calls[0]),
    )


def _together(retries: list[Retry], times: int = 1) -> Retry:
    """Return budgets that allow what all of ``retries`` allow in turn, ``times`` over."""
    if len(retries) == 1 and times == 1:
        return retries[0]
    first = retries[0]

    def total(name: str) -> Budget:
        budget: Budget = getattr(first, name)
        most = times * sum(getattr(retry, name).max for retry in retries)
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
