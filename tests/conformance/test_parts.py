"""Sub-flows as machines of their own: each case of them, as if nothing fitted into one machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conformance.engines import StepFunctions
from tests.conformance.model import Case, differences, load_cases

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.engine

CASES = [case for case in load_cases() if case.flows and not case.runs and not case.slow]


@pytest.fixture(scope="module")
def engine() -> Iterator[StepFunctions]:
    with StepFunctions() as made:
        yield made


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.slug)
def test_every_sub_flow_is_a_machine(
    case: Case, engine: StepFunctions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowc_targets.step_functions.definition.fits", lambda _found: False)
    assert differences(case, engine.run(case, "step", tmp_path)) == []
