"""Components of the forecast flow: plain functions, run in the unit's own image."""

from __future__ import annotations

from typing import Any


def extract_sales(input: dict[str, Any]) -> dict[str, Any]:
    """Give a table of sales for a day (made up from the day, so that runs agree)."""
    seed = sum(map(ord, input["day"]))
    return {"table": [(seed * n) % 17 for n in range(1, 13)], "depths": [2, 4, 6]}


def fit(input: dict[str, Any]) -> dict[str, Any]:
    """Fit a 'model'; one corner of the grid does not converge."""
    alpha, depth = input["alpha"], input["depth"]
    if alpha == 1.0 and depth == 6:
        raise ArithmeticError("did not converge")
    error = abs(alpha - 0.3) + abs(depth - 6) / 10 + sum(input["table"]) / 10_000
    return {"model": f"alpha={alpha},depth={depth}", "rmse": round(error, 4)}


def argmin(input: dict[str, Any]) -> dict[str, Any]:
    """Give the candidate with the least error; items that failed are null."""
    best = min((c for c in input["candidates"] if c), key=lambda c: c["rmse"])
    return {"name": best["model"], "rmse": best["rmse"]}


def notify(input: dict[str, Any]) -> dict[str, Any]:
    """Pretend to send a message."""
    return {"sent": bool(input["text"])}


def publish(input: dict[str, Any]) -> dict[str, Any]:
    """Pretend to publish a model."""
    return {"ok": bool(input["model"])}
