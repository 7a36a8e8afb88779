"""Source: a flow as written, typed, with positions, before any name is resolved.

Three dialects decode into it; what distinguishes them from here on are explicit facts
(:class:`Facts`), never a dialect name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from flowc_shim.contract.policies import FAIL, NO_TOLERANCE, OnError, Tolerance
from flowc_shim.language import values as v

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.diagnostics import Span
    from flowc_shim.contract.json_types import Json

T_co = TypeVar("T_co", covariant=True)

FromVariable = v.VariableRef | v.Literal
"""Where a variable says a setting: that variable, or the plain value that it has there."""


@dataclass(frozen=True, slots=True)
class At(Generic[T_co]):
    """Something with the place where it was written."""

    value: T_co
    span: Span


@dataclass(frozen=True, slots=True)
class Facts:
    """What the dialects mean differently, said once.

    ``unconsumed_steps_run``: a step that nobody reads is a root. ``enforce_schemas``: an input or
    output against its declared schema is an error (else a warning). ``implicit_defaults``: an
    optional variable without default has ``""``, ``0``, ``false`` or null by type.
    ``output_may_skip``: a run whose output reads a skipped step ends ``skipped``.
    """

    unconsumed_steps_run: bool
    enforce_schemas: bool
    implicit_defaults: bool
    output_may_skip: bool


@dataclass(frozen=True, slots=True)
class SourceBudget:
    """A ``retry.<class>`` as written; None where the class's default holds. Times in seconds."""

    max: int | FromVariable | None = None
    delay: float | None = None
    factor: float | None = None
    cap: float | None = None
    jitter: bool | None = None
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SourceRetry:
    """A ``retry`` as written."""

    user: SourceBudget = SourceBudget()
    platform: SourceBudget = SourceBudget()
    timeout: SourceBudget = SourceBudget()
    condition: v.Expr | None = None
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Needs:
    """Portable resource needs: ``cpu`` cores, ``memory`` and ``disk`` bytes, ``gpu`` count."""

    cpu: float | None = None
    memory: int | None = None
    disk: int | None = None
    gpu: int | None = None
    spans: Mapping[str, Span] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class SourceVariable:
    """A declared variable: its JSON Schema and flowc's and Stepflow's keywords in it.

    ``given``: whoever starts a run gives its value.
    """

    name: str
    schema: Json
    required: bool
    span: Span
    has_default: bool = False
    default: Json = None
    is_secret: bool = False
    env_var: str | None = None
    given: bool = False


@dataclass(frozen=True, slots=True)
class SourceCache:
    """A ``cache`` as written: ``ttl`` in seconds, ``key`` if it has one."""

    ttl: float
    key: v.Value | None
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class SourceCall:
    """A component call: ``component`` path and ``input``.

    ``detached``: it calls no component, but starts a run of this flow: its ``input`` is
    ``{input, variables}``, its ``component`` the flow's file.
    """

    component: At[str]
    input: v.Value
    input_span: Span
    detached: SourceSubFlow | None = None


@dataclass(frozen=True, slots=True)
class SourceSubFlow:
    """The ``flow`` of a step: its file, the variables given to it, and the flow once it is read."""

    file: At[str]
    variables: tuple[tuple[At[str], v.Value], ...] = ()
    flow: SourceFlow | None = None


@dataclass(frozen=True, slots=True)
class SourceLoop:
    """A ``foreach``: ``items`` or ``product``; ``steps`` are its body, ``output`` per item.

    ``flow``: it is not written as a loop, but is another flow: the one item is its input.

    A body that is a component was turned into one step with the id ``item``. ``records``: what
    became of each item is collected, not its output alone.
    """

    steps: tuple[SourceStep, ...]
    output: v.Value
    span: Span
    items: v.Value | None = None
    product: tuple[tuple[str, v.Value], ...] = ()
    concurrency: int | FromVariable = 100
    tolerance: Tolerance = NO_TOLERANCE
    records: bool = False
    flow: SourceSubFlow | None = None


@dataclass(frozen=True, slots=True)
class SourceWhile:
    """A ``while``: ``steps`` are one pass, ``output`` is the state that it leaves behind.

    ``condition`` is tested before each pass. ``stop_at_limit``: with the last state after
    ``max_iterations`` passes; else that is a failure.
    """

    steps: tuple[SourceStep, ...]
    output: v.Value
    span: Span
    state: v.Value
    condition: v.Condition
    max_iterations: int
    stop_at_limit: bool = False


@dataclass(frozen=True, slots=True)
class SourceStep:
    """A step as written. ``plain``: it has only ``id``, ``component`` and ``input``."""

    id: At[str]
    body: SourceCall | SourceLoop | SourceWhile
    needs: tuple[At[str], ...] = ()
    when: v.Condition | None = None
    join_any: bool = False
    timeout: At[float | FromVariable] | None = None
    retry: SourceRetry | None = None
    cache: SourceCache | None = None
    on_error: OnError = FAIL
    resources: At[str | Needs | FromVariable] | None = None
    must_execute: bool = False
    tags: tuple[str, ...] = ()
    output_schema: Json = None
    plain: bool = True


@dataclass(frozen=True, slots=True)
class SourceFlow:
    """A whole flow file as written."""

    file: str
    span: Span
    facts: Facts
    steps: tuple[SourceStep, ...]
    output: v.Value
    name: str | None = None
    description: str | None = None
    version: str | None = None
    input_schema: At[Json] | None = None
    output_schema: At[Json] | None = None
    step_schemas: Mapping[str, At[Json]] = field(default_factory=dict)
    variables: tuple[SourceVariable, ...] = ()
    fail_fast: bool = False
    timeout: At[float | FromVariable] | None = None
    finally_steps: tuple[SourceStep, ...] = ()
    tags: tuple[str, ...] = ()
    owner: str | None = None
    test: At[Json] | None = None
    examples: At[Json] | None = None
