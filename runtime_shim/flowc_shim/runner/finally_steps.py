"""``finally:`` steps: what is known of the run by then, and running them where no engine does.

They are a scope of their own that begins once the run's *conclusion* is written: outcome, output
and error of everything else. Nothing that failed before keeps them from starting, and none of them
keeps another one from starting that does not read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_shim.contract.outcomes import EDGE_TRUE, Outcome
from flowc_shim.contract.scopes import FINALLY, in_finally
from flowc_shim.contract.steps import PlanWhile
from flowc_shim.contract.verdict import Status

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json
    from flowc_shim.contract.verdict import Verdict
    from flowc_shim.runner.keys import Indices
    from flowc_shim.runner.runtime import Runtime


def seen_outcome(runtime: Runtime, reader_scope: str, path: str, outcome: Outcome) -> Outcome:
    """Return what the outcome of ``path`` is to a step of ``reader_scope``.

    To a ``finally:`` step, a step of the run itself without a value was skipped, for whatever
    reason.
    """
    if not in_finally(reader_scope) or in_finally(runtime.plan.steps[path].scope):
        return outcome
    known = EDGE_TRUE | {Outcome.NOT_NEEDED}
    return outcome if outcome in known else Outcome.SKIPPED


def end_facts(runtime: Runtime) -> dict[str, Json]:
    """Return what ``$run`` has besides in ``finally:`` steps."""
    end = runtime.journal.conclusion()
    if end is None:
        return {}
    error = dict(end.error) if end.error else None
    return {"outcome": end.outcome.value, "error": _flat(error)}


def _flat(reason: dict[str, Json] | None) -> Json:
    """Return why the run failed: the error, and the ``step`` that it is of (null: none)."""
    if reason is None:
        return None
    error = reason.get("error")
    known = error if isinstance(error, dict) else {}
    return {"step": reason.get("step"), **known}


def run_finally_here(runtime: Runtime) -> None:
    """Run every ``finally:`` step that is not decided, one after the other, in this process.

    For runs whose engine does not: it was told to end them at once.
    """
    _run_scope(runtime, FINALLY, ())


def _run_scope(runtime: Runtime, scope: str, indices: Indices) -> Verdict | None:
    """Run the units of a scope one after the other; the verdict of the last one."""
    from flowc_shim.runner.units import run_unit

    verdict: Verdict | None = None
    waiting = [unit for unit in runtime.plan.units.values() if unit.scope == scope]
    while waiting:
        ids = {unit.id for unit in waiting}
        unit = next(unit for unit in waiting if ids.isdisjoint(unit.after))
        waiting.remove(unit)
        verdict = run_unit(runtime, unit.id, indices, {})
        if unit.kind != "open":
            continue
        loop = unit.steps[0]
        if isinstance(runtime.plan.steps[loop].body, PlanWhile):
            _run_passes(runtime, loop, indices, verdict)
        else:
            for index in range(verdict.count):
                _run_scope(runtime, loop, (*indices, index))
    return verdict


def _run_passes(runtime: Runtime, loop: str, indices: Indices, said: Verdict | None) -> None:
    """Run the passes of a ``while``; what ends a pass says whether another follows."""
    while said is not None and said.status is Status.DONE and said.go:
        said = _run_scope(runtime, loop, (*indices, said.count))
