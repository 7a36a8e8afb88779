"""Components of the render flow."""

from __future__ import annotations

from typing import Any


def inspect(input: dict[str, Any]) -> dict[str, Any]:
    """Measure a scene."""
    return {"size": len(input["scene"])}


def render(input: dict[str, Any]) -> dict[str, Any]:
    """Pretend to render."""
    return {"file": input["scene"] + ".png"}


def report(input: dict[str, Any]) -> dict[str, Any]:
    """Say what came out."""
    return {"text": input["image"]}
