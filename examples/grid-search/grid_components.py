"""Components of the grid search: made-up scores, the same in every run."""

from __future__ import annotations

from typing import Any


def folds(input: dict[str, Any]) -> dict[str, Any]:
    """Give the numbers of the folds."""
    return {"folds": list(range(input["folds"]))}


def evaluate(input: dict[str, Any]) -> dict[str, Any]:
    """Score one point; one corner fails, which the loop tolerates."""
    if input["data"] == "b" and input["rate"] == 0.1 and input["fold"] == 0:
        raise ArithmeticError("diverged")
    favourite = 0.1 if input["data"] == "a" else 0.01
    return {"rate": input["rate"], "score": 1.0 - abs(input["rate"] - favourite)}


def best(input: dict[str, Any]) -> dict[str, Any]:
    """Give the rate with the best score; failed points are null."""
    return max((s for s in input["scores"] if s), key=lambda s: s["score"])
