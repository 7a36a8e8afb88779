"""A ``while``: open it, go through its passes one after the other, close it.

A pass is part of the execution as long as all passes together write few history events; then the
machine goes in a circle, which a Parallel of one branch keeps for itself, with its own ``$.scope``.
Otherwise the passes are cut into *chunks*, each an execution of its own (a distributed Map over one
item): no history gets too long, and the definition stays one. Between two chunks the unit that
opened the loop says whether, and with which pass, it goes on. How many passes there were is
counted by the shim; the machine only compares numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_shim.contract.scopes import is_outermost
from flowc_targets.step_functions.history_events import SIMPLE_STATE
from flowc_targets.step_functions.limits import CHUNK_EVENTS, INLINE_EVENTS, MOST_CHUNKS, MOST_TURNS
from flowc_targets.step_functions.states import RUN, VERDICT, State, catch, choice, when

if TYPE_CHECKING:
    from flowc.ir.layout import Unit, WhileFacts
    from flowc_targets.step_functions.machine import Builder, Frame

_GO = {"Variable": f"{VERDICT}.go", "BooleanEquals": True}
_NUMBER = f"{VERDICT}.count"


_CIRCLE_EVENTS = 2 * SIMPLE_STATE
"""Of the Choice and the Pass between two passes."""


def add_while(
    build: Builder, frame: Frame, facts: WhileFacts, scope: str, following: str | None
) -> None:
    """Add the states of a loop whose passes are the machine's."""
    names = build.names
    each, close = names.unit(facts.path), names.unit(facts.close)
    some = names.helper(facts.path, "any?")
    opening = build.layout.units[facts.open]
    build.lambda_unit(frame, opening, scope, some, after_death=close, answers=True)
    body, first = build.body(facts)
    events = build.events({"StartAt": first, "States": body.states}) + _CIRCLE_EVENTS
    chunk = passes_together(events, facts.passes)
    again = _circle(build, body, facts, scope, first, until=chunk < facts.passes)
    build.turns[again] = chunk
    if chunk == facts.passes:
        frame.states[some] = choice([when([_GO], each)], close)
        frame.add(each, _branch(body.machine(first), scope), close)
    else:
        build.children.setdefault(facts.path)
        take = names.helper(facts.path, "chunk")
        frame.states[some] = choice([when([_GO], take)], close)
        frame.add(take, _one_chunk(), each)
        frame.add(each, _child(body.machine(first), scope, chunk), names.unit(facts.open))
        build.turns[take] = -(-facts.passes // chunk) + 1
    frame.states[each]["Catch"] = catch(close)
    build.lambda_unit(frame, build.close_of(facts), scope, following)


def passes_together(events: int, passes: int) -> int:
    """Return how many passes of about ``events`` history events go into one execution."""
    if events * passes <= INLINE_EVENTS:
        return passes
    fit = max(1, CHUNK_EVENTS // events)
    return min(passes, max(fit, -(-passes // MOST_CHUNKS)))


def add_next(build: Builder, frame: Frame, unit: Unit, scope: str) -> None:
    """Add the task that ends a pass; where it goes is added with the circle."""
    again = build.names.helper(scope, "again?")
    # a task that died has answered nothing, and an older answer must not be taken for its own
    end = frame.target(None)
    build.lambda_unit(frame, unit, scope, again, after_death=end, answers=True)


def _circle(
    build: Builder, body: Frame, facts: WhileFacts, scope: str, first: str, *, until: bool
) -> str:
    """Close the circle from the end of a pass to the first state of the next; its Choice's name."""
    again, on = (build.names.helper(facts.path, what) for what in ("again?", "next pass"))
    tests = [_GO]
    if until:
        tests.append({"Variable": _NUMBER, "NumericLessThanPath": "$.until"})
    body.states[again] = choice([when(tests, on)], body.target(None))
    kept: State = {"run.$": RUN, "scope.$": _pass_scope(scope, "$.outer")}
    if not is_outermost(scope):
        kept["outer.$"] = "$.outer"
    if until:
        kept["until.$"] = "$.until"
    body.states[on] = {"Type": "Pass", "Parameters": kept, "Next": first}
    return again


def _pass_scope(scope: str, outer: str) -> str:
    """Return the intrinsic function that makes the scope of the pass that the verdict names."""
    if is_outermost(scope):
        return f"States.Format('{{}}', {_NUMBER})"
    return f"States.Format('{{}}/{{}}', {outer}, {_NUMBER})"


def _entering(scope: str) -> State:
    """Return what the first pass of a circle gets."""
    facts: State = {"run.$": RUN, "scope.$": _pass_scope(scope, "$.scope")}
    return facts if is_outermost(scope) else {**facts, "outer.$": "$.scope"}


def _branch(machine: State, scope: str) -> State:
    return {
        "Type": "Parallel",
        "Parameters": _entering(scope),
        "Branches": [machine],
        "ResultPath": None,
    }


def _one_chunk() -> State:
    return {
        "Type": "Pass",
        "Parameters": {"list.$": f"States.Array({_NUMBER})"},
        "ResultPath": "$.chunk",
    }


def _child(machine: State, scope: str, chunk: int) -> State:
    until = f"States.MathAdd({_NUMBER}, {chunk})"
    return {
        "Type": "Map",
        "ItemsPath": "$.chunk.list",
        "ItemSelector": {**_entering(scope), "until.$": until},
        "MaxConcurrency": 1,
        # A child that failed has not gone on: trying the same pass for ever helps nobody.
        "ToleratedFailurePercentage": 0.0,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            **machine,
        },
        "ResultPath": None,
    }


def add_turns(build: Builder, frame: Frame, unit: Unit, scope: str, following: str | None) -> None:
    """Add a loop that one function runs: invoked again as long as its time does not do."""
    more = build.names.helper(unit.id, "more?")
    name = build.names.unit(unit.id)
    end = frame.target(following)
    build.lambda_unit(frame, unit, scope, more, after_death=end, answers=True)
    frame.states[more] = choice([when([_GO], name)], end)
    build.turns[more] = min(build.passes[unit.id], MOST_TURNS)
