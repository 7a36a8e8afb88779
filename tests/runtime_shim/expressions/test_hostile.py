"""The corpus of hostile expressions: none gets out, and none works on beyond a count of calls."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from flowc_shim.language.expressions import (
    MAX_STEPS,
    ExpressionError,
    ExpressionLimitError,
    ExpressionSyntaxError,
    evaluate,
    parse,
)

if TYPE_CHECKING:
    from types import FrameType

INPUT = {
    "n": 1,
    "text": "abc",
    "name": "fit",
    "list": list(range(1000)),
    "long": "x" * 400_000,
    "huge": 2**4000,
}
MOST_CALLS = 30 * MAX_STEPS
"""Calls of Python functions, by what one step may take: a clock would measure the machine."""

CORPUS = yaml.safe_load(Path(__file__).with_name("hostile.yaml").read_text(encoding="utf-8"))


class Runaway(BaseException):
    """More calls than anything may take; nothing under test catches it."""


class Counted:
    """Counts calls while it is open."""

    def __enter__(self) -> Counted:
        self.calls = 0
        sys.setprofile(self._called)
        return self

    def __exit__(self, *exception: object) -> None:
        sys.setprofile(None)

    def _called(self, frame: FrameType, event: str, arg: object) -> None:
        if event in ("call", "c_call"):
            self.calls += 1
            if self.calls > MOST_CALLS:
                sys.setprofile(None)
                raise Runaway


def _written_out(text: str) -> str:
    return re.sub(r"\{([^{}]+)\*(\d+)\}", lambda found: found[1] * int(found[2]), text)


def _outcome(text: str, world: Any) -> Any:
    """What becomes of a text: a word for a refusal, or a list with its value."""
    try:
        return [evaluate(parse(text), world)]
    except ExpressionSyntaxError:
        return "syntax"
    except ExpressionLimitError:
        return "limit"
    except ExpressionError:
        return "fails"


@pytest.mark.parametrize("entry", CORPUS, ids=lambda entry: ascii(entry["text"][:40]))
def test_hostile(entry: dict[str, Any], world_of: Any, skipped: type[Exception]) -> None:
    world = world_of({"input": INPUT, "vars": {}}, {"fit": 1})
    with Counted():
        try:
            found = _outcome(_written_out(entry["text"]), world)
        except skipped:
            found = "skipped"
    if "value" in entry:
        assert found == [entry["value"]] and type(found[0]) is type(entry["value"])
    else:
        assert found == entry["is"]


def test_the_count_stops_what_runs_away() -> None:
    with pytest.raises(Runaway), Counted():
        while True:
            len("")
