"""A world of names for expressions to be evaluated in."""

from __future__ import annotations

from typing import Any

import pytest


class Skipped(Exception):
    """Control flow of the names' own: the step was skipped."""


class World:
    """Names from plain dictionaries; a step whose value is ``Skipped`` has none."""

    def __init__(self, roots: dict[str, Any], steps: dict[str, Any]) -> None:
        self.roots = roots
        self.steps = steps
        self.read: list[str] = []

    def name(self, root: str) -> Any:
        return self.roots[root]

    def step(self, id: str) -> Any:
        self.read.append(id)
        if self.steps.get(id, Skipped) is Skipped:
            raise Skipped(id)
        return self.steps[id]

    def has_step(self, id: str) -> bool:
        return self.steps.get(id, Skipped) is not Skipped


ROOTS: dict[str, Any] = {
    "input": {
        "n": 7,
        "x": 2.5,
        "one": 1.0,
        "name": "forecast",
        "day": "2026-01-31",
        "nothing": None,
        "yes": True,
        "list": [3, 1, 2],
        "map": {"a": 1, "b-c": {"d": None}},
        "size": 5,
        "in": 6,
        "big": 2**70,
    },
    "vars": {"region": "eu"},
    "item": {"alpha": 0.1},
    "index": 4,
    "error": {"class": "user", "code": "HTTP_503", "attempt": 2},
    "trigger": None,
}
STEPS: dict[str, Any] = {
    "fit": {"loss": 0.25, "rows": [{"id": "r1"}]},
    "my-id": 3,
    "skipped": Skipped,
}


@pytest.fixture
def skipped() -> type[Exception]:
    return Skipped


@pytest.fixture
def world() -> World:
    return World(ROOTS, STEPS)


@pytest.fixture(scope="session")
def world_of() -> type[World]:
    return World
