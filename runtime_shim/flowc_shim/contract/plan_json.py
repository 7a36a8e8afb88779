"""Both directions of the JSON of what a plan consists of; keys of the default are left out."""

from __future__ import annotations

from typing import Any

from flowc_shim.contract.policies import (
    DEFAULT_RETRY,
    FAIL,
    Cache,
    OnError,
    Retry,
    Tolerance,
)
from flowc_shim.contract.steps import (
    Candidate,
    PlanCall,
    PlanFlow,
    PlanLoop,
    PlanStep,
    PlanUnit,
    PlanVariable,
    PlanWhile,
)
from flowc_shim.language import values as v
from flowc_shim.language.decode import decode_value
from flowc_shim.language.encode import encode_value
from flowc_shim.language.forms import Spelling


def _condition_to_json(condition: v.Condition) -> dict[str, Any]:
    return {"value": encode_value(condition.value), "test": condition.test}


def _condition_from_json(raw: dict[str, Any]) -> v.Condition:
    return v.Condition(decode_value(raw["value"], Spelling.PLAN), raw["test"])


def step_to_json(step: PlanStep) -> dict[str, Any]:
    """Return a step's JSON; its path is the key that it stands under."""
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


def step_from_json(path: str, raw: dict[str, Any]) -> PlanStep:
    """Read back what :func:`step_to_json` wrote."""
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
    if call.locations > 1:
        out["locations"] = call.locations
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
        locations=raw.get("locations", 1),
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
        if loop.flow.fail_fast:
            out["flow"]["fail_fast"] = True
        if loop.flow.timeout is not None:
            out["flow"]["timeout"] = loop.flow.timeout
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
    variables = tuple(raw["variables"])
    fail_fast, timeout = raw.get("fail_fast", False), raw.get("timeout")
    return PlanFlow(raw["input"], raw["output"], variables, fail_fast, timeout)


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


def unit_to_json(unit: PlanUnit) -> dict[str, Any]:
    """Return a unit's JSON; its id is the key that it stands under."""
    out: dict[str, Any] = {"kind": unit.kind, "scope": unit.scope}
    if unit.steps:
        out["steps"] = list(unit.steps)
    if unit.after:
        out["after"] = list(unit.after)
    if unit.inner:
        out["inner"] = list(unit.inner)
    return out


def unit_from_json(key: str, raw: dict[str, Any]) -> PlanUnit:
    """Read back what :func:`unit_to_json` wrote."""
    parts = (tuple(raw.get(part, ())) for part in ("steps", "after", "inner"))
    return PlanUnit(key, raw["kind"], raw["scope"], *parts)


def variable_to_json(variable: PlanVariable) -> dict[str, Any]:
    """Return a variable's JSON."""
    out: dict[str, Any] = {"name": variable.name}
    if variable.has_value:
        out["value"] = variable.value
    if variable.has_default:
        out["default"] = variable.default
    for key in ("secret", "env"):
        if getattr(variable, key) is not None:
            out[key] = getattr(variable, key)
    for key in ("is_secret", "given"):
        if getattr(variable, key):
            out[key] = True
    return out


def variable_from_json(raw: dict[str, Any]) -> PlanVariable:
    """Read back what :func:`variable_to_json` wrote."""
    return PlanVariable(
        name=raw["name"],
        value=raw.get("value"),
        has_value="value" in raw,
        default=raw.get("default"),
        has_default="default" in raw,
        secret=raw.get("secret"),
        env=raw.get("env"),
        is_secret=raw.get("is_secret", False),
        given=raw.get("given", False),
    )
