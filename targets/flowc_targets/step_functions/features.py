"""What the Step Functions target supports, as data."""

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
    "components": _lowered("one invocation or job per unit, which calls the component"),
    "data": _lowered("evaluated by the shim; the machine sees references only"),
    "expressions": _lowered("evaluated by the shim"),
    "variables": _lowered("values are part of the plan"),
    "secrets": _lowered("names in Secrets Manager, mapped to environment variables"),
    "laziness": _lowered("a unit that is not needed starts, looks and ends; jobs are asked about"),
    "needs": _lowered("sequences and parallel branches; what waits for more is noted"),
    "when": _lowered("decided by the shim; a Batch job is not even submitted"),
    "join": _lowered("decided by the shim"),
    "retry": _lowered("Retry of a Lambda task; for Batch a loop that asks the shim"),
    "onError": _lowered("whoever died is settled by the next state"),
    "timeout": _lowered("kept by the shim; the service's own limits as a backstop"),
    "failure": _lowered("a flag that every shim reads; running ones look every 2 s (`failFast`)"),
    "foreach": _lowered(
        "an inline Map up to 40 at a time; else child executions, at most 25,000 items; "
        "loops inside of loops: 1,000 items"
    ),
    "resources": _lowered("a Lambda function's memory, or a Batch job definition"),
    "builtin": _NATIVE,
    "mock": _NATIVE,
    "python": _lowered("in the function's or job's own image"),
    "command": _lowered("in the function's or job's own image"),
    "container": _refused("an image per component is not built yet"),
    "stepflow-url": _NATIVE,
    "stepflow-command": _refused("a server has to run somewhere: give its `url`"),
    "dynamic-flows": _lowered("run inside the function or job of the step that submits them"),
    "granularity-auto": _lowered("one invocation or job runs the whole chain"),
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
