"""The ``timeout`` of a whole run: nothing new starts after it, and what runs is stopped.

Every shim keeps it by the clock, from when the engine says that the run began. Engines end what no
shim does (a pod that never starts, a wait) a little later, so that runs end in order if they can.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flowc_shim.contract.errors import ErrorClass, ErrorInfo
from flowc_shim.contract.scopes import ROOT, in_finally

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_shim.contract.json_types import Json
    from flowc_shim.runner.runtime import Runtime

RUN_TIMEOUT = "RUN_TIMEOUT"


def time_left(runtime: Runtime, scope: str = ROOT) -> float | None:
    """Return the seconds until the time of ``scope`` is over (negative: it is), None if it has all.

    The ``finally:`` steps have all the time they need.
    """
    if runtime.plan.timeout is None or in_finally(scope):
        return None
    started = runtime.journal.started()
    return None if started is None else started + runtime.plan.timeout - time.time()


def end_in_time(runtime: Runtime, scope: str = ROOT) -> bool:
    """Flag the run if the time of ``scope`` is over; whether it is."""
    left = time_left(runtime, scope)
    if left is None or left > 0:
        return False
    flag_timeout(runtime)
    return True


def flag_timeout(runtime: Runtime) -> None:
    """Say that the run's time is over, unless it was failing before."""
    message = f"the run took longer than {runtime.plan.timeout or 0:g} s"
    error = ErrorInfo(ErrorClass.TIMEOUT, RUN_TIMEOUT, message, "Timeout", final=True)
    runtime.journal.set_failing(ROOT, (), {"step": None, "error": error.to_json()})


def is_timeout(reason: Mapping[str, Json]) -> bool:
    """Whether a run is failing because its time was over."""
    error = reason.get("error")
    return isinstance(error, dict) and error.get("code") == RUN_TIMEOUT and not reason.get("step")
