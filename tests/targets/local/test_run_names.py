"""Two local runs never share a name, however unlucky the random digits are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.conformance.engines import compile_case
from tests.conformance.model import load_cases

from flowc_targets.local import run as local_run
from flowc_targets.local.run import open_session

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_name_that_is_taken_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(case for case in load_cases() if case.name == "a chain hands values on")
    compilation = compile_case(case, "local", "step", store=f"sqlite:///{tmp_path}/state.db")
    names = iter(["same", "same", "same", "other"])
    monkeypatch.setattr(local_run, "new_run_name", lambda flow: next(names))
    with open_session(compilation) as session:
        first, second = session.run({"n": 1}), session.run({"n": 2})
    assert (first.run, first.output) == ("same", 1)
    assert (second.run, second.output) == ("other", 2)
