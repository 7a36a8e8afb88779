"""The forms that values are written in, per spelling, as tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any
from typing import Literal as Word


class Spelling(Enum):
    """Which forms are read: a dialect's, or the plan's own."""

    MODERN = "modern"
    CLASSIC = "classic"
    FLOWC = "flowc"
    PLAN = "plan"
    TRIGGER = "trigger"
    """The input that a trigger gives its runs."""


ProblemKind = Word["unknown_form", "unknown_key", "missing_key", "wrong_type", "path", "word"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a value cannot say; ``at`` is what ``locate`` gave for the place.

    ``subject``: the key that is the trouble, where the trouble is a key.
    """

    kind: ProblemKind
    message: str
    at: object
    hint: str | None = None
    subject: str = ""


class ValueSyntaxError(ValueError):
    """A value that arrived as data is malformed."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


Locate = Callable[[Any, "str | int", Word["key", "value"]], object]


JSON_SCHEMA_WORDS = frozenset({"$ref", "$defs", "$schema", "$id", "$comment", "$anchor"})

EXTRA_KEYS: Mapping[str, tuple[str, ...]] = {
    "$literal": (),
    "$if": ("then", "else"),
    "$coalesce": (),
    "$step": ("path",),
    "$input": (),
    "$variable": ("default",),
    "$expr": (),
    "$item": (),
    "$index": (),
    "$state": (),
    "$iteration": (),
    "$run": (),
    "$trigger": (),
    "$artifact": (),
    "$from": ("path", "onSkip"),
}
_MODERN = ("$literal", "$if", "$coalesce", "$step", "$input", "$variable")
_FLOWC = (
    *_MODERN, "$expr", "$item", "$index", "$state", "$iteration", "$run", "$trigger", "$artifact",
)  # fmt: skip
FORMS: Mapping[Spelling, tuple[str, ...]] = {
    Spelling.MODERN: _MODERN,
    Spelling.CLASSIC: ("$literal", "$from"),
    Spelling.FLOWC: _FLOWC,
    Spelling.PLAN: _FLOWC,
    Spelling.TRIGGER: ("$literal", "$trigger"),
}


def _allowed_keys(form: str, spelling: Spelling) -> frozenset[str]:
    allowed = {form, *EXTRA_KEYS[form]}
    if form == "$step" and spelling in (Spelling.FLOWC, Spelling.PLAN):
        allowed.add("onSkip")
    if spelling is Spelling.PLAN:
        allowed |= {"$step": {"tolerant"}, "$expr": {"steps"}}.get(form, set())
    return frozenset(allowed)


ALLOWED_KEYS: Mapping[Spelling, Mapping[str, frozenset[str]]] = {
    spelling: {form: _allowed_keys(form, spelling) for form in forms}
    for spelling, forms in FORMS.items()
}


def value_forms(spelling: Spelling) -> dict[str, tuple[str, ...]]:
    """Return the forms that a spelling has, with the other keys that each may have."""
    return {form: tuple(sorted(keys - {form})) for form, keys in ALLOWED_KEYS[spelling].items()}


FILE_SCHEMES = ("s3", "gs", "az", "file")
"""Where a file that a flow names may be."""

A_FILE = "the URI of a file: " + ", ".join(f"`{scheme}://`" for scheme in FILE_SCHEMES)
"""What is told to who writes another text where a file is meant."""


def names_file(text: str) -> bool:
    """Whether ``text`` is the URI of a file that a shim can read; a folder is none."""
    scheme, colon, rest = text.partition("://")
    return bool(colon and scheme in FILE_SCHEMES and rest.strip("/")) and not text.endswith("/")
