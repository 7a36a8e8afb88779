"""What a step says about time, failure and resources: timeout, retry, onError, resources."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flowc.diagnostics import codes
from flowc.source.fields import Decoding, Fields, describe, is_integer
from flowc.source.flow_values import FlowDecoding, quantity
from flowc.source.flowc_dialect import BUDGET, CACHE, NEEDS, RETRY
from flowc.source.located import Map
from flowc.source.model import At, Needs, SourceBudget, SourceCache, SourceRetry
from flowc.source.quantities import (
    QuantityError,
    parse_bytes,
    parse_cpu,
    parse_duration,
    parse_gpu,
    parse_share,
)
from flowc_shim.contract.policies import FAIL, OnError, Tolerance
from flowc_shim.language import values as v
from flowc_shim.language.decode import plain

STEPFLOW_RETRIES = 3
"""``maxRetries`` of ``onError: {action: retry}`` where it is not written."""


def parse_count(raw: Any) -> int:
    """Return a whole number from 0; raises QuantityError."""
    if is_integer(raw) and raw >= 0:
        return int(raw)
    raise QuantityError("takes a whole number from 0")


def parse_positive(raw: Any) -> int:
    """Return a whole number from 1; raises QuantityError."""
    if is_integer(raw) and raw >= 1:
        return int(raw)
    raise QuantityError("takes a whole number from 1")


def parse_timeout(raw: Any) -> float:
    """Return seconds, more than 0; raises QuantityError."""
    seconds = parse_duration(raw)
    if seconds <= 0:
        raise QuantityError("takes a duration longer than 0")
    return seconds


def decode_timeout(step: Fields, ctx: FlowDecoding) -> At[float | v.VariableRef] | None:
    """Return the ``timeout`` of a step, or of a flow, in seconds."""
    return ctx.located_setting(step, "timeout", parse_timeout)


def decode_cache(step: Fields, ctx: FlowDecoding) -> SourceCache | None:
    """Return a step's ``cache``."""
    if step.get("cache") is None:
        return None
    fields = ctx.decoding.open(step.raw["cache"], CACHE, step.value_at("cache"))
    ttl = None if fields is None else quantity(fields, "ttl", parse_timeout)
    if fields is None or ttl is None:
        return None
    key = ctx.field_value(fields, "key") if fields.has("key") else None
    return SourceCache(ttl, key, step.key_at("cache"))


def decode_retry(step: Fields, ctx: FlowDecoding) -> SourceRetry | None:
    """Return ``retry``, or what ``onError: {action: retry}`` says in its place."""
    stepflow = _stepflow_retry(step, ctx)
    if step.get("retry") is None:
        return stepflow
    if stepflow is not None:
        step.decoding.report(
            codes.CONTRADICTORY_KEYS,
            "`onError: {action: retry}` and `retry` both say how often to retry",
            step.key_at("onError"),
            secondary=[(step.key_at("retry"), "said here as well")],
            hint="keep `retry`; `maxRetries` is `retry: {user: {max: …}}`",
        )
    fields = ctx.decoding.open(step.raw["retry"], RETRY, step.value_at("retry"))
    if fields is None:
        return None
    text = fields.text("if")
    return SourceRetry(
        user=_budget(fields, "user", ctx),
        platform=_budget(fields, "platform", ctx),
        timeout=_budget(fields, "timeout", ctx),
        condition=None if text is None else ctx.expression(text, fields.value_at("if")),
        span=step.key_at("retry"),
    )


def _budget(retry: Fields, name: str, ctx: FlowDecoding) -> SourceBudget:
    if retry.get(name) is None:
        return SourceBudget()
    fields = ctx.decoding.open(retry.raw[name], BUDGET, retry.value_at(name))
    if fields is None:
        return SourceBudget()
    return SourceBudget(
        max=ctx.setting(fields, "max", parse_count),
        delay=quantity(fields, "delay", parse_duration),
        factor=fields.get("factor"),
        cap=quantity(fields, "cap", parse_duration),
        jitter=fields.get("jitter"),
        span=retry.key_at(name),
    )


def _stepflow_retry(step: Fields, ctx: FlowDecoding) -> SourceRetry | None:
    raw = step.raw.get("onError")
    if not isinstance(raw, Map) or raw.get("action") != "retry":
        return None
    at = step.key_at("onError")
    written = raw.get("maxRetries")
    # What is neither absent nor a count is reported by decode_on_error.
    retries = written if isinstance(written, int) and written >= 0 else STEPFLOW_RETRIES
    return SourceRetry(user=SourceBudget(max=retries, span=at), span=at)


