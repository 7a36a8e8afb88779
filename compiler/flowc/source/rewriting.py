"""Files of other systems written as flowc's own: data that keeps the places it was written at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc.source.located import Map, Seq

if TYPE_CHECKING:
    from flowc.diagnostics import Span

DEFAULT_PLUGINS = {"builtin": {"type": "builtin"}, "python": {"type": "python"}}
DEFAULT_ROUTES = {
    "/builtin/{component}": [{"plugin": "builtin"}],
    "/{*component}": [{"plugin": "python"}],
}
"""What serves components where a file of another system names nothing: the built-ins, and Python
functions."""


class Made:
    """A mapping in the making."""

    def __init__(self, like: Map) -> None:
        self.map = Map()
        self.map.file, self.map.span, self.map.pairs, self.map.places = (
            like.file, like.span, None, {},
        )  # fmt: skip

    def put(self, key: str, value: Any, key_at: Span, value_at: Span) -> None:
        """Add an entry that says where it comes from."""
        self.map[key] = value
        self.map.places[key] = (_place(key_at), _place(value_at))


def _place(span: Span) -> tuple[int, int, int]:
    return span.line, span.column, span.length


def located(value: Any, at: Span) -> Any:
    """Return plain data as if all of it were written at ``at``."""
    if isinstance(value, dict):
        found = Map()
        found.file, found.span, found.pairs, found.places = at.file, at, None, {}
        for key, inner in value.items():
            found[key] = located(inner, at)
            found.places[key] = (_place(at), _place(at))
        return found
    if isinstance(value, list):
        return listed([located(inner, at) for inner in value], at)
    return value


def listed(items: list[Any], at: Span) -> Seq:
    """Return a list that stands at ``at``, and so its items unless they know better."""
    found = Seq(items)
    found.file, found.span = at.file, at
    places = [item.span if isinstance(item, (Map, Seq)) else at for item in items]
    found.places = [_place(place) for place in places]
    return found
