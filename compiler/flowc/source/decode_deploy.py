"""``deploy`` of a component class: a server that flowc brings up, and the balancer before it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flowc.diagnostics import codes
from flowc.source.decode_tolerations import decode_tolerations
from flowc.source.fields import Fields, describe, is_integer
from flowc.source.flow_values import quantity
from flowc.source.quantities import parse_duration, parse_share
from flowc.source.secrets import decode_env
from flowc.source.stack_model import Balancer, Deploy, LoadBalancer, Replicas
from flowc.source.stack_tables import BALANCER, LOAD_BALANCER, METRIC, REPLICAS

if TYPE_CHECKING:
    from flowc.source.model import Needs
    from flowc.source.stack_model import Profile
    from flowc_shim.contract.json_types import Json

GRACE = 300.0
"""Seconds that an instance gets to end its calls where the stack says nothing."""

BALANCERS = Replicas(min=2, max=2)
"""Two, so that one may fail."""

_NOT_EVERYWHERE = (
    "grace", "replicas", "node_selector", "tolerations", "capacity_provider", "load_balancer",
)  # fmt: skip
PORT = 8080
MAX_PORT = 65_535
_QUANTITY = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?(m|k|M|G|T|Ki|Mi|Gi|Ti)?\Z")


def decode_deploy(fields: Fields, needs: Needs | None, profile: Profile | None) -> Deploy:
    """Return what ``deploy`` says; ``needs`` and ``profile`` are its resources, resolved."""
    replicas = _replicas(fields, Replicas())
    grace = quantity(fields, "grace", parse_duration)
    return Deploy(
        image=fields.text("image") or "",
        span=fields.at,
        replicas=replicas,
        balancer=_balancer(fields),
        command=_words(fields, "command"),
        args=_words(fields, "args"),
        env=_env(fields),
        port=_port(fields),
        health_path=_health_path(fields),
        needs=needs,
        profile=profile,
        node_selector=fields.text_map("node_selector"),
        tolerations=decode_tolerations(fields),
        service_account=fields.text("service_account"),
        grace=GRACE if grace is None else grace,
        capacity_provider=fields.text("capacity_provider"),
        load_balancer=_load_balancer(fields),
        spans={key: fields.key_at(key) for key in _NOT_EVERYWHERE if fields.has(key)},
    )


def _load_balancer(deploy: Fields) -> LoadBalancer | None:
    raw = deploy.get("load_balancer")
    at = deploy.key_at("load_balancer") if raw is not None else deploy.at
    fields = (
        None
        if raw is None
        else deploy.decoding.open(raw, LOAD_BALANCER, deploy.value_at("load_balancer"))
    )
    if fields is None:
        return None
    url = fields.text("url") or ""
    # What still begins like a reference was not set, and that was reported.
    if url and not url.startswith(("http://", "https://", "${")):
        fields.report(
            codes.PLUGIN_CONFIGURATION,
            f"`url` is an `http://` or `https://` address, not {describe(url)}",
            fields.value_at("url"),
        )
    return LoadBalancer(at, fields.text("target_group") or "", url)


def _balancer(deploy: Fields) -> Balancer:
    raw = deploy.get("balancer")
    if raw is None:
        return Balancer(BALANCERS)
    fields = deploy.decoding.open(raw, BALANCER, deploy.value_at("balancer"))
    if fields is None:
        return Balancer(BALANCERS)
    replicas = _replicas(fields, BALANCERS)
    if replicas.metric is not None:
        fields.report(
            codes.PLUGIN_CONFIGURATION, "a balancer scales by `cpu`", fields.value_at("replicas")
        )
    return Balancer(replicas, fields.text("image"), deploy.key_at("balancer"))


def _replicas(parent: Fields, default: Replicas) -> Replicas:
    if not parent.has("replicas"):
        return default
    raw = parent.raw["replicas"]
    if is_integer(raw) and raw >= 1:
        return Replicas(raw, raw)
    fields = parent.decoding.open(raw, REPLICAS, parent.value_at("replicas"))
    if fields is None:
        return default
    least = fields.get("min") or 1
    found = Replicas(
        min=least,
        max=fields.get("max") or least,
        cpu=quantity(fields, "cpu", parse_share) if fields.get("cpu") is not None else None,
        metric=_metric(fields),
    )
    _check_replicas(found, fields)
    return found


def _check_replicas(replicas: Replicas, fields: Fields) -> None:
    scales = replicas.cpu is not None or replicas.metric is not None
    if replicas.min > replicas.max:
        fields.report(
            codes.PLUGIN_CONFIGURATION,
            f"`min` {replicas.min} is more than `max` {replicas.max}",
            fields.value_at("min") if "min" in fields.raw else None,
        )
    elif replicas.min < replicas.max and not scales:
        fields.report(
            codes.PLUGIN_CONFIGURATION,
            "`max` is more than `min`, and nothing says when there should be more",
            fields.value_at("max"),
            hint="add `cpu: 70%`, or `metric: {name, value}`",
        )
    elif replicas.min == replicas.max and scales:
        fields.report(
            codes.PLUGIN_CONFIGURATION,
            "`min` and `max` are the same, so there is nothing to scale",
            hint="give `max` a larger number, or leave `cpu` and `metric` out",
        )
    if replicas.cpu == 0:
        fields.report(codes.PLUGIN_CONFIGURATION, "`cpu` is more than 0%", fields.value_at("cpu"))


def _metric(replicas: Fields) -> tuple[str, str] | None:
    raw = replicas.get("metric")
    if raw is None:
        return None
    fields = replicas.decoding.open(raw, METRIC, replicas.value_at("metric"))
    if fields is None:
        return None
    raw_value = fields.get("value")
    if raw_value is None:
        return None
    value = str(raw_value)
    if not _QUANTITY.match(value):
        fields.report(
            codes.INVALID_WORD,
            f"`value` takes an amount per instance, `10` or `500m`, not {describe(raw_value)}",
            fields.value_at("value"),
        )
    return fields.text("name") or "", value


def _words(fields: Fields, key: str) -> tuple[str, ...]:
    raw = fields.get(key)
    if isinstance(raw, str):
        return (raw,)
    return tuple(word.value for word in fields.texts(key)) if raw is not None else ()


def _env(fields: Fields) -> dict[str, Json]:
    if not fields.has("env"):
        return {}
    return decode_env(fields.raw["env"], "`env`", fields.value_at("env"), fields.decoding)


def _port(fields: Fields) -> int:
    port: Any = fields.get("port")
    if port is not None and port > MAX_PORT:
        fields.report(
            codes.PLUGIN_CONFIGURATION,
            f"`port` is at most {MAX_PORT}, not {port}",
            fields.value_at("port"),
        )
    return port or PORT


def _health_path(fields: Fields) -> str:
    path = fields.text("health_path")
    if path is not None and not path.startswith("/"):
        fields.report(
            codes.PLUGIN_CONFIGURATION,
            "`health_path` begins with `/`",
            fields.value_at("health_path"),
            hint=f"write `/{path}`",
        )
    return path or "/health"
