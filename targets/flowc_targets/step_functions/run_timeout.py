"""The ``timeout`` of a whole run: the units race against a clock.

A state machine's own ``TimeoutSeconds`` ends the execution, and nothing runs after it: the run
would have no end record. So all units are one branch of a Parallel, and a Wait is the other. Which
is first ends its branch with an error, which ends the other one
(https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html), and both errors lead to
the end of the run.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from flowc_shim.contract.scopes import ROOT
from flowc_targets.step_functions.limits import RUN_GRACE_SECONDS
from flowc_targets.step_functions.states import ERROR, State, catch

if TYPE_CHECKING:
    from flowc_targets.step_functions.machine import Builder, Frame
    from flowc_targets.step_functions.trees import Tree

DONE = "Flowc.AllStepsEnded"
TIME_IS_UP = "Flowc.TimeIsUp"
TIMED_OUT = "timed_out"
"""What the shim is told of such a run."""


def add_race(build: Builder, frame: Frame, tree: Tree, finish: str) -> str:
    """Add the units of the outermost scope with a clock beside them; returns the state's name."""
    names = build.names
    op = "conclude" if finish == names.named("conclude", "conclude") else "finish"
    race, late = names.named("all steps", "race"), names.named(f"{op} (late)", "late")
    state: State = {
        "Type": "Parallel",
        "Branches": [_units(build, frame, tree), _clock(build)],
        "ResultPath": None,
        "Catch": [
            {"ErrorEquals": [TIME_IS_UP], "ResultPath": ERROR, "Next": late},
            *catch(finish),
        ],
    }
    frame.add(race, state, finish)
    build.end_task(frame, op, late, TIMED_OUT)
    return race


def _units(build: Builder, frame: Frame, tree: Tree) -> State:
    done = build.names.named("all steps ended", "all steps ended")
    inner = type(frame)()
    build.tree(inner, tree, ROOT, done)
    inner.states[done] = {"Type": "Fail", "Error": DONE, "Cause": "the clock can stop"}
    return inner.machine(build.entry(tree))


def _clock(build: Builder) -> State:
    wait, up = build.names.named("clock", "clock"), build.names.named("time is up", "time is up")
    seconds = math.ceil(build.timeout or 0) + RUN_GRACE_SECONDS
    cause = f"the run took longer than {build.timeout or 0:g} s"
    return {
        "StartAt": wait,
        "States": {
            wait: {"Type": "Wait", "Seconds": seconds, "Next": up},
            up: {"Type": "Fail", "Error": TIME_IS_UP, "Cause": cause},
        },
    }
