"""What asl-validator and the interpreters let pass: flowc's own check of a state machine.

Each rule stands for a way in which a machine is accepted by every tool and then fails, or does the
wrong thing, in a run. The definition is taken to be JSONPath ASL, which is all that flowc emits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from flowc_targets.step_functions.history_events import (
    HISTORY_LIMIT,
    UnknownBoundError,
    estimate_events,
    is_distributed,
    item_processor,
    targets,
)

__all__ = ["DefinitionProblem", "check_definition", "estimate_events"]

MAX_DEFINITION_BYTES: Final = 1_048_576
"""CreateStateMachine refuses a longer definition."""

MAX_INPUT_BYTES: Final = 262_144
"""The most that an execution, state or task may get or give, as UTF-8 text."""

MAX_NAME_LENGTH: Final = 80
"""Characters of a state's name, after which CreateStateMachine refuses it."""

MAX_INLINE_CONCURRENCY: Final = 40
"""Iterations that an inline Map runs at once; a larger MaxConcurrency is not kept."""

MIN_BATCH_SECONDS: Final = 60
"""The shortest timeout of a Batch attempt; a shorter one of the state ends before the job can."""

_POSITION: Final = re.compile(r"(?<!\$)\$\[")
_NESTED: Final = ("Branches", "ItemProcessor", "Iterator", "States")


@dataclass(frozen=True)
class DefinitionProblem:
    """One thing that is wrong, and its place as a JSON pointer into the definition."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path or '/'}: {self.message}"


@dataclass(frozen=True)
class _Machine:
    """A StartAt with its States: the whole definition, a branch, or a map's processor."""

    path: str
    start: Any
    states: Mapping[str, Any]
    inside_map: bool


def check_definition(
    definition: Mapping[str, Any],
    *,
    serialised: str | None = None,
    input_size: int | None = None,
    map_sizes: Mapping[str, int] | None = None,
    loop_turns: Mapping[str, int] | None = None,
) -> list[DefinitionProblem]:
    """Return everything that is wrong with the definition; [] when it may be emitted.

    `serialised` is the text as emitted, for its size (without it: JSON with an indent of 2), and
    `input_size` the bytes of the input that executions get. With `map_sizes` (the items of each
    inline Map, by state name) the history events are estimated too; see `estimate_events`.
    """
    problems = list(_sizes(definition, serialised, input_size))
    if definition.get("QueryLanguage", "JSONPath") != "JSONPath":
        problems.append(DefinitionProblem("/QueryLanguage", "flowc emits JSONPath only"))
    first_use: dict[str, str] = {}
    machines = list(_machines(definition, "", inside_map=False))
    for machine in machines:
        problems += _machine_problems(machine)
        for name, state in machine.states.items():
            path = f"{machine.path}/States/{_escaped(name)}"
            if name in first_use:
                message = f"the name is already used at {first_use[name]}"
                problems.append(DefinitionProblem(path, message))
            first_use.setdefault(name, path)
            problems += _state_problems(name, state, path, machine)
    if map_sizes is not None and not problems:
        problems += _history_problems(definition, machines, map_sizes, loop_turns)
    return problems


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _machines(machine: Any, path: str, *, inside_map: bool) -> Iterator[_Machine]:
    states = machine.get("States") if isinstance(machine, Mapping) else None
    if not isinstance(states, Mapping):
        yield _Machine(path, None, {}, inside_map)
        return
    yield _Machine(path, machine.get("StartAt"), states, inside_map)
    for name, state in states.items():
        here = f"{path}/States/{_escaped(name)}"
        for index, branch in enumerate(state.get("Branches") or []):
            yield from _machines(branch, f"{here}/Branches/{index}", inside_map=inside_map)
        if state.get("Type") == "Map":
            field = "Iterator" if "Iterator" in state else "ItemProcessor"
            yield from _machines(item_processor(state), f"{here}/{field}", inside_map=True)


def _sizes(
    definition: Mapping[str, Any], serialised: str | None, input_size: int | None
) -> Iterator[DefinitionProblem]:
    text = serialised or json.dumps(definition, indent=2, ensure_ascii=False)
    size = len(text.encode())
    if size > MAX_DEFINITION_BYTES:
        yield DefinitionProblem("", f"has {size} bytes, more than {MAX_DEFINITION_BYTES}")
    if input_size is not None and input_size > MAX_INPUT_BYTES:
        yield DefinitionProblem("", f"the input has {input_size} bytes of {MAX_INPUT_BYTES}")


