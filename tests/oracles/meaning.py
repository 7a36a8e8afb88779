"""What becomes of a flow, written from the language page alone: sections 3 (Laziness) and 4.

It knows a flow as the text that a user writes, and shares nothing with the compiler's passes or the
shim: no plan, no guards made beforehand. Whether a step is needed, and what becomes of it, is asked
again and again until nothing new is known; what is not known yet is ``None``, with Kleene's logic.

Two things are told to it: which steps were *widened* (a note of the compiler), and what was seen of
a run. Of that it believes, where another step failed, that a step was held back by it: which came
first is a race. A widened step must lie on a cycle (:func:`on_cycles`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

EDGE_OUTCOMES = {
    "succeeded": "true", "defaulted": "true", "cached": "true",
    "skipped": "false", "not_needed": "none",
    "failed": "failed", "timed_out": "failed", "rejected": "failed", "upstream_failed": "failed",
    "not_started": "never ran", "stopped": "never ran",
}  # fmt: skip
"""What the edge behind a step of each outcome is."""

HAS_VALUE = {outcome for outcome, edge in EDGE_OUTCOMES.items() if edge == "true"}
HOLDS_BACK = {outcome for outcome, edge in EDGE_OUTCOMES.items() if edge == "failed"}
NEVER_RAN = {outcome for outcome, edge in EDGE_OUTCOMES.items() if edge == "never ran"}
FAILS = HOLDS_BACK - {"upstream_failed"}
OUTPUT = ""


class Unknown(Exception):
    """A value of a step that is not decided yet."""


class Absent(Exception):
    """A strict reference to a step without a value, which was not a failure."""


class Broken(Exception):
    """An evaluation that fails."""


Conditions = tuple[tuple[Any, str, bool], ...]
"""(value, what is wanted of it, whether it is inside a ``$coalesce``)"""


@dataclass(frozen=True)
class Use:
    """A step that a value names; ``conditions`` lead there."""

    step: str
    tolerant: bool
    conditions: Conditions = ()


def uses(value: Any, conditions: Conditions = (), tolerant: bool = False) -> Iterator[Use]:
    """Yield every step that ``value`` names; ``tolerant``: it is inside a ``$coalesce``."""
    if isinstance(value, list):
        for member in value:
            yield from uses(member, conditions, tolerant)
    elif not isinstance(value, dict):
        return
    elif "$step" in value:
        yield Use(value["$step"], tolerant or "onSkip" in value, conditions)
        yield from uses(value.get("onSkip"), conditions, tolerant)
    elif "$if" in value:
        condition = value["$if"]
        yield from uses(condition, conditions, tolerant)
        then, otherwise = (condition, "true", tolerant), (condition, "not true", tolerant)
        yield from uses(value.get("then"), (*conditions, then), tolerant)
        yield from uses(value.get("else"), (*conditions, otherwise), tolerant)
    elif "$coalesce" in value:
        for member in value["$coalesce"]:
            yield from uses(member, conditions, tolerant=True)
            conditions = (*conditions, (member, "null", True))
    elif "$expr" in value:
        for use in expression_uses(value["$expr"]):
            yield Use(use.step, use.tolerant, conditions)
    elif "$input" not in value:
        for member in value.values():
            yield from uses(member, conditions, tolerant)


def expression_uses(text: str) -> Iterator[Use]:
    """Yield the steps of an expression; ``has(steps.x)`` is tolerant, ``steps.x`` strict."""
    for has, step in re.findall(r"(has\()?steps\.(\w+)", text):
        yield Use(step, bool(has))


@dataclass
class Meaning:
    """The outcomes and the result of one run."""

    flow: dict[str, Any]
    given: dict[str, Any]
    widened: frozenset[str] = frozenset()
    seen: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.steps = {step["id"]: step for step in self.flow["steps"]}
        self.consumers: dict[str, list[tuple[str, Use]]] = {name: [] for name in self.steps}
        for reader in self.steps:
            for use in self.demands(reader):
                self.consumers[use.step].append((reader, use))
        for use in uses(self.flow.get("output")):
            self.consumers[use.step].append((OUTPUT, use))
        while sum(self._advance(name) for name in self.steps if name not in self.outcomes):
            pass  # until nothing new is known
        undecided = set(self.steps) - set(self.outcomes)
        assert not undecided, f"{sorted(undecided)} wait for themselves: not widened"

    def edges(self, name: str) -> list[Use]:
        """What the step's values and ``needs`` name: its edges."""
        step = self.steps[name]
        found = list(uses(step.get("input")))
        if "when" in step:
            found += expression_uses(step["when"])
        return found + [Use(other, False) for other in step.get("needs", ())]

    def demands(self, name: str) -> list[Use]:
        """What must be known before the step can be decided, and is needed if it is."""
        default = self.steps[name].get("onError", {}).get("defaultValue")
        return self.edges(name) + list(uses(default))

    # Laziness

    def needed(self, name: str) -> bool | None:
        """Whether anybody needs the step; None: not known yet."""
        readers = self.consumers[name]
        if not readers or name in self.widened:
            return True
        answers = [self._demanded(reader, use) for reader, use in readers]
        return True if True in answers else None if None in answers else False

    def _demanded(self, reader: str, use: Use) -> bool | None:
        needed = True if reader == OUTPUT else self.needed(reader)
        answers = [needed, *(self.condition(*c) for c in use.conditions)]
        return False if False in answers else None if None in answers else True

    def condition(self, value: Any, wanted: str, tolerant: bool) -> bool | None:
        """Whether a condition holds; one that fails does not."""
        try:
            found = self.evaluate(value, tolerant)
        except Unknown:
            return None
        except Absent:
            return False
        except Broken:
            return wanted == "not true"
        if wanted == "null":
            return found is None
        return (found is not None and found is not False) == (wanted == "true")

    # Outcomes

    def _advance(self, name: str) -> bool:
        """Decide the step if it can be; whether it was."""
        needed = self.needed(name)
        if needed is False:
            self.outcomes[name] = "not_needed"
        if needed is not True:
            return needed is False
        waits = {use.step for use in self.demands(name)}
        if not waits <= set(self.outcomes):
            return False
        self.outcomes[name] = self._decided(name, {self.outcomes[other] for other in waits})
        return True

    def guards(self, name: str) -> set[str]:
        """The steps that tell whether the step is needed."""
        found: set[str] = set()
        reached: set[str] = set()
        stack = [name]
        while stack:
            here = stack.pop()
            if here in reached or here == OUTPUT or here in self.widened or self.surely(here):
                continue
            reached.add(here)
            for reader, use in self.consumers[here]:
                found |= {u.step for value, *_ in use.conditions for u in uses(value)}
                stack.append(reader)
        return found

    def surely(self, name: str, seen: frozenset[str] = frozenset()) -> bool:
        """Whether the step is needed whatever the conditions."""
        readers = self.consumers[name]
        return not readers or any(
            not use.conditions and (reader == OUTPUT or self.surely(reader, seen | {name}))
            for reader, use in readers
            if reader not in seen
        )

    def _decided(self, name: str, others: set[str]) -> str:
        if others & HOLDS_BACK:
            return "upstream_failed"
        seen = self.seen.get(name, "")
        held_back = any(self.seen.get(other) in HOLDS_BACK for other in self.guards(name))
        if seen == "upstream_failed" and held_back:
            return seen  # it waited for what tells whether it is needed, though that was sure
        if others & NEVER_RAN:
            return "not_started"
        if any(self.outcomes.get(other) in FAILS for other in self._before(name)):
            return "not_started"
        failed = {other for other, found in self.seen.items() if found in FAILS} - {name}
        if seen == "not_started" and failed:
            return seen  # a failure beside it came first, or not: both are right
        return self._entered(name)

    def _before(self, name: str) -> set[str]:
        found: set[str] = set()
        stack = [name]
        while stack:
            here = stack.pop()
            for use in self.demands(here):
                if use.step not in found:
                    found.add(use.step)
                    stack.append(use.step)
        return found

    def _entered(self, name: str) -> str:
        step = self.steps[name]
        if not self.joined(name):
            return "skipped"
        try:
            if "when" in step:
                holds = self.evaluate({"$expr": step["when"]})
                if not isinstance(holds, bool):
                    raise Broken
                if not holds:
                    return "skipped"
            value = self.evaluate(step.get("input"))
            if step["component"] == FAILING:
                raise Broken
        except Absent:
            return "skipped"
        except Broken:
            return self._failed(name)
        self.values[name] = value
        return "succeeded"

    def joined(self, name: str) -> bool:
        """Whether the edges that are reached let the step run."""
        edges = []
        for use in self.edges(name):
            if all(self.condition(*c) for c in use.conditions):
                has_value = self.outcomes[use.step] in HAS_VALUE
                edges.append((has_value, use.tolerant))
        if self.steps[name].get("join", "all") == "any":
            return any(true for true, _ in edges) or not self.edges(name)
        return all(true or tolerant for true, tolerant in edges)

    def _failed(self, name: str) -> str:
        handler = self.steps[name].get("onError", {})
        if handler.get("action") != "useDefault":
            return "failed"
        try:
            self.values[name] = self.evaluate(handler.get("defaultValue"))
        except (Absent, Broken):
            return "failed"
        return "defaulted"

    def result(self) -> tuple[str, Any]:
        """The run's outcome and its output."""
        if FAILS & set(self.outcomes.values()):
            return "failed", None
        try:
            return "succeeded", self.evaluate(self.flow.get("output"))
        except Broken:
            return "failed", None

    # Values

    def evaluate(self, value: Any, tolerant: bool = False) -> Any:
        """The JSON that ``value`` is by what is decided so far; ``tolerant``: in ``$coalesce``."""
        if isinstance(value, list):
            return [self.evaluate(member, tolerant) for member in value]
        if not isinstance(value, dict):
            return value
        if "$step" in value:
            try:
                return self.output_of(value["$step"])
            except Absent:
                if "onSkip" not in value and not tolerant:
                    raise
                return self.evaluate(value.get("onSkip"), tolerant)
        if "$input" in value:
            if value["$input"] not in self.given:
                raise Broken
            return self.given[value["$input"]]
        if "$if" in value:
            branch = "then" if self._true(value["$if"], tolerant) else "else"
            return self.evaluate(value.get(branch), tolerant)
        if "$coalesce" in value:
            members = (self.evaluate(member, tolerant=True) for member in value["$coalesce"])
            return next((found for found in members if found is not None), None)
        if "$expr" in value:
            return self._expression(value["$expr"])
        return {key: self.evaluate(member, tolerant) for key, member in value.items()}

    def output_of(self, name: str) -> Any:
        """The output of a step that has one."""
        if name not in self.outcomes:
            raise Unknown
        if self.outcomes[name] in HAS_VALUE:
            return self.values[name]
        raise Absent if self.outcomes[name] in ("skipped", "not_needed") else Broken

    def _true(self, condition: Any, tolerant: bool) -> bool:
        try:
            found = self.evaluate(condition, tolerant)
        except Broken:
            return False
        return found is not None and found is not False

    def _expression(self, text: str) -> Any:
        """Only what the random flows write: comparisons and ``has``, joined by ``&&``."""
        both = text.split(" && ")
        if len(both) == 2:
            return self._both(*both)
        if has := re.fullmatch(r"(!?)has\(steps\.(\w+)\)", text):
            try:
                self.output_of(has[2])
            except Absent:
                return bool(has[1])
            return not has[1]
        compared = re.fullmatch(r"(steps|input)\.(\w+) > (\d+)", text)
        assert compared is not None, text
        if compared[1] == "input":
            found = self.evaluate({"$input": compared[2]})
        else:
            found = self.output_of(compared[2])
        if not isinstance(found, int) or isinstance(found, bool):
            raise Broken
        return found > int(compared[3])

    def _both(self, one: str, other: str) -> bool:
        """CEL's ``&&``: what is false on one side makes good a failure on the other."""
        try:
            return self._expression(one) and self._expression(other)
        except Broken:
            if self._expression(other) is False:
                return False
            raise


FAILING = "/mock/greet"
"""A component that fails (with the input that the random flows give it)."""


def on_cycles(meaning: Meaning) -> set[str]:
    """Return the steps that would wait for themselves if whether they are needed were asked."""
    plain = Meaning.__new__(Meaning)
    plain.steps, plain.consumers, plain.widened = meaning.steps, meaning.consumers, frozenset()
    after = {
        name: {use.step for use in plain.demands(name)} | plain.guards(name) for name in plain.steps
    }
    found = set()
    for name in after:
        reached: set[str] = set()
        stack = list(after[name])
        while stack:
            here = stack.pop()
            if here not in reached:
                reached.add(here)
                stack.extend(after[here])
        if name in reached:
            found.add(name)
    return found
