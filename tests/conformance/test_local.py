"""Every case on the local target, at both granularities."""

from __future__ import annotations

from pathlib import Path

import pytest
from conformance.engines import run_local
from conformance.model import Case, differences, load_cases


@pytest.mark.parametrize("granularity", ["step", "auto"])
@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.slug)
def test_local(case: Case, granularity: str, tmp_path: Path) -> None:
    assert differences(case, run_local(case, granularity, tmp_path)) == []
