"""Located YAML: text to plain data that remembers where each part came from.

PyYAML's C parser is used through its events: that is the fastest reader that knows positions, it
lets duplicate keys, aliases and merge keys be refused, and scalars follow the YAML 1.2 core schema
instead of 1.1 (``on``, ``no`` and ``12:30`` stay strings). JSON is read by the same code.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import yaml
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from flowc.diagnostics import Code, Diagnostics, Span, codes
from flowc.diagnostics.excerpt import split_lines
from flowc.source.located import Document, Map, Place, Seq, resolve_scalar
from flowc.source.yaml_errors import report_syntax
from flowc.source.yaml_text import Prepared, find_refused, prepare, without_mark

__all__ = [
    "MAX_ALIASES",
    "MAX_DEPTH",
    "MAX_EXPANDED",
    "Document",
    "Map",
    "Seq",
    "read",
    "resolve_scalar",
]

_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SURROGATE = re.compile("[\ud800-\udfff]")
_TAG = re.compile(r"!(?:<[^>]*>|[^\s,\[\]{}]*)")
_REFUSED_KEY = object()
_PROPERTIES = re.compile(r"(?:[&!][^\s,\[\]{}]*\s+)+")
_BLOCK_HEADER = re.compile(r"[|>][^\s#]*")

MAX_ALIASES = 100
MAX_EXPANDED = 100_000
"""How many values all aliases of a file may stand for together."""
MAX_DEPTH = 200


def read(text: str, file: str, diagnostics: Diagnostics) -> Document | None:
    """Return the located tree of one YAML or JSON text, or None if it is of no use.

    Errors are reported, not raised. A document may come back although errors were reported (all
    duplicate keys, for instance), so that later stages find more; a barrier must follow.
    """
    text = without_mark(text)
    refused = find_refused(text)
    if refused is not None:
        _report_refused(text, refused, file, diagnostics)
        return None
    prepared = prepare(text, file)
    parser = _Parser(prepared.text)
    try:
        return _Reader(parser, text, prepared, file, diagnostics).document()
    except _Stop:
        return None
    except yaml.MarkedYAMLError as error:
        report_syntax(error, text, split_lines(text), file, diagnostics)
        return None
    finally:
        parser.dispose()


def _report_refused(text: str, index: int, file: str, diagnostics: Diagnostics) -> None:
    *before, last = split_lines(text[:index])
    diagnostics.report(
        codes.YAML_SYNTAX,
        f"character U+{ord(text[index]):04X} is not allowed",
        Span(file, len(before) + 1, len(last) + 1),
        hint="write it as an escape in double quotes, or remove it",
    )


class _Stop(Exception):
    """Reading cannot go on; the diagnostic is already reported."""


class _Anchor(NamedTuple):
    """A finished value that has a name, and what an alias of it costs."""

    value: Any
    text: str | None
    """The scalar as text, in case it is used as a key; None for collections."""
    size: int
    height: int


class _Reader:
    """One pass over the parser's events: each method ends where the node it was given ends."""

    __slots__ = ("aliases", "anchors", "depth", "diagnostics", "expanded", "file", "get", "lines",
                 "peak", "prepared", "size", "text")  # fmt: skip

    def __init__(
        self, parser: Any, text: str, prepared: Prepared, file: str, diagnostics: Diagnostics
    ) -> None:
        self.get = parser.get_event
        self.text = text
        self.prepared = prepared
        self.file = file
        self.diagnostics = diagnostics
        self.lines: list[str] | None = None
        self.anchors: dict[str, _Anchor | None] = {}  # None: still being read
        self.aliases = 0
        self.expanded = 0  # values that aliases stood for so far
        self.size = 0  # values read so far, with those that aliases stood for
        self.depth = 0
        self.peak = 0  # the greatest depth since the innermost collection with an anchor began

    def document(self) -> Document | None:
        self.get()  # stream start
        if type(self.get()) is StreamEndEvent:
            self.report(codes.EMPTY_DOCUMENT, "this file has no content", Span(self.file, 1, 1))
            return None
        event = self.get()
        if type(event) is ScalarEvent and not event.value and event.implicit[0]:
            self.report(codes.EMPTY_DOCUMENT, "this file has no content", Span(self.file, 1, 1))
            return None
        span = self.span(event)
        root = self.node(event)
        self.get()  # document end
        event = self.get()
        if type(event) is not StreamEndEvent:
            start = event.start_mark
            self.diagnostics.report(
                codes.SEVERAL_DOCUMENTS,
                "a second document begins here",
                Span(self.file, start.line + 1, start.column + 1, len("---")),
                hint="put it into a file of its own",
            )
        return Document(self.file, self.text, root, span)

    def report(self, code: Code, message: str, at: Span, hint: str | None = None) -> None:
        self.diagnostics.report(code, message, at, hint=hint)

    def node(self, event: Any) -> Any:
        kind = type(event)
        if kind is ScalarEvent:
            return self.scalar(event)
        if kind is AliasEvent:
            return self.alias(event).value
        return self.collection(event, kind is MappingStartEvent)

    def scalar(self, event: Any) -> Any:
        self.size += 1
        text: str = event.value
        value: Any = text
        if self.prepared.table or self.prepared.may_hold_surrogates:
            value = text = self.restored(event)
        if event.tag is not None:
            self.refuse_tag(event)
        elif event.implicit[0]:
            try:
                value = resolve_scalar(text)
            except ValueError as error:
                value = None
                self.report(codes.NUMBER, str(error), self.span(event))
        if event.anchor is not None:
            self.anchors[event.anchor] = _Anchor(value, text, 1, 0)
        return value

    def restored(self, event: Any) -> str:
        # Only the pure parser lets halves of a pair pass; libyaml has an error of its own.
        if self.prepared.may_hold_surrogates and _SURROGATE.search(event.value):
            self.report(codes.YAML_SYNTAX, "invalid character escape", self.span(event))
            raise _Stop
        return self.prepared.restore(event.value)

    def collection(self, event: Any, is_map: bool) -> Map | Seq:
        span = self.span(event)
        self.size += 1
        self.depth += 1
        if self.depth > self.peak:
            self.peak = self.depth
            self.check_depth(self.depth, span)
        if event.tag is not None:
            self.refuse_tag(event)
        if event.anchor is None:
            out = self.mapping(span) if is_map else self.sequence(span)
        else:
            self.anchors[event.anchor] = None
            size, peak, self.peak = self.size, self.peak, self.depth
            out = self.mapping(span) if is_map else self.sequence(span)
            height = self.peak - self.depth + 1
            self.anchors[event.anchor] = _Anchor(out, None, self.size - size + 1, height)
            self.peak = max(peak, self.peak)
        self.depth -= 1
        return out

    def sequence(self, span: Span) -> Seq:
        out = Seq()
        at: list[Place] = []
        out.file, out.span, out.places = self.file, span, at
        get, place, node = self.get, self.place, self.node
        while type(event := get()) is not SequenceEndEvent:
            at.append(place(event))
            out.append(node(event))
        return out

    def mapping(self, span: Span) -> Map:
        out = Map()
        at: dict[str, tuple[Place, Place]] = {}
        out.file, out.span, out.places, out.pairs = self.file, span, at, None
        get, place, node = self.get, self.place, self.node
        while type(event := get()) is not MappingEndEvent:
            key_place = place(event)
            key = self.key(event)
            event = get()
            value_place = place(event)
            value = node(event)
            if type(key) is not str:
                if key is not _REFUSED_KEY:
                    self.add_complex(out, key, Span(self.file, *key_place), value)
            elif key in out:
                here = Span(self.file, *key_place)
                self.duplicate(f"duplicate key `{_short(key)}`", here, out.key(key))
            else:
                at[key] = (key_place, value_place)
                out[key] = value
                if out.pairs is not None:
                    out.pairs.append((self.key_value(key, out.key(key)), value))
        return out

    def key(self, event: Any) -> Any:
        """Return the text of a scalar key, a complex key as it is, or _REFUSED_KEY."""
        kind = type(event)
        if kind is ScalarEvent:
            if event.value == "<<" and event.implicit[0]:
                place, hint = self.span(event), "write out the keys that it would bring in"
                self.report(codes.MERGE_KEY, "merge key `<<` is not supported", place, hint)
                return _REFUSED_KEY
            self.size += 1
            if event.tag is not None:
                self.refuse_tag(event)
            text = event.value
            if self.prepared.table or self.prepared.may_hold_surrogates:
                text = self.restored(event)
            if event.anchor is not None:
                self.anchors[event.anchor] = _Anchor(
                    self.key_value(text, self.span(event)), text, 1, 0
                )
            return text
        if kind is AliasEvent:
            anchor = self.alias(event)
            return anchor.value if anchor.text is None else anchor.text
        return self.node(event)

    def key_value(self, key: str, span: Span) -> Any:
        """Return what a key that is kept as text would be as a value."""
        if self.lines is None:
            self.lines = split_lines(self.text)
        if self.lines[span.line - 1][span.column - 1 : span.column] in ("'", '"', "*"):
            return key
        try:
            return resolve_scalar(key)
        except ValueError:
            return key

    def add_complex(self, out: Map, key: Any, span: Span, value: Any) -> None:
        if out.pairs is None:
            out.pairs = [(self.key_value(k, out.key(k)), v) for k, v in out.items()]
        identity = _identity(key)
        for other, _ in out.pairs:
            if isinstance(other, (Map, Seq)) and _identity(other) == identity:
                self.duplicate("duplicate key", span, other.span)
                return
        out.pairs.append((key, value))

    def duplicate(self, message: str, at: Span, first: Span) -> None:
        self.diagnostics.report(
            codes.DUPLICATE_KEY,
            message,
            at,
            hint="remove or rename one of them",
            secondary=[(first, "first used here")],
        )

    def alias(self, event: Any) -> _Anchor:
        span = self.span(event)
        name = event.anchor
        anchor = self.anchors.get(name)
        self.aliases += 1
        if anchor is None:
            if name in self.anchors:
                self.report(codes.TOO_MANY_ALIASES, f"`*{name}` stands inside itself", span)
            else:
                hint = f"define it before with `&{name}`, or quote the text"
                self.report(codes.YAML_SYNTAX, f"no anchor `&{name}` before this alias", span, hint)
            raise _Stop
        self.size += anchor.size
        self.expanded += anchor.size
        if self.aliases > MAX_ALIASES or self.expanded > MAX_EXPANDED:
            message = f"more than {MAX_ALIASES} aliases in this file"
            if self.expanded > MAX_EXPANDED:
                message = f"the aliases up to here stand for more than {MAX_EXPANDED:,} values"
            self.report(codes.TOO_MANY_ALIASES, message, span, "write the values out")
            raise _Stop
        self.peak = max(self.peak, self.depth + anchor.height)
        self.check_depth(self.depth + anchor.height, span)
        return anchor

    def check_depth(self, depth: int, span: Span) -> None:
        if depth > MAX_DEPTH:
            message = f"mappings and lists are nested deeper than {MAX_DEPTH}"
            self.report(codes.NESTING_TOO_DEEP, message, span)
            raise _Stop

    def refuse_tag(self, event: Any) -> None:
        start = event.start_mark
        match = _TAG.search(self.text, start.index)
        tag = match[0] if match else event.tag
        column = start.column + (match.start() - start.index if match else 0)
        self.report(
            codes.TAG,
            f"tag `{_short(tag)}` is not supported",
            Span(self.file, start.line + 1, column + 1, len(tag)),
            hint="remove it; a value in quotes is always text",
        )

    def span(self, event: Any) -> Span:
        """Return where a node itself stands, after its anchor and tag."""
        return Span(self.file, *self.place(event))

    def place(self, event: Any) -> Place:
        """Return the same as line, column and length: hundreds of thousands are never asked for."""
        start = event.start_mark
        line, column = start.line, start.column
        kind = type(event)
        if kind is AliasEvent:
            return line + 1, column + 1, len(event.anchor) + 1
        if event.anchor is not None or event.tag is not None:
            line, column = self.after_properties(start)
        if kind is not ScalarEvent:
            return line + 1, column + 1, 1
        end = event.end_mark
        if end.line == line:
            return line + 1, column + 1, (end.column - column) or 1
        return line + 1, column + 1, self.first_line_width(line, column)

    def after_properties(self, start: Any) -> tuple[int, int]:
        match = _PROPERTIES.match(self.text, start.index)
        *before, last = split_lines(match[0]) if match else [""]
        if before:
            return start.line + len(before), len(last)
        return start.line, start.column + len(last)

    def first_line_width(self, line: int, column: int) -> int:
        """Return the width of what a scalar of several lines has on its first."""
        if self.lines is None:
            self.lines = split_lines(self.text)
        rest = self.lines[line][column:]
        header = _BLOCK_HEADER.match(rest)
        return max(1, len(header[0] if header else rest.rstrip()))


def _short(text: str) -> str:
    """Return a key or tag as a message shows it: on one line and of bearable length."""
    text = text if text.isprintable() else repr(text)[1:-1]
    return text if len(text) <= 60 else f"{text[:59]}…"


def _identity(value: Any) -> str:
    """Return a text that two equal keys share, whatever the order of their entries."""
    if isinstance(value, Map):
        pairs = value.items() if value.pairs is None else value.pairs
        return "{" + ",".join(sorted(f"{_identity(k)}:{_identity(v)}" for k, v in pairs)) + "}"
    if isinstance(value, Seq):
        return "[" + ",".join(map(_identity, value)) + "]"
    return repr(value)