def decode_on_error(step: Fields, ctx: FlowDecoding) -> OnError:
    """Return what a failure becomes; its action ``retry`` is :func:`decode_retry`'s."""
    raw = step.get("onError")
    if raw is None:
        return FAIL
    shape = _action_shape(step, raw, ctx)
    fields = None if shape is None else ctx.decoding.open(raw, shape, step.value_at("onError"))
    if fields is None:
        return FAIL
    if raw["action"] == "retry":
        fields.get("maxRetries")
    if raw["action"] == "skip":
        return OnError(skip=True)
    if raw["action"] != "useDefault":
        return FAIL
    if ctx.dialect.template_defaults:
        return OnError(ctx.field_value(fields, "defaultValue"))
    if fields.raw.get("defaultValue") is None:
        return OnError(v.NULL)
    return OnError(v.Literal(plain(raw["defaultValue"]), fields.value_at("defaultValue")))


def _action_shape(step: Fields, raw: Map, ctx: FlowDecoding) -> Any:
    """Return the keys of the action that ``raw`` names, or None (reported)."""
    dialect = ctx.dialect
    action = raw.get("action")
    if "action" not in raw:
        ctx.decoding.report(
            codes.MISSING_KEY, "`onError` needs `action`", step.value_at("onError"),
            hint=f"write `action: {dialect.action_kind.choices[0]}` or another",
        )  # fmt: skip
        return None
    if isinstance(action, str) and action in dialect.actions:
        return dialect.actions[action]
    refusal = dialect.refused_actions.get(action) if isinstance(action, str) else None
    at = raw.value("action")
    if refusal is not None:
        ctx.decoding.report(refusal.code, f"`{action}` {refusal.message}", at, hint=refusal.hint)
        return None
    ctx.decoding.report(
        codes.INVALID_WORD,
        f"`action` takes {dialect.action_kind.words}, not {describe(action)}",
        at,
    )
    return None


def decode_resources(step: Fields, ctx: FlowDecoding) -> At[str | Needs | v.VariableRef] | None:
    """Return a step's ``resources``: a profile's name, needs, or a variable with the name."""
    if not step.has("resources"):
        return None
    raw, at = step.raw["resources"], step.value_at("resources")
    if isinstance(raw, Map) and "$variable" in raw:
        value = ctx.setting(step, "resources", str)
        return None if value is None else At(value, at)
    found = decode_needs_or_profile(step, "resources")
    return None if found is None else At(found, at)


def decode_needs_or_profile(fields: Fields, key: str) -> str | Needs | None:
    """Return a profile's name or needs at ``key``; None where absent or refused (reported)."""
    if not fields.has(key):
        return None
    raw, at = fields.raw[key], fields.value_at(key)
    if isinstance(raw, str) and raw:
        return raw
    if not isinstance(raw, Map):
        fields.report(
            codes.WRONG_TYPE,
            f"`{key}` takes the name of a profile, or a mapping of `cpu`, `memory`, `disk`, "
            f"`gpu`, not {describe(raw)}",
            at,
        )
        return None
    opened = fields.decoding.open(raw, NEEDS, at)
    return None if opened is None else decode_needs(opened)


def decode_needs(fields: Fields) -> Needs:
    """Return the portable needs among ``fields``."""
    return Needs(
        cpu=quantity(fields, "cpu", parse_cpu),
        memory=quantity(fields, "memory", parse_bytes),
        disk=quantity(fields, "disk", parse_bytes),
        gpu=quantity(fields, "gpu", parse_gpu),
        spans={
            key: fields.value_at(key)
            for key in ("cpu", "memory", "disk", "gpu")
            if key in fields.raw
        },
    )


def decode_tolerance(loop: Fields) -> Tolerance:
    """Return ``maxFailures``: a count or a share."""
    if isinstance(loop.raw.get("maxFailures"), str):
        return Tolerance(share=quantity(loop, "maxFailures", parse_share))
    return Tolerance(count=quantity(loop, "maxFailures", parse_count) or 0)


def merge_needs(first: Needs | None, second: Needs | None) -> Needs | None:
    """Return ``first`` with what it leaves open taken from ``second``."""
    if first is None or second is None:
        return first or second
    return replace(
        first,
        **{
            name: getattr(second, name)
            for name in ("cpu", "memory", "disk", "gpu")
            if getattr(first, name) is None
        },
    )


def report_without_loop(decoding: Decoding, step: Fields, keys: tuple[str, ...]) -> None:
    """Report the ``keys`` of a loop with ``steps`` that belong to the steps inside it."""
    for key in keys:
        if step.has(key):
            decoding.report(
                codes.CONTRADICTORY_KEYS,
                f"`{key}` on a loop belongs to the inner steps",
                step.key_at(key),
                hint=f"write `{key}` on the steps under `steps`",
            )
