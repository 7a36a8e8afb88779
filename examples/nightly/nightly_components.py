"""The components of the nightly load."""

from __future__ import annotations

from typing import Any


class NegativeRows(ValueError):
    code = "NEGATIVE"


def load(value: dict[str, Any]) -> dict[str, Any]:
    if value["rows"] < 0:
        raise NegativeRows(f"{value['rows']} rows")
    return {"day": value["day"], "table": f"load_{value['day']}", "count": value["rows"]}


def rates(value: dict[str, Any]) -> dict[str, Any]:
    return {"day": value["day"], "EUR": 1.0}


def check(value: dict[str, Any]) -> dict[str, Any]:
    return {"checked": value["table"]}


def publish(value: dict[str, Any]) -> dict[str, Any]:
    return {"ok": bool(value["table"])}


def drop(value: dict[str, Any]) -> dict[str, Any]:
    return {"dropped": value["table"]}


def tell(value: dict[str, Any]) -> dict[str, Any]:
    print("the night:", value["outcome"], (value["error"] or {}).get("message"))
    return value
