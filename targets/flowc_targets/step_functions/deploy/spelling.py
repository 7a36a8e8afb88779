"""CloudFormation's spelling of keys, and that of the services' own APIs."""

from __future__ import annotations

from typing import Any

_FREE = frozenset({"options", "Options"})
"""Keys below which names are the user's, and keep their spelling."""


def camel(value: Any) -> Any:
    """Return CloudFormation's spelling of keys as Batch's and ECS's APIs have it."""
    return _respelled(value, str.lower)


def pascal(value: Any) -> Any:
    """Return the APIs' spelling as CloudFormation's, without what the service fills in empty."""
    return _respelled(value, str.upper)


def _respelled(value: Any, first: Any) -> Any:
    if isinstance(value, dict):
        return {
            first(key[0]) + key[1:]: inner if key in _FREE else _respelled(inner, first)
            for key, inner in value.items()
            if inner not in (None, [], {})
        }
    return [_respelled(one, first) for one in value] if isinstance(value, list) else value
