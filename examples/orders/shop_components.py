"""The components of the shop."""

from __future__ import annotations

from typing import Any


def book(value: dict[str, Any]) -> dict[str, Any]:
    return {"id": value["order"]["id"]}


def write(value: dict[str, Any]) -> dict[str, Any]:
    return {"text": f"{value['order']}: {value['sum']} {value['currency']} within {value['due']}"}


def send(value: dict[str, Any]) -> dict[str, Any]:
    return {"sent": value["invoice"]["text"]}


def count(value: dict[str, Any]) -> dict[str, Any]:
    return {"orders": value["orders"]}


def tell(value: dict[str, Any]) -> dict[str, Any]:
    return value
