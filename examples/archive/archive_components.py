"""The components of the archive."""

from __future__ import annotations

from typing import Any


def fetch(value: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"day": value["day"], "price": price} for price in (1.5, 2.5, 3.5)]


def check(value: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in value["rows"] if row["price"] > 0]


def convert(value: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**row, "price": row["price"] * 2} for row in value["rows"]]


def smooth(value: dict[str, Any]) -> list[dict[str, Any]]:
    return list(value["rows"])


def keep(value: dict[str, Any]) -> dict[str, Any]:
    return {"count": len(value["rows"])}


def note(value: dict[str, Any]) -> dict[str, Any]:
    return value
