"""The files of a compilation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flowc_targets.step_functions.definition import define
from flowc_targets.step_functions.functions import functions
from flowc_targets.step_functions.iam import iam

if TYPE_CHECKING:
    from flowc.target import Compilation

STATE_MACHINE = "state-machine.asl.json"


def files(compilation: Compilation) -> dict[str, str]:
    """Return file name → text."""
    plan = compilation.plan
    return {
        STATE_MACHINE: _text(define(compilation).machine, 2),
        "plan.json": _text(plan.to_json(), 1),
        "functions.json": _text(functions(compilation), 2),
        "iam.json": _text(iam(compilation), 2),
    }


def _text(value: Any, indent: int) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False) + "\n"
