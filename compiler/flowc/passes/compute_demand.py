"""Laziness: give every step the guard that says when it is needed.

A step is needed if a root, or a needed step that reaches its reference, reads it. The guard is a
disjunction of conjunctions of conditions on ``$if`` and ``$coalesce`` along the way, flat, so that
the shim never recurses. A conditional demand whose conditions would have to wait for the step
itself is widened to "needed".
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from flowc.diagnostics import codes
from flowc.ir.graph import cyclic_groups, in_order
from flowc.ir.model import Call, Program
from flowc.ir.references import step_uses
from flowc.passes.check_cycles import scope_edges
from flowc.passes.step_values import values_before_errors
from flowc_shim.contract.scopes import ROOT, is_outermost
from flowc_shim.language import values as v
from flowc_shim.language.encode import encode_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowc.passes.context import Context

MAX_CLAUSES = 16
"""Conjunctions kept per guard; more than that and the step counts as always needed."""

Clause = frozenset[str]
_ALWAYS: frozenset[Clause] = frozenset({frozenset()})


@dataclass(slots=True)
class _Demand:
    """Guards of one scope while they are computed, over interned conditions."""

    conditions: dict[str, v.Condition] = field(default_factory=dict)
    clauses: dict[str, frozenset[Clause]] = field(default_factory=dict)

    def intern(self, conditions: Iterable[v.Condition]) -> Clause:
        keys = []
        for condition in conditions:
            key = json.dumps([encode_value(condition.value), condition.test], sort_keys=True)
            self.conditions.setdefault(key, condition)
            keys.append(key)
        return frozenset(keys)

    def guard(self, path: str) -> v.Guard:
        clauses = self.clauses[path]
        if clauses == _ALWAYS:
            return None
        return tuple(
            tuple(self.conditions[key] for key in sorted(clause))
            for clause in sorted(clauses, key=sorted)
        )


def _absorb(clauses: Iterable[Clause]) -> frozenset[Clause]:
    """Drop every conjunction that another one, a subset of it, already implies."""
    kept: list[Clause] = []
    for clause in sorted(set(clauses), key=lambda c: (len(c), sorted(c))):
        if not any(other <= clause for other in kept):
            kept.append(clause)
    return frozenset(kept)


@dataclass(frozen=True, slots=True)
class _Consumer:
    """Someone who reads a step: another step, or (None) the scope's output."""

    step: str | None
    clause: Clause


def _consumers(program: Program, scope: str, demand: _Demand) -> dict[str, list[_Consumer]]:
    found: dict[str, list[_Consumer]] = {path: [] for path in program.scopes[scope]}

    def add(target: str, consumer: _Consumer) -> None:
        if target in found:
            found[target].append(consumer)

    for use in step_uses(_output(program, scope)):
        add(use.step, _Consumer(None, demand.intern(use.conditions)))
    for path in program.scopes[scope]:
        step = program.steps[path]
        conditional = set()
        for value in values_before_errors(step):
            for use in step_uses(value):
                conditional.add(use.step)
                add(use.step, _Consumer(path, demand.intern(use.conditions)))
        # `needs`, and what a loop's body reads from here: unconditional
        for target in dict.fromkeys((*step.needs, *step.data)):
            if target in step.needs or target not in conditional:
                add(target, _Consumer(path, frozenset()))
    return found


def _output(program: Program, scope: str) -> v.Value:
    """Return what a scope hands out; ``finally:`` steps hand out nothing."""
    if is_outermost(scope):
        return program.output if scope == ROOT else v.NULL
    body = program.steps[scope].body
    assert not isinstance(body, Call)
    return body.output


def _compute(
    program: Program, scope: str, demand: _Demand, widened: set[str], unconsumed_run: bool
) -> set[str]:
    """Fill ``demand.clauses``; returns steps that got too many clauses and were widened."""
    consumers = _consumers(program, scope, demand)
    order = in_order(scope_edges(program, scope, "data"))
    overflown: set[str] = set()
    demand.clauses = {}
    for path in reversed(order):
        step = program.steps[path]
        readers = consumers[path]
        if step.root or path in widened or (unconsumed_run and not readers):
            demand.clauses[path] = _ALWAYS
            continue
        clauses = _absorb(
            own | reader.clause
            for reader in readers
            for own in (_ALWAYS if reader.step is None else demand.clauses[reader.step])
        )
        if len(clauses) > MAX_CLAUSES:
            overflown.add(path)
            clauses = _ALWAYS
        demand.clauses[path] = clauses
    return overflown


def _with_guards(program: Program, scope: str, demand: _Demand) -> Program:
    steps = dict(program.steps)
    for path in program.scopes[scope]:
        step = steps[path]
        guard = demand.guard(path)
        reads = dict.fromkeys((*step.data, *step.needs))
        for clause in guard or ():
            for condition in clause:
                reads.update(dict.fromkeys(use.step for use in step_uses(condition.value)))
        steps[path] = replace(step, guard=guard, reads=tuple(reads))
    return replace(program, steps=steps)


def compute_demand(program: Program, ctx: Context) -> Program:
    """Give every step its guard and its ``reads``; note each widened demand at its step."""
    for scope in program.scopes:
        program = _compute_scope(program, scope, ctx)
    return program


def _compute_scope(program: Program, scope: str, ctx: Context) -> Program:
    widened: set[str] = set()
    while True:
        demand = _Demand()
        overflown = _compute(program, scope, demand, widened, program.unconsumed_steps_run)
        result = _with_guards(program, scope, demand)
        stuck = _waiting_for_themselves(result, scope)
        fresh = (stuck | overflown) - widened
        if not fresh:
            break
        widened |= fresh
    for path in sorted(widened, key=list(program.scopes[scope]).index):
        ctx.diagnostics.report(
            codes.DEMAND_WIDENED,
            f"step `{program.steps[path].id}` always runs: "
            "whether it is needed cannot be known before it starts",
            program.steps[path].span,
            hint="make the condition depend on steps that do not wait for this one",
        )
    return result


def _waiting_for_themselves(program: Program, scope: str) -> set[str]:
    """Return the guarded steps on a cycle that only the reads of guards close."""
    edges = scope_edges(program, scope, "reads")
    stuck: set[str] = set()
    for group in cyclic_groups(edges):
        for path in group:
            step = program.steps[path]
            by_guard = set(step.reads) - set(step.data) - set(step.needs)
            if by_guard & group:
                stuck.add(path)
    return stuck
