"""The plan: the immutable compiled flow that the shim reads.

A plan holds everything that decides a result and nothing about an engine. It is named by the
digest of its canonical JSON; the shim checks that digest before it trusts a plan.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flowc_shim.contract.policies import (
    DEFAULT_RETRY,
    FAIL,
    NO_TOLERANCE,
    Cache,
    OnError,
    Retry,
    Tolerance,
)
from flowc_shim.language import values as v
from flowc_shim.language.canonical import digest
from flowc_shim.language.decode import decode_value
from flowc_shim.language.encode import encode_value
from flowc_shim.language.forms import Spelling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_shim.contract.json_types import Json

PLAN_VERSION = 1
ROOT = ""
"""The path of the outermost scope."""

FINALLY = "finally"
"""The path of the scope of a flow's ``finally:`` steps; no loop of the run itself is called so."""


def is_outermost(scope: str) -> bool:
    """Whether the steps of ``scope`` are in no loop."""
    return scope in (ROOT, FINALLY)


def in_finally(scope: str) -> bool:
    """Whether ``scope`` is that of the ``finally:`` steps, or of a loop among them."""
    return scope == FINALLY or scope.startswith(f"{FINALLY}/")


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
    """A component call: ``timeout`` in seconds per attempt."""

    component: str
    candidates: tuple[Candidate, ...]
    input: v.Value
    timeout: float | None = None
    retry: Retry = DEFAULT_RETRY
    cache: Cache | None = None

    def values(self) -> tuple[v.Value, ...]:
        """Return the values whose references are the step's edges."""
        key = None if self.cache is None else self.cache.key
        return (self.input,) if key is None else (self.input, key)


