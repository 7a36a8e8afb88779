"""One engine for the harness's own tests."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.engines.step_functions.engine import StepFunctionsEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHILD = [sys.executable, "-S", "-E", str(Path(__file__).with_name("child.py"))]


def child(name: str, event: Any) -> tuple[list[str], dict[str, str]]:
    return CHILD, {"FUNCTION": name}


@pytest.fixture
def engine() -> Iterator[StepFunctionsEngine]:
    with StepFunctionsEngine(child) as made:
        yield made


def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it did not come about within 10 s"
        time.sleep(0.01)
