"""A file by reference: ``{"$artifact": uri}``, as flows write it and results hold it.

``size`` and ``sha256`` are there where flowc stored the file itself. Steps hand references on like
any other data; the file moves only to where a component runs that reads files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowc_shim.contract.json_types import Json

KEY = "$artifact"
_KEYS = frozenset({KEY, "size", "sha256", "path"})

Reference = dict[str, "Json"]


def is_reference(value: Json) -> bool:
    """Whether ``value`` is a reference to a file."""
    return isinstance(value, dict) and isinstance(value.get(KEY), str) and value.keys() <= _KEYS


def replaced(value: Json, change: Callable[[Reference], Reference]) -> Json:
    """Return ``value`` with every reference in it changed."""
    if is_reference(value):
        return change(value)
    if isinstance(value, dict):
        return {key: replaced(member, change) for key, member in value.items()}
    if isinstance(value, list):
        return [replaced(item, change) for item in value]
    return value


def references_in(value: Json) -> Iterator[Reference]:
    """Yield every reference in ``value``."""
    if is_reference(value):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from references_in(member)
    elif isinstance(value, list):
        for item in value:
            yield from references_in(item)
