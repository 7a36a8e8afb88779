"""``${VAR}`` and ``${VAR:-default}`` in the strings of stack and project files."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowc.diagnostics import Span, codes
from flowc.source.located import Document, Map, Seq

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.source.fields import Decoding

_REFERENCE = re.compile(r"\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^${}]*))?\})?")


def interpolate(document: Document, environ: Mapping[str, str], decoding: Decoding) -> Any:
    """Return the root of ``document`` with the references in its values replaced; keys stay.

    Values come from ``environ`` and nowhere else, and are not looked at again. As in a shell,
    ``:-default`` counts for a variable that is unset or empty.
    """
    return _Interpolation(environ, decoding).value(document.root, document.span)


@dataclass(slots=True)
class _Interpolation:
    environ: Mapping[str, str]
    decoding: Decoding
    done: dict[int, Any] = field(default_factory=dict)
    """Copies of mappings and lists by identity: what aliases share is reported once."""

    def value(self, raw: Any, at: Span) -> Any:
        if isinstance(raw, str):
            return self._text(raw, at) if "${" in raw else raw
        if not isinstance(raw, (Map, Seq)):
            return raw
        if id(raw) not in self.done:
            self.done[id(raw)] = self._map(raw) if isinstance(raw, Map) else self._seq(raw)
        return self.done[id(raw)]

    def _map(self, raw: Map) -> Map:
        out = Map((key, self.value(value, raw.value(key))) for key, value in raw.items())
        out.file, out.span, out.places, out.pairs = raw.file, raw.span, raw.places, None
        if raw.pairs is not None:
            out.pairs = [
                (self.value(key, raw.span), self.value(value, raw.span)) for key, value in raw.pairs
            ]
        return out

    def _seq(self, raw: Seq) -> Seq:
        out = Seq(self.value(item, raw.item(index)) for index, item in enumerate(raw))
        out.file, out.span, out.places = raw.file, raw.span, raw.places
        return out

    def _text(self, text: str, at: Span) -> str:
        return _REFERENCE.sub(lambda match: self._replacement(match, at), text)

    def _replacement(self, match: re.Match[str], at: Span) -> str:
        name, default = match.groups()
        if name is None:
            self.decoding.report(
                codes.INVALID_WORD,
                "`${` begins the name of an environment variable, and none follows",
                at,
                hint="write `${NAME}` or `${NAME:-default}`",
            )
            return match[0]
        value = self.environ.get(name)
        if default is not None:
            return value or default
        if value is None:
            self.decoding.report(
                codes.ENVIRONMENT_VARIABLE_NOT_SET,
                f"environment variable `{name}` is not set",
                at,
                hint=f"set it, or write `${{{name}:-default}}`",
            )
            return match[0]
        return value
