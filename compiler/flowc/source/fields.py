"""Strict decoding of mappings: known keys, required keys, expected kinds of values.

A :class:`Shape` says, as data, which keys a mapping may have; the same tables make the JSON
Schemas of ``flowc schema``. Problems are reported where they stand and decoding goes on, so that
one run finds all of them.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowc.diagnostics import Code, Diagnostics, Severity, Span, codes
from flowc.source.located import Map, Seq
from flowc.source.model import At

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value may be: in words, as a test, and as JSON Schema.

    ``choices``: the words an enumerated text may be, () if it is not enumerated.
    """

    words: str
    accepts: Callable[[Any], bool]
    schema: Mapping[str, Any]
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a mapping. ``nullable``: null means the same as leaving the key out."""

    kind: Kind
    required: bool = False
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """A key that is known but not read: ``message`` follows the key's name in a sentence."""

    code: Code
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """The keys of one kind of mapping; ``title`` names it in messages (``a step``)."""

    title: str
    keys: Mapping[str, Key]
    refused: Mapping[str, Refusal] = field(default_factory=dict)


def is_integer(raw: Any) -> bool:
    """Whether ``raw`` is an integer and not a boolean."""
    return isinstance(raw, int) and not isinstance(raw, bool)


def is_number(raw: Any) -> bool:
    """Whether ``raw`` is a number and not a boolean."""
    return isinstance(raw, (int, float)) and not isinstance(raw, bool)


ANYTHING = Kind("a value", lambda raw: True, {})
TEXT = Kind("a text", lambda raw: isinstance(raw, str), {"type": "string"})
NAME = Kind(
    "a text that is not empty",
    lambda raw: isinstance(raw, str) and raw != "",
    {"type": "string", "minLength": 1},
)
BOOLEAN = Kind("`true` or `false`", lambda raw: isinstance(raw, bool), {"type": "boolean"})
COUNT = Kind(
    "a whole number from 0", lambda raw: is_integer(raw) and raw >= 0,
    {"type": "integer", "minimum": 0},
)  # fmt: skip
POSITIVE = Kind(
    "a whole number from 1", lambda raw: is_integer(raw) and raw >= 1,
    {"type": "integer", "minimum": 1},
)  # fmt: skip
MAPPING = Kind("a mapping", lambda raw: isinstance(raw, dict), {"type": "object"})
LIST = Kind("a list", lambda raw: isinstance(raw, list), {"type": "array"})
TEXTS = Kind(
    "a list of texts",
    lambda raw: isinstance(raw, list),
    {"type": "array", "items": {"type": "string"}},
)
TEXT_MAP = Kind(
    "a mapping of texts",
    lambda raw: isinstance(raw, dict),
    {"type": "object", "additionalProperties": {"type": "string"}},
)


def one_of(*choices: str) -> Kind:
    """Return the kind of a text that is one of ``choices``."""
    return Kind(alternatives(choices), lambda raw: raw in choices, {"enum": list(choices)}, choices)


def described_by(name: str, words: str, kind: Kind = ANYTHING) -> Kind:
    """Return ``kind`` with its JSON Schema taken from the definition ``name``."""
    return Kind(words, kind.accepts, {"$ref": f"#/$defs/{name}"}, kind.choices)


