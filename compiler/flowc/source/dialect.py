"""Dialects of the flow language: what tells them apart, and which one a file is.

A dialect is data: the keys of its mappings and the facts that its files mean. Nothing behind the
decoder knows dialects; see :class:`flowc.source.model.Facts`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowc.diagnostics import Span, codes
from flowc.source.fields import Decoding, Kind, Refusal, Shape, describe
from flowc.source.located import Map, Seq

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc.source.model import Facts
    from flowc_shim.language.forms import Spelling

FLOWC_V1 = "flowc/v1"
_MODERN_FORMS = ("$step", "$input", "$variable", "$if", "$coalesce")
_CLASSIC_KEYS = ("inputSchema", "outputSchema")


@dataclass(frozen=True, slots=True)
class Dialect:
    """A dialect. ``actions``: shapes of ``onError`` by action, with ``action`` in ``action_kind``.

    ``template_defaults``: whether ``defaultValue`` is a value with forms in it, not literal data.
    ``forms``: value forms (``$name``) that are refused by name.
    """

    name: str
    spelling: Spelling
    facts: Facts
    flow: Shape
    step: Shape
    on_error: Shape
    action_kind: Kind
    actions: Mapping[str, Shape]
    template_defaults: bool
    refused_actions: Mapping[str, Refusal] = field(default_factory=dict)
    forms: Mapping[str, Refusal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that only one dialect has, and where it stands."""

    what: str
    at: Span


@dataclass(slots=True)
class Marks:
    """The first sign of each Stepflow dialect in a file, and the weak signs of the classic one."""

    modern: Mark | None = None
    classic: Mark | None = None
    classic_key: Mark | None = None


def find_marks(root: Map) -> Marks:
    """Return what a Stepflow file gives away; what is inside ``$literal`` does not count."""
    marks = Marks()
    for key in _CLASSIC_KEYS:
        if key in root and marks.classic_key is None:
            marks.classic_key = Mark(f"`{key}`", root.key(key))
    for value in _values(root, marks):
        _search(value, marks)
        if marks.modern and marks.classic:
            break
    return marks


def _values(root: Map, marks: Marks) -> Iterator[Any]:
    """Yield the values of a flow, noting the keys of steps on the way."""
    steps = root.get("steps")
    for step in steps if isinstance(steps, Seq) else ():
        if not isinstance(step, Map):
            continue
        if "skipIf" in step:
            marks.classic = marks.classic or Mark("`skipIf`", step.key("skipIf"))
            yield step["skipIf"]
        for key in _CLASSIC_KEYS:
            if key in step and marks.classic_key is None:
                marks.classic_key = Mark(f"`{key}`", step.key(key))
        yield step.get("input")
    yield root.get("output")


def _search(value: Any, marks: Marks) -> None:
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(reversed(node))
        elif isinstance(node, Map) and "$literal" not in node:
            if marks.classic is None and "$from" in node:
                marks.classic = Mark("`$from`", node.key("$from"))
            if marks.modern is None:
                form = next((form for form in _MODERN_FORMS if form in node), None)
                if form is not None:
                    marks.modern = Mark(f"`{form}`", node.key(form))
            stack.extend(reversed(node.values()))


def choose_dialect(
    root: Map, decoding: Decoding, flowc: Dialect, modern: Dialect, classic: Dialect
) -> Dialect | None:
    """Return the dialect of a flow, or None (reported) if it is of none or of several."""
    schema = root.get("schema")
    if schema == FLOWC_V1:
        return flowc
    marks = find_marks(root)
    if marks.classic and marks.modern:
        decoding.report(
            codes.MIXED_DIALECTS,
            f"{marks.classic.what} is classic Stepflow, {marks.modern.what} is modern; "
            "one file has to be one of them",
            marks.classic.at,
            label="classic",
            secondary=[(marks.modern.at, "modern")],
            hint="no Stepflow release reads both; `stepflow 0.9` and newer read the modern form",
        )
        return None
    if marks.classic or (marks.classic_key and not marks.modern and "schemas" not in root):
        return classic
    if _is_stepflow(schema):
        return modern
    decoding.report(
        codes.INVALID_WORD,
        f"`schema` takes `{FLOWC_V1}` or a stepflow.org address, not {describe(schema)}",
        root.value("schema"),
        hint=f"write `schema: {FLOWC_V1}`",
    )
    return None


def _is_stepflow(schema: Any) -> bool:
    return schema is None or (isinstance(schema, str) and "stepflow.org/" in schema)
