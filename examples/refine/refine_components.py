"""Square roots by Newton's method, one step at a time."""

from typing import Any


def guess(value: dict[str, Any]) -> dict[str, Any]:
    """Give a first guess; there is none below zero."""
    if value["n"] < 0:
        raise ValueError("no root of a negative number")
    return {"x": (1 + value["n"]) / 2, "digits": value["digits"]}


def improve(value: dict[str, Any]) -> dict[str, Any]:
    """Give a better guess than ``x``, and how far its square is from ``n``."""
    better = (value["x"] + value["n"] / value["x"]) / 2
    return {"x": better, "error": abs(better**2 - value["n"])}
