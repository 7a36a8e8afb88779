"""The asl-validator gate: a good machine passes, broken ones are told apart in one call."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from tests.gates.asl_validator import MANIFEST, SOURCES, asl_validate

if TYPE_CHECKING:
    from pathlib import Path

INVOKE = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Parameters": {"FunctionName": "unit", "Payload": {"run.$": "$$.Execution.Id"}},
    "ResultPath": None,
    "Retry": [{"ErrorEquals": ["Transient"], "JitterStrategy": "FULL", "MaxAttempts": 2}],
    "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Settle"}],
    "Next": "Done",
}
GOOD: dict[str, Any] = {
    "StartAt": "Work",
    "States": {
        "Work": INVOKE,
        "Settle": {"Type": "Pass", "Next": "Done"},
        "Done": {"Type": "Succeed"},
    },
}


def spoiled(**states: Any) -> dict[str, Any]:
    document = copy.deepcopy(GOOD)
    document["States"].update(states)
    return document


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "start": ({**GOOD, "StartAt": "Nope"}, "MISSING_TRANSITION_TARGET"),
    "next": (spoiled(Settle={"Type": "Pass", "Next": "Nope"}), "MISSING_TRANSITION_TARGET"),
    "unreachable": (spoiled(Extra={"Type": "Succeed"}), "Extra"),
    "path": (
        spoiled(Settle={"Type": "Pass", "InputPath": "$$.", "Next": "Done"}),
        "/States/Settle/InputPath",
    ),
    "field": (spoiled(Done={"Type": "Succeed", "Nope": 1}), "/States/Done"),
    "both": (spoiled(Settle={"Type": "Pass", "Next": "Done", "End": True}), '"Settle"'),
}


def test_problems_by_file(tmp_path: Path) -> None:
    paths = {}
    for name, document in {"good": GOOD, **{k: v for k, (v, _) in CASES.items()}}.items():
        paths[name] = tmp_path / f"{name}.json"
        paths[name].write_text(json.dumps(document))
    paths["text"] = tmp_path / "text.json"
    paths["text"].write_text("{")
    problems = asl_validate(list(paths.values()))
    assert problems[paths["good"]] == []
    for name, (_, part) in CASES.items():
        assert part in "\n".join(problems[paths[name]]), (name, problems[paths[name]])
    assert "SyntaxError" in problems[paths["text"]][0]
    assert asl_validate([]) == {}


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((SOURCES / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages["node_modules/asl-validator"]["version"] == "4.0.0"
    assert all("resolved" not in entry for entry in packages.values())
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert all((SOURCES / name).exists() for name in MANIFEST)
