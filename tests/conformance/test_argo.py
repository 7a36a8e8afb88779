"""Every case on Argo's own controller, a pod per unit, at both granularities.

Pods mostly wait, so several cases run at once; each test waits for its own.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.engines import Argo, is_refused
from tests.conformance.model import Case, Observed, differences, load_cases
from tests.engines.argo.job_sets import with_job_sets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.engines.argo.engine import ArgoEngine

pytestmark = pytest.mark.argo

AT_ONCE = 4

SLICE = {
    "a chain hands values on": "auto",
    "a diamond joins both branches": "step",
    "a graph that is not series-parallel keeps its order": "step",
    "a large value goes by reference": "step",
    "a failing expression is an error, never false": "step",
    "only the branch that is taken runs": "step",
    "the joins of the language page": "step",
    "join any does not forgive a failure": "step",
    "a skipped step behind an untaken branch skips nobody": "auto",
    "a failing component fails the run": "step",
    "a default after retries": "step",
    "retries of class user until it works": "step",
    "a timeout may become a default": "step",
    "a failing branch beside a running one": "step",
    "a killed shim is started again and repeats only its own step": "step",
    "a shim killed for good fails the run": "step",
    "a shim killed for good leaves the default": "step",
    "a killed shim without readers leaves the default": "step",
    "foreach over items known at run time": "step",
    "an empty list gives an empty result": "step",
    "loops nest, and inner items see outer ones": "step",
    "one failure too many fails the loop": "step",
    "a failed loop may have a default": "step",
    "a classic flow may end skipped": "step",
    "a schedule hands over its time, in its own zone": "step",
    "a run that takes too long is timed out": "step",
    "finally steps run after a failure, and change nothing of it": "step",
    "a step with the same input uses the result again": "step",
    "a sub-flow has an input and hands out its output": "step",
    "a program in an image is tried again, and its last failure may be a value": "step",
}
"""What CI runs of it: a case of every kind, at the granularity that is named."""


def _cells() -> list[Any]:
    return [
        pytest.param(
            case,
            granularity,
            marks=[pytest.mark.argo_slice] if SLICE.get(case.name) == granularity else [],
            id=f"{case.slug}-{granularity}",
        )
        for case in load_cases()
        for granularity in ("step", "auto")
    ]


@pytest.fixture(scope="module")
def observed(
    request: pytest.FixtureRequest, argo_engine: ArgoEngine
) -> Iterator[Callable[[Case, str], Observed]]:
    """Start all cases that were asked for, a few at once, in the order of their tests."""
    items = [
        item
        for item in request.session.items
        if item.path == request.path and "observed" in getattr(item, "fixturenames", ())
    ]
    if any("locations" in str(item.callspec.params["case"].bindings) for item in items):
        with_job_sets(argo_engine.cluster)
    argo = Argo(argo_engine)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        started: dict[tuple[str, str], Future[Observed]] = {}
        for item in items:
            case, granularity = (item.callspec.params[name] for name in ("case", "granularity"))
            if "argo" not in case.refused:
                started[case.slug, granularity] = pool.submit(argo.run, case, granularity)
        yield lambda case, granularity: started[case.slug, granularity].result()
        for future in started.values():
            future.cancel()


@pytest.mark.parametrize(("case", "granularity"), _cells())
def test_argo(case: Case, granularity: str, observed: Callable[[Case, str], Observed]) -> None:
    if is_refused(case, "argo", granularity):
        return
    assert differences(case, observed(case, granularity)) == []


def test_every_case_of_the_slice_exists() -> None:
    assert set(SLICE) <= {case.name for case in load_cases()}
    assert len(SLICE) >= 20
