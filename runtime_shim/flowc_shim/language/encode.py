"""The plan's spelling of values; :mod:`flowc_shim.language.decode` reads it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_shim.language import values as v
from flowc_shim.language.paths import render_path

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json


def encode_value(value: v.Value) -> Json:
    """Return the plan's spelling of ``value``; decoding it gives an equal value."""

    if isinstance(value, v.Literal):
        return value.value if _needs_no_wrapping(value.value) else {"$literal": value.value}
    if isinstance(value, v.ObjectValue):
        return {key: encode_value(member) for key, member in value.members}
    if isinstance(value, v.ListValue):
        return [encode_value(item) for item in value.items]
    return _encode_form(value)


def _needs_no_wrapping(value: Json) -> bool:
    return not isinstance(value, (dict, list))


def _encode_form(value: v.Value) -> Json:
    out: dict[str, Json]
    if isinstance(value, v.StepRef):
        out = {"$step": value.step}
        if value.path:
            out["path"] = render_path(value.path)
        if value.on_skip is not None:
            out["onSkip"] = encode_value(value.on_skip)
        elif value.tolerant:
            out["tolerant"] = True
        return out
    if isinstance(value, v.InputRef):
        return {"$input": render_path(value.path)}
    if isinstance(value, v.VariableRef):
        out = {"$variable": render_path((value.name, *value.path))}
        if value.default is not None:
            out["default"] = encode_value(value.default)
        return out
    if isinstance(value, v.If):
        out = {"$if": encode_value(value.condition), "then": encode_value(value.then)}
        if value.otherwise is not None:
            out["else"] = encode_value(value.otherwise)
        return out
    if isinstance(value, v.Coalesce):
        return {"$coalesce": [encode_value(member) for member in value.members]}
    if isinstance(value, v.Expr):
        out = {"$expr": value.text}
        if value.steps:
            out["steps"] = dict(value.steps)
        return out
    if isinstance(value, v.ItemRef):
        path = render_path(value.path)
        return {"$item": {"loop": value.loop, "path": path} if value.loop else path}
    if isinstance(value, v.IndexRef):
        return {"$index": {"loop": value.loop} if value.loop else True}
    if isinstance(value, v.StateRef):
        path = render_path(value.path)
        return {"$state": {"loop": value.loop, "path": path} if value.loop else path}
    if isinstance(value, v.IterationRef):
        return {"$iteration": {"loop": value.loop} if value.loop else True}
    if isinstance(value, v.RunRef):
        return {"$run": render_path(value.path)}
    if isinstance(value, v.TriggerRef):
        return {"$trigger": render_path(value.path)}
    raise AssertionError(type(value))
