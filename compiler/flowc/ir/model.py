"""Program: a flow with every name resolved and every dialect gone.

A Program that exists is valid as far as names and shape go; it is the same under any stack. Steps
are named by their *path*: the id behind the ids of the loops around it (``train/fit``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from flowc_shim.contract.policies import FAIL, NO_TOLERANCE, OnError, Tolerance
from flowc_shim.contract.scopes import FINALLY, ROOT, in_finally, is_outermost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.diagnostics import Span
    from flowc.source.model import (
        At,
        FromVariable,
        Needs,
        SourceCache,
        SourceFlow,
        SourceRetry,
        SourceVariable,
    )
    from flowc_shim.contract.json_types import Json
    from flowc_shim.language import values as v


@dataclass(frozen=True, slots=True)
class Detached:
    """A flow that a step starts runs of: not resolved here, but compiled by itself."""

    flow: SourceFlow

    @property
    def variant(self) -> tuple[str, tuple[str, ...]]:
        """Return what tells it from others: its file, and the variables that are given."""
        given = (variable.name for variable in self.flow.variables if variable.given)
        return self.flow.file, tuple(given)


@dataclass(frozen=True, slots=True)
class Call:
    """A component call; ``component`` is the path that the stack's routes resolve.

    ``detached``: it calls no component, but starts a run of that flow.
    """

    component: At[str]
    input: v.Value
    input_span: Span = field(compare=False)
    detached: Detached | None = None

    def values(self) -> tuple[v.Value, ...]:
        """Return what is evaluated in the scope that the step stands in."""
        return (self.input,)

    def inner_values(self) -> tuple[v.Value, ...]:
        """Return what is evaluated in the scope inside of the step: a call has none."""
        return ()


@dataclass(frozen=True, slots=True)
class SubFlow:
    """What a body of one pass has if it is a flow of its own.

    ``variables``: schemas of those whose values the step gives. ``fail_fast``: a failure in it
    stops what runs in it. ``timeout``: its time in seconds, from when the step begins.
    """

    file: str
    input_schema: At[Json] | None = None
    output_schema: At[Json] | None = None
    variables: Mapping[str, Json] = field(default_factory=dict)
    fail_fast: bool = False
    timeout: At[float | FromVariable] | None = None


@dataclass(frozen=True, slots=True)
class Loop:
    """A ``foreach``; its body is the scope named like the step's path.

    ``records``: its result says what became of each item. ``flow``: it is a sub-flow, and its one
    item, ``{input, variables}``, is what that flow gets.
    """

    output: v.Value
    items: v.Value | None = None
    product: tuple[tuple[str, v.Value], ...] = ()
    concurrency: int | FromVariable = 100
    tolerance: Tolerance = NO_TOLERANCE
    records: bool = False
    flow: SubFlow | None = None

    def values(self) -> tuple[v.Value, ...]:
        """Return what is evaluated in the scope that the step stands in."""
        items = () if self.items is None else (self.items,)
        return (*items, *(value for _, value in self.product))

    def inner_values(self) -> tuple[v.Value, ...]:
        """Return what is evaluated in the scope of one item."""
        return (self.output,)


@dataclass(frozen=True, slots=True)
class While:
    """A ``while``; its body is the scope named like the step's path.

    ``output`` of one pass is the ``state`` of the next. ``stop_at_limit``: after
    ``max_iterations`` passes the last state is the result, not a failure.
    """

    state: v.Value
    condition: v.Condition
    output: v.Value
    max_iterations: int
    stop_at_limit: bool = False

    def values(self) -> tuple[v.Value, ...]:
        """Return what is evaluated in the scope that the step stands in."""
        return (self.state,)

    def inner_values(self) -> tuple[v.Value, ...]:
        """Return what is evaluated in the scope of one pass (the condition before it begins)."""
        return (self.condition.value, self.output)


@dataclass(frozen=True, slots=True)
class Step:
    """One step, resolved.

    ``data``: steps that its values and conditions read (of its own and outer scopes), for a loop
    those of its body outside the loop too. ``reads``: all that must be terminal before it starts:
    ``data``, ``needs`` and what the guard reads. ``may_skip``: its outcome may be ``skipped``.
    """

    path: str
    scope: str
    span: Span = field(compare=False)
    body: Call | Loop | While
    data: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    when: v.Condition | None = None
    join_any: bool = False
    guard: v.Guard = None
    on_error: OnError = FAIL
    timeout: At[float | FromVariable] | None = None
    retry: SourceRetry | None = None
    cache: SourceCache | None = None
    resources: At[str | Needs | FromVariable] | None = None
    root: bool = False
    plain: bool = True
    may_skip: bool = False
    tags: tuple[str, ...] = ()
    output_schema: Json = None

    @property
    def id(self) -> str:
        """Return the id within the scope."""
        return self.path[len(self.scope) + 1 :] if self.scope else self.path


@dataclass(frozen=True)
class Program:
    """A resolved flow. ``steps`` holds all scopes, outer steps before inner, in written order."""

    name: str
    file: str
    span: Span = field(compare=False)
    steps: Mapping[str, Step]
    output: v.Value
    input_schema: At[Json] | None = None
    output_schema: At[Json] | None = None
    step_schemas: Mapping[str, At[Json]] = field(default_factory=dict)
    variables: tuple[SourceVariable, ...] = ()
    fail_fast: bool = False
    timeout: At[float | FromVariable] | None = None
    enforce_schemas: bool = True
    implicit_defaults: bool = False
    unconsumed_steps_run: bool = True
    output_may_skip: bool = False
    description: str | None = None
    version: str | None = None
    tags: tuple[str, ...] = ()
    owner: str | None = None

    @cached_property
    def scopes(self) -> dict[str, tuple[str, ...]]:
        """Return the step paths of each scope in written order; the root scope first."""
        found: dict[str, list[str]] = {ROOT: []}
        for path, step in self.steps.items():
            found.setdefault(step.scope, []).append(path)
            if not isinstance(step.body, Call):
                found.setdefault(path, [])
        return {scope: tuple(paths) for scope, paths in found.items()}

    def loops_around(self, scope: str) -> list[str]:
        """Return the loops around the steps of ``scope``, innermost first."""
        return [path for path in self.scope_chain(scope) if not is_outermost(path)]

    def flow_around(self, scope: str) -> str | None:
        """Return the path of the sub-flow that the steps of ``scope`` are of, None for the flow."""
        for path in self.loops_around(scope):
            body = self.steps[path].body
            if isinstance(body, Loop) and body.flow is not None:
                return path
        return None

    def scope_chain(self, scope: str) -> list[str]:
        """Return ``scope`` and the scopes around it, innermost first, the root last."""
        chain = [scope]
        while scope != ROOT:
            scope = ROOT if scope == FINALLY else self.steps[scope].scope
            chain.append(scope)
        return chain


def may_lack(reader: Step, target: Step) -> bool:
    """Whether ``target`` may have no value when ``reader`` starts, and be skipped for it.

    To a ``finally:`` step that holds for every step of the run itself: it may have failed.
    """
    return target.may_skip or (in_finally(reader.scope) and not in_finally(target.scope))
