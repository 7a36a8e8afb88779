"""The components of the example, as functions. Its servers and its program call them too."""

from __future__ import annotations

from math import isqrt
from typing import Any


def plan(input: dict[str, Any]) -> dict[str, Any]:
    """Say which rows there are."""
    radius = input["radius"]
    return {"grid": {"radius": radius, "first": -radius, "last": radius}}


def count(input: dict[str, Any]) -> dict[str, Any]:
    """Count all points in the circle, in one place."""
    return {"inside": inside(input["grid"], 0, 1), "places": 1}


def inside(grid: dict[str, int], first: int, step: int) -> int:
    """Count the points of every ``step``-th row from the ``first``."""
    square = grid["radius"] ** 2
    rows = range(grid["first"] + first, grid["last"] + 1, step)
    return sum(2 * isqrt(square - row * row) + 1 for row in rows)


def write(input: dict[str, Any]) -> dict[str, Any]:
    """Compare the circle with the square of its radius."""
    return {"pi": round(input["inside"] / input["radius"] ** 2, 6)}