def _machine_problems(machine: _Machine) -> Iterator[DefinitionProblem]:
    if machine.start not in machine.states:
        yield DefinitionProblem(f"{machine.path}/StartAt", f"no state {machine.start!r} here")
        return
    reached = {machine.start}
    waiting = [machine.start]
    while waiting:
        for _, target in targets(machine.states[waiting.pop()]):
            if target in machine.states and target not in reached:
                reached.add(target)
                waiting.append(target)
    for name in machine.states:
        if name not in reached:
            path = f"{machine.path}/States/{_escaped(name)}"
            yield DefinitionProblem(path, "no transition leads here")


def _state_problems(
    name: str, state: Mapping[str, Any], path: str, machine: _Machine
) -> Iterator[DefinitionProblem]:
    if len(name) > MAX_NAME_LENGTH:
        message = f"the name has {len(name)} characters, more than {MAX_NAME_LENGTH}"
        yield DefinitionProblem(path, message)
    for where, target in targets(state):
        if target not in machine.states:
            yield DefinitionProblem(path + where, f"no state {target!r} here")
    kind = state.get("Type")
    final = kind in ("Succeed", "Fail")
    if kind != "Choice" and not final and ("Next" in state) == (state.get("End") is True):
        yield DefinitionProblem(path, "needs either Next or End")
    yield from _catch_all_problems(state, path)
    yield from _position_problems(state, path)
    if kind in ("Parallel", "Map") and state.get("ResultPath", "$") is not None:
        message = 'needs "ResultPath": null, its output grows with its branches or items'
        yield DefinitionProblem(path, message)
    if kind == "Choice":
        yield from _choice_problems(state, path)
    if kind == "Map":
        yield from _map_problems(state, path, machine)
    if kind == "Task":
        yield from _task_problems(state, path)


def _catch_all_problems(state: Mapping[str, Any], path: str) -> Iterator[DefinitionProblem]:
    for field in ("Retry", "Catch"):
        entries = state.get(field) or []
        for index, entry in enumerate(entries):
            names = entry.get("ErrorEquals") or []
            if not names:
                yield DefinitionProblem(f"{path}/{field}/{index}", "ErrorEquals is empty")
            if "States.ALL" in names and len(names) > 1:
                yield DefinitionProblem(f"{path}/{field}/{index}", "States.ALL must stand alone")
            if "States.ALL" in names and index < len(entries) - 1:
                yield DefinitionProblem(f"{path}/{field}/{index}", "States.ALL must come last")


