"""Every case on the local target, at both granularities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conformance.engines import run_local
from tests.conformance.model import Case, differences, load_cases

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("granularity", ["step", "auto"])
@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.slug)
def test_local(case: Case, granularity: str, tmp_path: Path) -> None:
    assert differences(case, run_local(case, granularity, tmp_path)) == []
