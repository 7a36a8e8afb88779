"""The state machine: a tree of units per scope becomes states, branches and maps.

What every state is for:

* A unit's task runs the shim. Its failures are committed by the shim and are no errors here; what
  Retry and Catch see is a shim that died.
* Whoever died is *settled* at once by a ``decide`` task with the engine's own words, and the
  machine goes on to the same next state: no reader finds an undecided step (engine rule 2), and
  steps that follow look into the store and end quickly (rule 3).
* ``ask`` comes before a unit that is too dear to be started only to look. No answer means: start.
* ``finish`` settles what is left, computes the output and says how the run ended.

Between states there is next to no data: ``$.input`` (the run's input, until it is in the store),
``$.scope`` and how the run is called inside of maps, the last verdict.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowc.ir.layout import LoopFacts, Unit, close_id
from flowc_shim.contract.plan import ROOT

from flowc_targets.step_functions import loops
from flowc_targets.step_functions.compute import BATCH, Compute
from flowc_targets.step_functions.graph import shape_of
from flowc_targets.step_functions.names import Names
from flowc_targets.step_functions.series_parallel import One, Seq, Tree
from flowc_targets.step_functions.states import (
    CONTRACT,
    ERROR,
    HELPER_RETRY,
    ROOT_PLACE,
    THROTTLED,
    VERDICT,
    Place,
    State,
    batch_task,
    catch,
    choice,
    command,
    lambda_task,
    payload,
    unit_retry,
    when,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.target import Compilation

BOOT_SECONDS = 300
"""What a Batch container may take before the shim counts: pulling the image, starting Python."""


@dataclass(slots=True)
class Frame:
    """The states of one machine: the whole one, a branch, or the body of a map.

    ``end``: name of its Succeed state, which is made only if something needs a state to go to (the
    whole machine, which ends in ``finish``, has no use for one).
    """

    end: str = ""
    states: dict[str, State] = field(default_factory=dict)
    ends: bool = False

    def target(self, following: str | None) -> str:
        """Return the state to go to: ``following``, or the end of this machine."""
        if following is not None:
            return following
        self.ends = True
        return self.end

    def add(self, name: str, state: State, following: str | None) -> None:
        """Add a state that goes on to ``following``; with None it ends this machine, giving {}."""
        if following is not None:
            state["Next"] = following
        else:
            # Outputs of branches and iterations are collected before they are dropped.
            state |= {"OutputPath": None, "End": True}
        self.states[name] = state

    def machine(self, start: str) -> State:
        """Return the finished machine."""
        if self.ends:
            self.states[self.end] = {"Type": "Succeed", "OutputPath": None}
        return {"StartAt": start, "States": self.states}


class Builder:
    """Builds the machine of one compilation. ``bounds``: most items of a loop of unknown size."""

    def __init__(self, compilation: Compilation, bounds: Mapping[str, int]) -> None:
        self.layout = compilation.layout
        self.compute = Compute.of(compilation)
        self.plan = compilation.plan.digest
        self.comment = f"{compilation.name}, plan {self.plan[:12]}; generated: edit the flow"
        self.store = compilation.placement.stack.state_store
        self.bounds = bounds
        self.opens = {facts.open: facts for facts in self.layout.loops.values()}
        self.shapes = {scope: shape_of(self.layout, scope) for scope in self.layout.scopes}
        self.names = Names([*self.layout.units, *self.layout.loops])
        root = [self.layout.units[unit] for unit in self.layout.scopes[ROOT]]
        self.begins = any(
            not unit.after and self.compute.kind(unit) == BATCH for unit in root
        )

    # the whole

    def build(self) -> State:
        """Return the definition."""
        frame = Frame()
        tree = self.shapes[ROOT].tree
        finish = self.names.named("finish", "finish")
        start = self._start(frame, finish if tree is None else self.entry(tree))
        if tree is not None:
            self.tree(frame, tree, ROOT_PLACE, finish)
        self._finish(frame, finish)
        return {"Comment": self.comment, **frame.machine(start)}

    def _start(self, frame: Frame, first: str) -> str:
        """Add the states before the first unit: an input, in the store if a job needs it there."""
        if self.begins:
            # The overrides of a Batch job end at 8,192 characters, so the input goes another way.
            event = payload(self.plan, ROOT_PLACE, "decide", None, input_path="$.input")
            begin = self.names.named("begin", "begin")
            task = self._helper(event)
            task["Catch"] = catch(self.names.named("finish", "finish"))
            frame.add(begin, task, first)
            first = begin
        start = self.names.named("input given?", "input given?")
        absent = self.names.named("no input", "no input")
        frame.states[start] = choice(
            [{"Variable": "$.input", "IsPresent": True, "Next": first}], absent
        )
        # A path that leads nowhere fails the run before anything could catch it.
        frame.add(absent, {"Type": "Pass", "Parameters": {"input": None}}, first)
        return start

    def _finish(self, frame: Frame, name: str) -> None:
        outcome, succeeded, failed, lost = (
            self.names.named(text, text)
            for text in ("outcome", "succeeded", "failed", "finish failed")
        )
        event = payload(self.plan, ROOT_PLACE, "finish", None, input_path="$.input")
        task = self._helper(event, answers=True)
        task["Catch"] = catch(lost)
        frame.add(name, task, outcome)
        status = f"{VERDICT}.status"
        frame.states[outcome] = choice(
            [when([{"Variable": status, "StringEquals": "done"}], succeeded)], failed
        )
        frame.states[succeeded] = {"Type": "Succeed", "OutputPath": VERDICT}
        frame.states[failed] = {
            "Type": "Fail",
            "Error": "Flowc.RunFailed",
            "Cause": "a step failed; the state store's end record of this run says which and why",
        }
        frame.states[lost] = {
            "Type": "Fail",
            "Error": "Flowc.NotFinished",
            "Cause": "the run could not be ended: its state store has no end record",
        }

    # trees

    def entry(self, tree: Tree) -> str:
        """Return the name of the first state of ``tree``."""
        while isinstance(tree, Seq):
            tree = tree.parts[0]
        if not isinstance(tree, One):
            return self._parallel_name(tree)
        unit = self.layout.units[tree.id]
        return self.names.helper(unit.id, "ask") if self.asks(unit) else self.names.unit(unit.id)

    def _parallel_name(self, tree: Tree) -> str:
        firsts = [_first(part) for part in tree.parts] if not isinstance(tree, One) else []
        shown = " | ".join(firsts[:2]) + (f" | +{len(firsts) - 2}" if len(firsts) > 2 else "")
        return self.names.named(shown, f"parallel\n{'|'.join(firsts)}\n{_size(tree)}")

    def tree(self, frame: Frame, tree: Tree, place: Place, following: str | None) -> None:
        """Add the states of ``tree``, which go on to ``following``."""
        if isinstance(tree, One):
            self.unit(frame, self.layout.units[tree.id], place, following)
        elif isinstance(tree, Seq):
            entries = [*map(self.entry, tree.parts[1:]), following]
            for part, then in zip(tree.parts, entries, strict=True):
                self.tree(frame, part, place, then)
        else:
            name = self._parallel_name(tree)
            branches = []
            for number, part in enumerate(tree.parts):
                end = self.names.named(f"end of {_first(part)}", f"end\n{name}\n{number}")
                inner = Frame(end)
                self.tree(inner, part, place, None)
                branches.append(inner.machine(self.entry(part)))
            state: State = {"Type": "Parallel", "Branches": branches, "ResultPath": None}
            # Nothing inside is left uncaught; what happens all the same must not skip `finish`.
            state["Catch"] = catch(frame.target(following))
            frame.add(name, state, following)

    # units

    def unit(self, frame: Frame, unit: Unit, place: Place, following: str | None) -> None:
        """Add the states of one unit, or of one whole loop."""
        if unit.kind == "open":
            loops.add_loop(self, frame, self.opens[unit.id], place, following)
            return
        if self.asks(unit):
            self._ask(frame, unit, place, following)
        if self.compute.kind(unit) == BATCH:
            self._batch(frame, unit, place, following)
            return
        self.lambda_unit(frame, unit, place, following)

    def asks(self, unit: Unit) -> bool:
        """Whether a light task says first whether ``unit`` should start (engine rule 1).

        Batch jobs take minutes to start, so even a job that nothing but a failure before it could
        keep from running is asked about.
        """
        if self.compute.kind(unit) == BATCH:
            return unit.may_not_start or bool(unit.after) or unit.scope != ROOT
        return unit.heavy and unit.may_not_start

    def lambda_unit(
        self,
        frame: Frame,
        unit: Unit,
        place: Place,
        following: str | None,
        *,
        after_death: str | None = None,
        answers: bool = False,
    ) -> None:
        """Add a unit that a function runs; ``after_death``: where to go on once it is settled."""
        event = payload(self.plan, place, "run-unit", unit.id, **self._input(unit, place))
        function = f"{self.compute.function(unit).name}:{self.compute.alias}"
        retry = unit_retry(unit.retry) if unit.kind == "steps" else self._helper_retry()
        task = lambda_task(function, event, retry, answers=answers)
        settle = self.names.helper(unit.id, "settle")
        task["Catch"] = catch(settle)
        frame.add(self.names.unit(unit.id), task, following)
        onward = after_death or following
        dead = self._settle(unit, place)
        dead["Catch"] = catch(frame.target(onward))
        frame.add(settle, dead, onward)

    def _settle(self, unit: Unit, place: Place, *, answers: bool = False) -> State:
        died = {f"{unit.id}.$": ERROR}
        event = payload(
            self.plan, place, "decide", None, settle=died, **self._input(unit, place)
        )
        return self._helper(event, answers=answers)

    def _ask(self, frame: Frame, unit: Unit, place: Place, following: str | None) -> None:
        start = self.names.unit(unit.id)
        go = self.names.helper(unit.id, "go?")
        event = payload(self.plan, place, "decide", unit.id, **self._input(unit, place))
        task = self._helper(event, answers=True)
        task["Catch"] = catch(start)
        frame.add(self.names.helper(unit.id, "ask"), task, go)
        no = {"Variable": f"{VERDICT}.go", "BooleanEquals": False}
        frame.states[go] = choice([when([no], frame.target(following))], start)

    def _batch(self, frame: Frame, unit: Unit, place: Place, following: str | None) -> None:
        """Add a unit that a Batch job runs.

        Every failure of a job is ``States.TaskFailed``, and ``.sync`` gives no answer, so that
        whether another attempt is due is asked of the shim's own records.
        """
        start, again, wait, settle = (
            self.names.unit(unit.id),
            *(self.names.helper(unit.id, what) for what in ("again?", "wait", "settle")),
        )
        line = command(
            ["flowc-shim", "run-unit", "--plan", self.plan, "--unit", unit.id], place
        )
        seconds = None if unit.time_bound is None else unit.time_bound + BOOT_SECONDS
        job = self.compute.job(unit)
        task = batch_task(job, _job_name(self.compute.base, unit.id), line, place, seconds)
        task["Catch"] = catch(settle)
        frame.add(start, task, following)
        dead = self._settle(unit, place, answers=True)
        dead["Catch"] = catch(frame.target(following))
        frame.add(settle, dead, again)
        due: list[State] = [
            {"Variable": f"{VERDICT}.status", "StringEquals": "retry"},
            {"Variable": f"{VERDICT}.retry_wait", "NumericGreaterThanEquals": 0},
        ]
        frame.states[again] = choice([when(due, wait)], frame.target(following))
        frame.add(wait, {"Type": "Wait", "SecondsPath": f"{VERDICT}.retry_wait"}, start)

    def _input(self, unit: Unit, place: Place) -> dict[str, str]:
        """Return the run's input for the event of a root unit: whichever comes first stores it."""
        if place.is_root and not unit.after and not self.begins:
            return {"input_path": "$.input"}
        return {}

    def _helper(self, event: State, *, answers: bool = False) -> State:
        function = f"{self.compute.decide.name}:{self.compute.alias}"
        return lambda_task(function, event, self._helper_retry(), answers=answers)

    @staticmethod
    def _helper_retry() -> list[State]:
        return [CONTRACT, THROTTLED, HELPER_RETRY]

    # loops ask for these

    def body(self, facts: LoopFacts, place: Place) -> State:
        """Return the machine of one item of a loop."""
        tree = self.shapes[facts.path].tree
        if tree is None:
            raise ValueError(f"loop {facts.path} has no units")
        frame = Frame(self.names.named(f"end of {facts.path}", f"end\nloop\n{facts.path}"))
        self.tree(frame, tree, place, None)
        return frame.machine(self.entry(tree))

    def close_of(self, facts: LoopFacts) -> Unit:
        """Return the unit that collects a loop."""
        return self.layout.units[close_id(facts.path)]


def _first(tree: Tree) -> str:
    while not isinstance(tree, One):
        tree = tree.parts[0]
    return tree.id.removesuffix(":open")


def _size(tree: Tree) -> int:
    count, stack = 0, [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, One):
            count += 1
        else:
            stack.extend(node.parts)
    return count


def _job_name(base: str, unit: str) -> str:
    """Return a job name for people: letters, digits, hyphens, underscores; at most 128."""
    text = "".join(char if char.isascii() and char.isalnum() else "-" for char in unit)
    return f"{base}-{text}"[:128].rstrip("-")
