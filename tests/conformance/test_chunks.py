"""Passes in chunks: cases of ``while`` where each execution of a state machine runs two passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conformance.engines import StepFunctions
from tests.conformance.model import Case, differences, load_cases

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.engine

CASES = [
    "a while tests its condition before each pass, and its result is the last state",
    "a loop that does not end within its limit fails with MAX_ITERATIONS",
    "foreach inside of a while",
    "a while inside of a while",
]


@pytest.fixture(scope="module")
def engine() -> Iterator[StepFunctions]:
    with StepFunctions() as made:
        yield made


@pytest.mark.parametrize(
    "case", [case for case in load_cases() if case.name in CASES], ids=lambda case: case.slug
)
def test_two_passes_per_execution(
    case: Case, engine: StepFunctions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def two(_events: int, passes: int) -> int:
        return min(2, passes)

    monkeypatch.setattr("flowc_targets.step_functions.passes.passes_together", two)
    assert differences(case, engine.run(case, "step", tmp_path)) == []
