"""What the local target supports, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.target import NATIVE, lowered, native, refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.target import FeatureSupport


def _later(what: str) -> FeatureSupport:
    return refused(f"{what} not built yet")


FEATURES: Mapping[str, FeatureSupport] = {
    "components": NATIVE,
    "data": NATIVE,
    "expressions": NATIVE,
    "variables": NATIVE,
    "secrets": native("`{secret: db-key}` is in `FLOWC_SECRET_DB_KEY`; plain values here only"),
    "laziness": NATIVE,
    "needs": NATIVE,
    "when": NATIVE,
    "join": NATIVE,
    "retry": NATIVE,
    "onError": NATIVE,
    "timeout": NATIVE,
    "failure": NATIVE,
    "foreach": native("at most 25,000 items"),
    "resources": lowered("never refused; nothing is limited here"),
    "builtin": NATIVE,
    "mock": NATIVE,
    "python": NATIVE,
    "command": NATIVE,
    "container": native("by podman or docker, where found"),
    "stepflow-url": NATIVE,
    "stepflow-command": native("started for the run, ended with it"),
    "stepflow-deploy": refused("give the class a `command` or a `url` in a stack for here"),
    "deployments": native("up before the first consumer, down after the last of all runs"),
    "locations": native("a process each, on addresses of this machine"),
    "blob-api": native("every run with component servers has its own"),
    "dynamic-flows": NATIVE,
    "granularity-auto": NATIVE,
    "while": NATIVE,
    "cache": NATIVE,
    "emit": _later("signals are"),
    "finally": native("after an interruption too"),
    "collect": NATIVE,
    "run-timeout": NATIVE,
    "trigger-values": native("`flowc run --trigger`"),
    "triggers": refused("nothing schedules here; `flowc run` starts a run"),
    "artifacts": native("kept in `.flowc/artifacts` without an `artifact_store`"),
    "ports": native("`file://` too"),
    "sub-flows": NATIVE,
    "sub-flow-timeout": NATIVE,
    "detached": native("beside the run that starts it; `flowc run` waits for both"),
    "waits": _later("`await` is"),
}
