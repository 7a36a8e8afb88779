"""The ``timeout`` of a run, and of a flow in it: nothing new starts, and what runs is stopped.

Every shim keeps them by the clock: a run's from when the engine says that it began, a sub-flow's
from when its step did. Engines end what no shim does (a pod that never starts, a wait) a little
after the run's, so that runs end in order if they can; of a sub-flow's time they know nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc_shim.contract.errors import ErrorClass, ErrorInfo
from flowc_shim.contract.scopes import ROOT, in_finally
from flowc_shim.contract.steps import PlanLoop
from flowc_shim.runner.sub_flows import flows_around

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc_shim.contract.json_types import Json
    from flowc_shim.contract.steps import PlanStep
    from flowc_shim.runner.keys import Indices
    from flowc_shim.runner.runtime import Runtime

RUN_TIMEOUT = "RUN_TIMEOUT"
FLOW_TIMEOUT = "FLOW_TIMEOUT"


@dataclass(frozen=True, slots=True)
class _Time:
    """The time of the run, or of the sub-flow at ``scope``: ``seconds``, over at ``ends``."""

    scope: str
    indices: Indices
    seconds: float
    ends: float

    @property
    def left(self) -> float:
        return self.ends - time.time()


def time_left(runtime: Runtime, scope: str = ROOT, indices: Indices = ()) -> float | None:
    """Return the seconds until the time of this place is over, None if it has all there is.

    Negative: it is over. The ``finally:`` steps have all the time they need.
    """
    return min((one.left for one in _times(runtime, scope, indices)), default=None)


def end_in_time(runtime: Runtime, scope: str = ROOT, indices: Indices = ()) -> bool:
    """Flag the run, and every sub-flow around this place, whose time is over; whether any is."""
    late = [one for one in _times(runtime, scope, indices) if one.left <= 0]
    for one in late:
        if one.scope == ROOT:
            flag_timeout(runtime)
        else:
            step = runtime.plan.steps[one.scope].id
            message = f"flow `{step}` took longer than {one.seconds:g} s"
            _flag(runtime, one.scope, one.indices, FLOW_TIMEOUT, message)
    return bool(late)


def flag_timeout(runtime: Runtime) -> None:
    """Say that the run's time is over, unless it was failing before."""
    message = f"the run took longer than {runtime.plan.timeout or 0:g} s"
    _flag(runtime, ROOT, (), RUN_TIMEOUT, message)


def is_timeout(reason: Mapping[str, Json]) -> bool:
    """Whether a run, or a sub-flow, is failing because its time was over."""
    error = reason.get("error")
    over = isinstance(error, dict) and error.get("code") in (RUN_TIMEOUT, FLOW_TIMEOUT)
    return over and not reason.get("step")


def timeout_of_flow(runtime: Runtime, step: PlanStep, indices: Indices) -> ErrorInfo | None:
    """Return the failure of the sub-flow ``step`` whose time was over, None if it was not.

    ``indices``: of what is in it.
    """
    flow = step.body.flow if isinstance(step.body, PlanLoop) else None
    if flow is None or flow.timeout is None:
        return None
    reason = runtime.journal.failing_reason(step.path, indices)
    if reason is None or not is_timeout(reason):
        return None
    return ErrorInfo.from_json(reason["error"])


def _times(runtime: Runtime, scope: str, indices: Indices) -> Iterator[_Time]:
    plan = runtime.plan
    for path, flow in flows_around(plan, scope):
        if flow.timeout is not None:
            here = runtime.indices_at(path, indices)
            started = runtime.loop_record(path, here[:-1]).started
            yield _Time(path, here, flow.timeout, started + flow.timeout)
    if plan.timeout is None or in_finally(scope):
        return
    begun = runtime.journal.started()
    if begun is not None:
        yield _Time(ROOT, (), plan.timeout, begun + plan.timeout)


def _flag(runtime: Runtime, scope: str, indices: Indices, code: str, message: str) -> None:
    error = ErrorInfo(ErrorClass.TIMEOUT, code, message, "Timeout", final=True)
    runtime.journal.set_failing(scope, indices, {"step": None, "error": error.to_json()})
