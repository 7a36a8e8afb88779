"""Values and settings of a flow, with problems reported where they stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from flowc.diagnostics import Code, Span, codes
from flowc.source.fields import Decoding, Fields, describe
from flowc.source.located import Map, Seq
from flowc.source.model import At
from flowc.source.quantities import QuantityError
from flowc.source.text_spans import content_span
from flowc_shim.language import values as v
from flowc_shim.language.decode import decode_value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowc.source.dialect import Dialect
    from flowc_shim.language.forms import Problem

T = TypeVar("T")

_CODES: dict[str, Code] = {
    "unknown_form": codes.UNKNOWN_VALUE_FORM,
    "unknown_key": codes.UNKNOWN_KEY,
    "missing_key": codes.MISSING_KEY,
    "wrong_type": codes.WRONG_TYPE,
    "path": codes.PATH_SYNTAX,
    "word": codes.INVALID_WORD,
}


@dataclass(slots=True)
class FlowDecoding:
    """What the decoders of a flow's parts share. ``lines``: the file's text."""

    decoding: Decoding
    dialect: Dialect
    lines: Sequence[str] = field(repr=False)

    def value(self, raw: Any, at: Span) -> v.Value:
        """Return the value that ``raw`` spells; problems are reported, null stands in."""
        return decode_value(
            raw, self.dialect.spelling, at=at, locate=self._locate, report=self._problem
        )

    def field_value(self, fields: Fields, key: str, default: v.Value = v.NULL) -> v.Value:
        """Return the value at ``key``, ``default`` where it is absent."""
        if not fields.has(key):
            return default
        return self.value(fields.raw[key], fields.value_at(key))

    def expression(self, text: str, at: Span) -> v.Expr:
        """Return an expression that is written as plain text."""
        return v.Expr(text, at=content_span(self.lines, at, text))

    def setting(self, fields: Fields, key: str, parse: Callable[[Any], T]) -> (
        T | v.VariableRef | None
    ):  # fmt: skip
        """Return what ``parse`` makes of ``key``, or the variable that is there instead."""
        if not fields.has(key):
            return None
        raw = fields.raw[key]
        if isinstance(raw, Map):
            return self._variable(raw, key, fields.value_at(key))
        return quantity(fields, key, parse)

    def located_setting(self, fields: Fields, key: str, parse: Callable[[Any], T]) -> (
        At[T | v.VariableRef] | None
    ):  # fmt: skip
        """Return :meth:`setting` with its place."""
        value = self.setting(fields, key, parse)
        return None if value is None else At(value, fields.value_at(key))

    def _variable(self, raw: Map, key: str, at: Span) -> v.VariableRef | None:
        value = self.value(raw, at)
        if isinstance(value, v.VariableRef):
            return value
        if "$variable" not in raw:  # else its problem was reported
            self.decoding.report(
                codes.WRONG_TYPE,
                f"`{key}` is fixed before the run: it takes a plain value or `$variable`",
                at,
            )
        return None

    def _locate(self, container: Any, key: str | int, part: str) -> Span | None:
        if isinstance(container, Map) and isinstance(key, str):
            if part == "key":
                return container.key(key)
            at = container.value(key)
            if key == "$expr" and isinstance(container[key], str):
                return content_span(self.lines, at, container[key])
            return at
        if isinstance(container, Seq) and isinstance(key, int):
            return container.item(key)
        return None

    def _problem(self, problem: Problem) -> None:
        at = problem.at if isinstance(problem.at, Span) else None
        refusal = self.dialect.forms.get(problem.subject)
        if refusal is not None:
            self.decoding.report(
                refusal.code, f"`{problem.subject}` {refusal.message}", at, hint=refusal.hint
            )
        else:
            self.decoding.report(_CODES[problem.kind], problem.message, at, hint=problem.hint)


def quantity(fields: Fields, key: str, parse: Callable[[Any], T]) -> T | None:
    """Return what ``parse`` makes of ``key``; None where it is absent or refused (reported)."""
    if not fields.has(key):
        return None
    try:
        return parse(fields.raw[key])
    except QuantityError as error:
        raw = fields.raw[key]
        code = codes.RESOURCE_QUANTITY if key in _RESOURCES else codes.INVALID_WORD
        fields.report(
            code, f"`{key}` {error}, not {describe(raw)}", fields.value_at(key), error.hint
        )
        return None


_RESOURCES = frozenset({"cpu", "memory", "disk", "gpu"})
