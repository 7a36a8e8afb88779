"""Environment variables whose values Kubernetes keeps."""

from __future__ import annotations

from typing import Any

SECRET_KEY = "value"  # noqa: S105 (the key in every Kubernetes Secret, not a secret)
"""The key of a Kubernetes Secret under which flowc looks for the value."""


def secret_variable(variable: str, secret: str) -> dict[str, Any]:
    """Return an environment variable with the value of a Kubernetes Secret."""
    reference = {"name": secret, "key": SECRET_KEY}
    return {"name": variable, "valueFrom": {"secretKeyRef": reference}}