def _position_problems(node: Any, path: str, key: str = "") -> Iterator[DefinitionProblem]:
    """Find `$[i]`: outputs are picked by name, since a position shifts when a branch is added."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            if name not in _NESTED:
                yield from _position_problems(value, f"{path}/{_escaped(name)}", name)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _position_problems(value, f"{path}/{index}", key)
    elif key.endswith((".$", "Path", "Variable")) and _POSITION.search(str(node)):
        yield DefinitionProblem(path, f"{node} picks by position")


def _choice_problems(state: Mapping[str, Any], path: str) -> Iterator[DefinitionProblem]:
    """Check that a missing variable is found by IsPresent, before a test of it fails the run."""
    if "Default" not in state:
        yield DefinitionProblem(path, "needs Default, States.NoChoiceMatched cannot be caught")
    present: frozenset[str] = frozenset()
    for index, rule in enumerate(state.get("Choices") or []):
        yield from _unguarded(rule, present, f"{path}/Choices/{index}")
        present |= _present(rule, when=False)


def _unguarded(
    rule: Mapping[str, Any], present: frozenset[str], path: str
) -> Iterator[DefinitionProblem]:
    for combiner in ("And", "Or"):
        known = present
        for index, part in enumerate(rule.get(combiner) or []):
            yield from _unguarded(part, known, f"{path}/{combiner}/{index}")
            # The next part is looked at only if And's part was true, Or's false.
            known |= _present(part, when=combiner == "And")
    if "Not" in rule:
        yield from _unguarded(rule["Not"], present, f"{path}/Not")
    if "Variable" not in rule or "IsPresent" in rule:
        return
    read = [rule["Variable"]]
    read += [value for key, value in rule.items() if key.endswith("Path")]
    for variable in read:
        certain = variable == "$" or variable.startswith("$$")
        if not certain and not any(_implies(known, variable) for known in present):
            message = f"{variable} is tested before IsPresent has told that it is there"
            yield DefinitionProblem(path, message)


def _present(rule: Mapping[str, Any], *, when: bool) -> frozenset[str]:
    """Return the variables that are certainly there when the rule gave `when`."""
    if rule.get("IsPresent") is when and "Variable" in rule:
        return frozenset([rule["Variable"]])
    if "Not" in rule:
        return _present(rule["Not"], when=not when)
    for combiner, all_when in (("And", True), ("Or", False)):
        if combiner in rule:
            parts = [_present(part, when=when) for part in rule[combiner]]
            if not parts:
                return frozenset()
            joined = frozenset.union if when is all_when else frozenset.intersection
            return joined(*parts)
    return frozenset()


def _implies(known: str, variable: str) -> bool:
    return known == variable or known.startswith((f"{variable}.", f"{variable}["))


def _map_problems(
    state: Mapping[str, Any], path: str, machine: _Machine
) -> Iterator[DefinitionProblem]:
    if is_distributed(state):
        if machine.inside_map:
            yield DefinitionProblem(path, "only the outermost Map of a nest may be DISTRIBUTED")
    else:
        concurrency = state.get("MaxConcurrency", 0)
        if isinstance(concurrency, int) and concurrency > MAX_INLINE_CONCURRENCY:
            message = f"an INLINE Map runs {MAX_INLINE_CONCURRENCY} at once, not {concurrency}"
            yield DefinitionProblem(f"{path}/MaxConcurrency", message)


def _task_problems(state: Mapping[str, Any], path: str) -> Iterator[DefinitionProblem]:
    resource = str(state.get("Resource", ""))
    parameters = state.get("Parameters") or {}
    if ":states:startExecution" in resource and not parameters.keys() & {"Name", "Name.$"}:
        message = "startExecution needs a Name, or a second try starts a second child"
        yield DefinitionProblem(f"{path}/Parameters", message)
    if ":batch:submitJob" not in resource:
        return
    if resource.endswith(".waitForTaskToken"):
        yield DefinitionProblem(f"{path}/Resource", "Batch has no .waitForTaskToken")
    seconds = state.get("TimeoutSeconds")
    if isinstance(seconds, int) and seconds < MIN_BATCH_SECONDS:
        message = f"{seconds} s is less than the {MIN_BATCH_SECONDS} s that Batch needs"
        yield DefinitionProblem(f"{path}/TimeoutSeconds", message)
    attempt = (parameters.get("Timeout") or {}).get("AttemptDurationSeconds")
    if isinstance(attempt, int) and attempt < MIN_BATCH_SECONDS:
        message = f"{attempt} s is less than the {MIN_BATCH_SECONDS} s that Batch needs"
        yield DefinitionProblem(f"{path}/Parameters/Timeout/AttemptDurationSeconds", message)


def _history_problems(
    definition: Mapping[str, Any],
    machines: list[_Machine],
    map_sizes: Mapping[str, int],
    loop_turns: Mapping[str, int] | None,
) -> Iterator[DefinitionProblem]:
    histories: list[tuple[str, Mapping[str, Any]]] = [("", definition)]
    for machine in machines:
        for name, state in machine.states.items():
            if state.get("Type") == "Map" and is_distributed(state):
                path = f"{machine.path}/States/{_escaped(name)}/ItemProcessor"
                histories.append((path, item_processor(state)))
    for path, machine_definition in histories:
        try:
            events = estimate_events(machine_definition, map_sizes, loop_turns)
        except UnknownBoundError as error:
            yield DefinitionProblem(path, f"the history events cannot be estimated: {error}")
            continue
        if events > HISTORY_LIMIT:
            message = f"an execution can write {events} history events, more than {HISTORY_LIMIT}"
            yield DefinitionProblem(path, message)
