"""The type of a JSON value."""

from __future__ import annotations

from typing import Any, TypeAlias

# mypy cannot express recursive JSON without casts at every access, and every access in the shim is
# guarded by the language's own checks, so the alias documents intent and stays permissive.
Json: TypeAlias = Any
