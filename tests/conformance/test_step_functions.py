"""Every case on the emitted state machine, executed with a shim process per task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conformance.engines import StepFunctions, is_refused
from tests.conformance.model import Case, differences, load_cases

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def engine() -> Iterator[StepFunctions]:
    with StepFunctions() as made:
        yield made


@pytest.mark.parametrize("granularity", ["step", "auto"])
@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.slug)
def test_step_functions(
    case: Case, granularity: str, engine: StepFunctions, tmp_path: Path
) -> None:
    if is_refused(case, "step-functions", granularity):
        return
    assert differences(case, engine.run(case, granularity, tmp_path)) == []