@dataclass(frozen=True, slots=True)
class PlanFlow:
    """What makes a loop of one item a sub-flow: the item is ``{input, variables}``.

    ``variables``: the names of those whose values the item holds.
    """

    input_schema: Json = None
    output_schema: Json = None
    variables: tuple[str, ...] = ()


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

    ``has_value``/``has_default`` tell null from absent.
    """

    name: str
    value: Json = None
    has_value: bool = False
    default: Json = None
    has_default: bool = False
    secret: str | None = None
    env: str | None = None
    is_secret: bool = False


@dataclass(frozen=True)
class Plan:
    """A compiled flow. ``routes`` and ``classes`` serve flows that arrive as data at run time.

    ``timeout``: seconds of the whole run.
    """

    name: str
    steps: Mapping[str, PlanStep]
    units: Mapping[str, PlanUnit]
    output: v.Value
    variables: tuple[PlanVariable, ...] = ()
    classes: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    routes: Json = None
    input_schema: Json = None
    output_schema: Json = None
    step_schemas: Mapping[str, Json] = field(default_factory=dict)
    enforce_schemas: bool = True
    fail_fast: bool = False
    timeout: float | None = None
    output_may_skip: bool = False
    project: str = ""
    branch: str = ""

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 of the canonical JSON."""
        return digest(self.to_json())

    @property
    def has_finally(self) -> bool:
        """Whether something runs after everything."""
        return FINALLY in self.scope_steps

    @cached_property
    def scope_steps(self) -> dict[str, tuple[str, ...]]:
        """Return the step paths of each scope, in declared order."""
        found: dict[str, list[str]] = {ROOT: []}
        for path, step in self.steps.items():
            found.setdefault(step.scope, []).append(path)
        return {scope: tuple(paths) for scope, paths in found.items()}

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON; the same flow and stack give the same bytes."""
        return {
            "v": PLAN_VERSION,
            "name": self.name,
            "project": self.project,
            "branch": self.branch,
            "steps": {path: _step_to_json(step) for path, step in self.steps.items()},
            "order": list(self.steps),
            "units": {unit.id: _unit_to_json(unit) for unit in self.units.values()},
            "output": encode_value(self.output),
            "output_may_skip": self.output_may_skip,
            "variables": [_variable_to_json(variable) for variable in self.variables],
            "classes": {name: dict(config) for name, config in self.classes.items()},
            "routes": self.routes,
            "schemas": {
                "input": self.input_schema,
                "output": self.output_schema,
                "steps": dict(self.step_schemas),
                "enforce": self.enforce_schemas,
            },
            "fail_fast": self.fail_fast,
            **({} if self.timeout is None else {"timeout": self.timeout}),
        }

    @staticmethod
    def from_json(raw: dict[str, Any]) -> Plan:
        """Read back what :meth:`to_json` wrote; raises ValueError on another version."""
        if raw.get("v") != PLAN_VERSION:
            raise ValueError(f"plan version {raw.get('v')!r}, this shim reads {PLAN_VERSION}")
        return Plan(
            name=raw["name"],
            project=raw["project"],
            branch=raw["branch"],
            steps={path: _step_from_json(path, raw["steps"][path]) for path in raw["order"]},
            units={key: _unit_from_json(key, unit) for key, unit in raw["units"].items()},
            output=decode_value(raw["output"], Spelling.PLAN),
            output_may_skip=raw["output_may_skip"],
            variables=tuple(_variable_from_json(item) for item in raw["variables"]),
            classes=raw["classes"],
            routes=raw["routes"],
            input_schema=raw["schemas"]["input"],
            output_schema=raw["schemas"]["output"],
            step_schemas=raw["schemas"]["steps"],
            enforce_schemas=raw["schemas"]["enforce"],
            fail_fast=raw["fail_fast"],
            timeout=raw.get("timeout"),
        )


def _condition_to_json(condition: v.Condition) -> dict[str, Any]:
    return {"value": encode_value(condition.value), "test": condition.test}


def _condition_from_json(raw: dict[str, Any]) -> v.Condition:
    return v.Condition(decode_value(raw["value"], Spelling.PLAN), raw["test"])


def _step_to_json(step: PlanStep) -> dict[str, Any]:
    out: dict[str, Any] = {"scope": step.scope}
    if isinstance(step.body, PlanCall):
        out["call"] = _call_to_json(step.body)
    elif isinstance(step.body, PlanWhile):
        out["while"] = _while_to_json(step.body)
    else:
        out["loop"] = _loop_to_json(step.body)
    if step.reads:
        out["reads"] = list(step.reads)
    if step.needs:
        out["needs"] = list(step.needs)
    if step.when is not None:
        out["when"] = _condition_to_json(step.when)
    if step.join_any:
        out["join"] = "any"
    if step.guard is not None:
        out["guard"] = [[_condition_to_json(c) for c in clause] for clause in step.guard]
    if step.on_error.default is not None:
        out["on_error"] = {"default": encode_value(step.on_error.default)}
    elif step.on_error.skip:
        out["on_error"] = {"skip": True}
    return out


def _step_from_json(path: str, raw: dict[str, Any]) -> PlanStep:
    guard = raw.get("guard")
    return PlanStep(
        path=path,
        scope=raw["scope"],
        body=_body_from_json(raw),
        reads=tuple(raw.get("reads", ())),
        needs=tuple(raw.get("needs", ())),
        when=_condition_from_json(raw["when"]) if "when" in raw else None,
        join_any=raw.get("join") == "any",
        guard=None
        if guard is None
        else tuple(tuple(_condition_from_json(c) for c in clause) for clause in guard),
        on_error=_on_error_from_json(raw.get("on_error")),
    )


def _body_from_json(raw: dict[str, Any]) -> PlanCall | PlanLoop | PlanWhile:
    if "call" in raw:
        return _call_from_json(raw["call"])
    return _while_from_json(raw["while"]) if "while" in raw else _loop_from_json(raw["loop"])


def _on_error_from_json(raw: dict[str, Any] | None) -> OnError:
    if raw is None:
        return FAIL
    if raw.get("skip"):
        return OnError(skip=True)
    return OnError(decode_value(raw["default"], Spelling.PLAN))


def _call_to_json(call: PlanCall) -> dict[str, Any]:
    out: dict[str, Any] = {
        "component": call.component,
        "candidates": [
            {"class": c.component_class, "component": c.component}
            | ({"conditions": [list(pair) for pair in c.conditions]} if c.conditions else {})
            for c in call.candidates
        ],
        "input": encode_value(call.input),
    }
    if call.timeout is not None:
        out["timeout"] = call.timeout
    if call.retry != DEFAULT_RETRY:
        out["retry"] = call.retry.to_json()
    if call.cache is not None:
        out["cache"] = call.cache.to_json()
    return out


def _call_from_json(raw: dict[str, Any]) -> PlanCall:
    return PlanCall(
        component=raw["component"],
        candidates=tuple(
            Candidate(
                c["class"],
                c["component"],
                tuple((pair[0], pair[1]) for pair in c.get("conditions", ())),
            )
            for c in raw["candidates"]
        ),
        input=decode_value(raw["input"], Spelling.PLAN),
        timeout=raw.get("timeout"),
        retry=Retry.from_json(raw["retry"]) if "retry" in raw else DEFAULT_RETRY,
        cache=Cache.from_json(raw["cache"]) if "cache" in raw else None,
    )


def _loop_to_json(loop: PlanLoop) -> dict[str, Any]:
    out: dict[str, Any] = {"output": encode_value(loop.output)}
    if loop.items is not None:
        out["items"] = encode_value(loop.items)
    else:
        out["product"] = [[name, encode_value(value)] for name, value in loop.product]
    out["concurrency"] = loop.concurrency
    out["tolerance"] = loop.tolerance.to_json()
    out["max_items"] = loop.max_items
    if loop.records:
        out["collect"] = "records"
    if loop.flow is not None:
        schemas = {"input": loop.flow.input_schema, "output": loop.flow.output_schema}
        out["flow"] = {**schemas, "variables": list(loop.flow.variables)}
    if loop.lanes:
        out["lanes"] = loop.lanes
    return out


def _loop_from_json(raw: dict[str, Any]) -> PlanLoop:
    return PlanLoop(
        output=decode_value(raw["output"], Spelling.PLAN),
        items=decode_value(raw["items"], Spelling.PLAN) if "items" in raw else None,
        product=tuple(
            (name, decode_value(value, Spelling.PLAN)) for name, value in raw.get("product", ())
        ),
        concurrency=raw["concurrency"],
        tolerance=Tolerance.from_json(raw["tolerance"]),
        max_items=raw["max_items"],
        records=raw.get("collect") == "records",
        flow=_flow_from_json(raw["flow"]) if "flow" in raw else None,
        lanes=raw.get("lanes", 0),
    )


def _flow_from_json(raw: dict[str, Any]) -> PlanFlow:
    return PlanFlow(raw["input"], raw["output"], tuple(raw["variables"]))


def _while_to_json(loop: PlanWhile) -> dict[str, Any]:
    return {
        "state": encode_value(loop.state),
        "condition": _condition_to_json(loop.condition),
        "output": encode_value(loop.output),
        "max_iterations": loop.max_iterations,
        "on_limit": "stop" if loop.stop_at_limit else "fail",
    }


def _while_from_json(raw: dict[str, Any]) -> PlanWhile:
    return PlanWhile(
        state=decode_value(raw["state"], Spelling.PLAN),
        condition=_condition_from_json(raw["condition"]),
        output=decode_value(raw["output"], Spelling.PLAN),
        max_iterations=raw["max_iterations"],
        stop_at_limit=raw["on_limit"] == "stop",
    )


def _unit_to_json(unit: PlanUnit) -> dict[str, Any]:
    out: dict[str, Any] = {"kind": unit.kind, "scope": unit.scope}
    if unit.steps:
        out["steps"] = list(unit.steps)
    if unit.after:
        out["after"] = list(unit.after)
    if unit.inner:
        out["inner"] = list(unit.inner)
    return out


def _unit_from_json(key: str, raw: dict[str, Any]) -> PlanUnit:
    parts = (tuple(raw.get(part, ())) for part in ("steps", "after", "inner"))
    return PlanUnit(key, raw["kind"], raw["scope"], *parts)


def _variable_to_json(variable: PlanVariable) -> dict[str, Any]:
    out: dict[str, Any] = {"name": variable.name}
    if variable.has_value:
        out["value"] = variable.value
    if variable.has_default:
        out["default"] = variable.default
    for key in ("secret", "env"):
        if getattr(variable, key) is not None:
            out[key] = getattr(variable, key)
    if variable.is_secret:
        out["is_secret"] = True
    return out


def _variable_from_json(raw: dict[str, Any]) -> PlanVariable:
    return PlanVariable(
        name=raw["name"],
        value=raw.get("value"),
        has_value="value" in raw,
        default=raw.get("default"),
        has_default="default" in raw,
        secret=raw.get("secret"),
        env=raw.get("env"),
        is_secret=raw.get("is_secret", False),
    )
