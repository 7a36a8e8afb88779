"""What the local target supports, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.target import FeatureSupport, Support

if TYPE_CHECKING:
    from collections.abc import Mapping

_NATIVE = FeatureSupport(Support.NATIVE)


def _later(what: str) -> FeatureSupport:
    return FeatureSupport(Support.REFUSED, f"{what} not built yet")


FEATURES: Mapping[str, FeatureSupport] = {
    "components": _NATIVE,
    "data": _NATIVE,
    "expressions": _NATIVE,
    "variables": _NATIVE,
    "secrets": FeatureSupport(Support.NATIVE, "plain values are accepted here only"),
    "laziness": _NATIVE,
    "needs": _NATIVE,
    "when": _NATIVE,
    "join": _NATIVE,
    "retry": _NATIVE,
    "onError": _NATIVE,
    "timeout": _NATIVE,
    "failure": _NATIVE,
    "foreach": FeatureSupport(Support.NATIVE, "at most 25,000 items"),
    "resources": FeatureSupport(Support.LOWERED, "never refused; nothing is limited here"),
    "builtin": _NATIVE,
    "mock": _NATIVE,
    "python": _NATIVE,
    "command": _NATIVE,
    "container": FeatureSupport(Support.NATIVE, "by podman or docker, where found"),
    "stepflow-url": _NATIVE,
    "stepflow-command": FeatureSupport(Support.NATIVE, "started for the run, ended with it"),
    "dynamic-flows": _NATIVE,
    "granularity-auto": _NATIVE,
    "while": _later("`while` is"),
    "cache": _later("`cache` is"),
    "emit": _later("signals are"),
    "finally": _later("`finally` is"),
    "collect": _later("`collect` is"),
    "run-timeout": _later("flow `timeout` is"),
    "triggers": FeatureSupport(Support.REFUSED, "nothing schedules here; `flowc run` starts a run"),
    "artifacts": _later("`$artifact` is"),
    "sub-flows": _later("`flow:` is"),
    "waits": _later("`await` is"),
}
