"""What a plan consists of: steps with what each calls or repeats, units, and variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc_shim.contract.policies import (
    DEFAULT_RETRY,
    FAIL,
    NO_TOLERANCE,
    Cache,
    OnError,
    Retry,
    Tolerance,
)

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json
    from flowc_shim.language import values as v


@dataclass(frozen=True, slots=True)
class Candidate:
    """One rule that may take a component call: a class, the name there, and conditions.

    ``conditions``: ``(path text, value)`` pairs that must all equal the step's input.
    """

    component_class: str
    component: str
    conditions: tuple[tuple[str, Json], ...] = ()


@dataclass(frozen=True, slots=True)
class PlanCall:
    """A component call: ``timeout`` in seconds per attempt.

    ``locations``: in how many places the component's program runs at once.
    """

    component: str
    candidates: tuple[Candidate, ...]
    input: v.Value
    timeout: float | None = None
    retry: Retry = DEFAULT_RETRY
    cache: Cache | None = None
    locations: int = 1

    def values(self) -> tuple[v.Value, ...]:
        """Return the values whose references are the step's edges."""
        key = None if self.cache is None else self.cache.key
        return (self.input,) if key is None else (self.input, key)


@dataclass(frozen=True, slots=True)
class PlanFlow:
    """What makes a loop of one item a sub-flow: the item is ``{input, variables}``.

    ``variables``: the names of those whose values the item holds. ``fail_fast``: a failure in it
    stops what runs in it. ``timeout``: in seconds from when the item is decided.
    """

    input_schema: Json = None
    output_schema: Json = None
    variables: tuple[str, ...] = ()
    fail_fast: bool = False
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class PlanLoop:
    """A ``foreach``: exactly one of ``items`` (a list) and ``product`` (name → list) is set.

    ``output`` is evaluated once per item, in the scope named like the loop's step path.
    ``records``: the result says what became of each item. ``lanes``: the most tasks of an engine
    that runs several items in one task above that number of items; 0 for one that does not.
    """

    output: v.Value
    items: v.Value | None = None
    product: tuple[tuple[str, v.Value], ...] = ()
    concurrency: int = 100
    tolerance: Tolerance = NO_TOLERANCE
    max_items: int = 25_000
    records: bool = False
    flow: PlanFlow | None = None
    lanes: int = 0

    def tasks(self, count: int) -> int:
        """Return how many tasks an engine starts for ``count`` items.

        More of them than ``lanes``: task k of n runs the items k, k + n, k + 2n, …
        """
        return count if not self.lanes or count <= self.lanes else min(self.concurrency, self.lanes)

    def values(self) -> tuple[v.Value, ...]:
        """Return what decides the items: evaluated where the step stands."""
        items = () if self.items is None else (self.items,)
        return (*items, *(value for _, value in self.product))


@dataclass(frozen=True, slots=True)
class PlanWhile:
    """A ``while``: ``output`` of one pass is the ``state`` of the next.

    ``condition`` is tested before each pass, in the scope named like the loop's step path, where
    the last of the indices is the number of passes before. After ``max_iterations`` passes the loop
    fails, or with ``stop_at_limit`` its last state is the result.
    """

    state: v.Value
    condition: v.Condition
    output: v.Value
    max_iterations: int
    stop_at_limit: bool = False

    def values(self) -> tuple[v.Value, ...]:
        """Return what a step that was skipped keeps from beginning."""
        return (self.state, self.condition.value)


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One step. ``path`` is its id behind those of the loops around it (``train/fit``).

    ``reads``: paths of all steps, of this and outer scopes, that must be terminal before it
    starts, guards included. ``needs``: those of them that are strict edges without data.
    """

    path: str
    scope: str
    body: PlanCall | PlanLoop | PlanWhile
    reads: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    when: v.Condition | None = None
    join_any: bool = False
    guard: v.Guard = None
    on_error: OnError = FAIL

    @property
    def id(self) -> str:
        """Return the step's id within its scope."""
        return self.path.rpartition("/")[2] if self.scope else self.path


@dataclass(frozen=True, slots=True)
class PlanUnit:
    """What one shim process runs.

    ``kind``: ``steps`` (``steps`` in order); ``open`` (decides a loop's items, or a ``while``'s
    first state), ``next`` (ends a pass and decides whether another follows), ``close`` (makes the
    loop's one result); ``while`` (a whole loop, whose ``inner`` steps one process runs in order,
    pass after pass). ``after``: units of the same scope that the engine orders before it.
    ``scope``: the loop's step path, or the root.
    """

    id: str
    kind: str
    scope: str
    steps: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanVariable:
    """Where a variable gets its value: ``value`` if given, or secret, environment, default.

    ``has_value``/``has_default`` tell null from absent. ``given``: with the start of the run.
    """

    name: str
    value: Json = None
    has_value: bool = False
    default: Json = None
    has_default: bool = False
    secret: str | None = None
    env: str | None = None
    is_secret: bool = False
    given: bool = False