def alternatives(choices: Iterable[str]) -> str:
    """Return "`a`, `b` or `c`"."""
    quoted = [f"`{choice}`" for choice in choices]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]]) if len(quoted) > 1 else quoted[0]


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that ``word`` most likely means, or None."""
    by_folded = {_folded(candidate): candidate for candidate in known}
    close = difflib.get_close_matches(_folded(word), by_folded, n=1, cutoff=0.7)
    return by_folded[close[0]] if close else None


def _folded(word: str) -> str:
    """Return ``word`` without what spellings differ in: ``on_error`` is ``onError``."""
    return word.replace("_", "").replace("-", "").lower()


def describe(raw: Any) -> str:
    """Return what ``raw`` is, for "not …" in a message."""
    if raw is None:
        return "null"
    if isinstance(raw, bool):
        return f"`{str(raw).lower()}`"
    if isinstance(raw, str):
        return f"`{raw}`" if 0 < len(raw) <= 40 and "\n" not in raw else "a text"
    if isinstance(raw, (int, float)):
        return f"`{raw}`"
    return "a list" if isinstance(raw, list) else "a mapping"


@dataclass(slots=True)
class Decoding:
    """Where problems go. ``lenient``: an unknown key is a warning and ignored."""

    diagnostics: Diagnostics
    lenient: bool = False

    def report(
        self,
        code: Code,
        message: str,
        at: Span | None,
        *,
        label: str = "",
        hint: str | None = None,
        secondary: Iterable[tuple[Span | None, str]] = (),
    ) -> None:
        """Report a problem, an unknown key as a warning if ``lenient``."""
        severity = Severity.WARNING if self.lenient and code is codes.UNKNOWN_KEY else None
        self.diagnostics.report(
            code, message, at, label=label, hint=hint, secondary=secondary, severity=severity
        )

    def open(self, raw: Any, shape: Shape, at: Span) -> Fields | None:
        """Return ``raw`` with its keys checked, or None (reported) if it is not a mapping."""
        if not isinstance(raw, Map):
            self.report(codes.WRONG_TYPE, f"{shape.title} is a mapping, not {describe(raw)}", at)
            return None
        for key in raw:
            if key not in shape.keys:
                self._unknown(raw, key, shape)
        for name, key_spec in shape.keys.items():
            if key_spec.required and name not in raw:
                self.report(codes.MISSING_KEY, f"{shape.title} needs `{name}`", at)
        return Fields(raw, shape, self, at)

    def _unknown(self, raw: Map, key: str, shape: Shape) -> None:
        at = raw.key(key)
        refusal = shape.refused.get(key)
        if refusal is not None:
            if refusal.code is codes.IGNORED_KEY and raw[key] is None:
                return  # nothing was said, so nothing is lost
            self.report(refusal.code, f"`{key}` {refusal.message}", at, hint=refusal.hint)
            return
        meant = nearest(key, shape.keys)
        hint = (
            f"write `{meant}`"
            if meant
            else "known keys: " + ", ".join(f"`{name}`" for name in shape.keys)
        )
        self.report(codes.UNKNOWN_KEY, f"`{key}` is not a key of {shape.title}", at, hint=hint)

    def entries(self, raw: Any, what: str, at: Span) -> Iterator[tuple[str, Any, Span, Span]]:
        """Yield name, value and the spans of both from a mapping with free names.

        Reports what is not a mapping; ``what`` names it in the message.
        """
        if not isinstance(raw, Map):
            self.report(codes.WRONG_TYPE, f"{what} is a mapping, not {describe(raw)}", at)
            return
        for name, value in raw.items():
            key_at, value_at = raw.at[name]
            if name == "":
                self.report(codes.INVALID_WORD, f"a name in {what} is empty", key_at)
            else:
                yield name, value, key_at, value_at

    def items(self, raw: Any, what: str, at: Span) -> Iterator[tuple[Any, Span]]:
        """Yield the items of a list with their spans; reports what is not a list."""
        if isinstance(raw, Seq):
            yield from zip(raw, raw.at, strict=True)
        else:
            self.report(codes.WRONG_TYPE, f"{what} is a list, not {describe(raw)}", at)

    def texts(self, raw: Any, what: str, at: Span) -> tuple[At[str], ...]:
        """Return the texts of a list; reports the items that are none."""
        found = []
        for item, item_at in self.items(raw, what, at):
            if isinstance(item, str) and item:
                found.append(At(item, item_at))
            else:
                self.report(
                    codes.WRONG_TYPE,
                    f"{what} is a list of texts, and this is {describe(item)}",
                    item_at,
                    hint="put it in quotes" if isinstance(item, (int, float)) else None,
                )
        return tuple(found)

    def text_map(self, raw: Any, what: str, at: Span) -> dict[str, str]:
        """Return a mapping of texts; numbers and booleans are refused, as quotes are missing."""
        found = {}
        for name, value, _, value_at in self.entries(raw, what, at):
            if isinstance(value, str):
                found[name] = value
            else:
                hint = "put it in quotes" if isinstance(value, (int, float)) else None
                self.report(
                    codes.WRONG_TYPE,
                    f"`{name}` in {what} takes a text, not {describe(value)}", value_at, hint=hint,
                )  # fmt: skip
        return found


@dataclass(slots=True)
class Fields:
    """A mapping whose keys were checked against ``shape``; values are checked as they are read."""

    raw: Map
    shape: Shape
    decoding: Decoding
    at: Span

    def has(self, key: str) -> bool:
        """Whether ``key`` is there, and not null where null means absent."""
        if key not in self.raw or key not in self.shape.keys:
            return False
        return self.raw[key] is not None or not self.shape.keys[key].nullable

    def key_at(self, key: str) -> Span:
        """Return where ``key`` stands."""
        return self.raw.key(key)

    def value_at(self, key: str) -> Span:
        """Return where the value of ``key`` begins."""
        return self.raw.value(key)

    def get(self, key: str) -> Any:
        """Return the value of ``key`` if it is of the key's kind, else None (and report it)."""
        if not self.has(key):
            return None
        raw = self.raw[key]
        kind = self.shape.keys[key].kind
        if kind.accepts(raw):
            return raw
        self.wrong(key, raw, kind)
        return None

    def wrong(self, key: str, raw: Any, kind: Kind) -> None:
        """Report that ``raw`` is not what ``key`` takes."""
        is_word = bool(kind.choices) and isinstance(raw, str)
        meant = nearest(raw, kind.choices) if is_word else None
        self.decoding.report(
            codes.INVALID_WORD if is_word else codes.WRONG_TYPE,
            f"`{key}` takes {kind.words}, not {describe(raw)}",
            self.value_at(key),
            hint=f"write `{meant}`" if meant else None,
        )

    def text(self, key: str) -> str | None:
        """Return a text, or None."""
        value = self.get(key)
        return value if isinstance(value, str) else None

    def located(self, key: str) -> At[str] | None:
        """Return a text with its place, or None."""
        value = self.get(key)
        return At(value, self.value_at(key)) if isinstance(value, str) else None

    def flag(self, key: str) -> bool:
        """Return a boolean, False where it is absent."""
        return self.get(key) is True

    def texts(self, key: str) -> tuple[At[str], ...]:
        """Return a list of texts, () where it is absent."""
        if not self.has(key):
            return ()
        return self.decoding.texts(self.raw[key], f"`{key}`", self.value_at(key))

    def text_map(self, key: str) -> dict[str, str]:
        """Return a mapping of texts, empty where it is absent."""
        if not self.has(key):
            return {}
        return self.decoding.text_map(self.raw[key], f"`{key}`", self.value_at(key))

    def report(
        self, code: Code, message: str, at: Span | None = None, hint: str | None = None
    ) -> None:
        """Report a problem of this mapping."""
        self.decoding.report(code, message, at or self.at, hint=hint)
