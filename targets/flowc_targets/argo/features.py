"""What the Argo target supports, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.target import FeatureSupport, Support

if TYPE_CHECKING:
    from collections.abc import Mapping

_NATIVE = FeatureSupport(Support.NATIVE)


def _lowered(how: str) -> FeatureSupport:
    return FeatureSupport(Support.LOWERED, how)


def _refused(why: str) -> FeatureSupport:
    return FeatureSupport(Support.REFUSED, why)


FEATURES: Mapping[str, FeatureSupport] = {
    "components": _lowered("one pod per unit, which calls the component"),
    "data": _lowered("evaluated by the shim; the engine sees references only"),
    "expressions": _lowered("evaluated by the shim"),
    "variables": _lowered("values are part of the plan"),
    "secrets": _lowered("Kubernetes Secrets, key `value`, as environment variables of the pods"),
    "laziness": _lowered(
        "a unit that is not needed starts, looks and ends; a heavy one is guarded"
    ),
    "needs": _NATIVE,
    "when": _lowered("decided by the shim; a heavy unit's pod is not even started"),
    "join": _lowered("decided by the shim"),
    "retry": _lowered("`retryStrategy` restarts pods; the shim keeps the budgets by class"),
    "onError": _lowered("whoever comes next settles a pod that died"),
    "timeout": _lowered("kept by the shim; `activeDeadlineSeconds` as a backstop"),
    "failure": _lowered("a flag that every shim reads; running ones look every 2 s (`failFast`)"),
    "foreach": _lowered("`withSequence` over a count; at most 500 items per loop"),
    "resources": _lowered("requests and limits of containers that do the work themselves"),
    "builtin": _NATIVE,
    "mock": _NATIVE,
    "python": _lowered("in the unit's own image"),
    "command": _lowered("in the unit's own image"),
    "container": _refused("an image per component is not built yet"),
    "stepflow-url": _NATIVE,
    "stepflow-command": _refused("a server has to run somewhere: give its `url`"),
    "dynamic-flows": _lowered("run inside the pod of the step that submits them"),
    "granularity-auto": _lowered("a pod runs the whole chain"),
    "while": _refused("not built yet"),
    "cache": _refused("not built yet"),
    "emit": _refused("not built yet"),
    "finally": _refused("not built yet"),
    "collect": _refused("not built yet"),
    "run-timeout": _refused("not built yet"),
    "triggers": _refused("not built yet"),
    "artifacts": _refused("not built yet"),
    "sub-flows": _refused("not built yet"),
    "waits": _refused("not built yet"),
}
