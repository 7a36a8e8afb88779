"""How each target says that it goes through loops."""

from __future__ import annotations

import pytest
from tests.golden.cases import CASES, compilation_of

from flowc.diagnostics import Diagnostics
from flowc.targets import find_target

REFINE = {
    "argo": {
        "widen": ("one pod", "done elsewhere"),
        "roots": ("a task per item up to 500, else lanes", "50 tasks, of at most 500 items"),
        "newton": ("templates that call themselves", "2,000 passes in 45 chunks of 45, 89 deep"),
    },
    "step-functions": {
        "widen": ("one function", "done elsewhere"),
        "roots": ("a distributed Map", "not known; 50 at a time"),
        "newton": ("child executions", "at most 2,000 passes"),
    },
}


@pytest.mark.parametrize("name", REFINE)
def test_the_example_says_how_its_loops_are_run(name: str) -> None:
    case = next(one for one in CASES if one.example == "refine" and one.target == name)
    target = find_target(name, Diagnostics())
    assert target is not None
    found = target.loops(compilation_of(case))
    assert [choice.path for choice in found] == list(REFINE[name])
    for choice in found:
        how, why = REFINE[name][choice.path]
        assert (choice.how, why in choice.why) == (how, True), choice
