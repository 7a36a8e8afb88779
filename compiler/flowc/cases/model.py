"""The ``test`` block of a flow file, decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowc.diagnostics import codes
from flowc.source.fields import ANYTHING, LIST, MAPPING, TEXT, Decoding, Key, Refusal, Shape
from flowc.source.located import Map
from flowc_shim.language.decode import plain

if TYPE_CHECKING:
    from flowc.diagnostics import Diagnostics, Span
    from flowc.source.model import At
    from flowc_shim.contract.json_types import Json

_SERVERS = Refusal(
    codes.TEST_CASE,
    "is not read: Stepflow has dropped it as well",
    "give the plugin a `command` in `config`, and flowc starts the server",
)
TEST = Shape(
    "`test`",
    {
        "cases": Key(LIST),
        "config": Key(MAPPING),
        "stepflow_config": Key(MAPPING),
        "configFile": Key(TEXT),
    },
    {"servers": _SERVERS},
)
CASE = Shape(
    "a test case",
    {
        "name": Key(TEXT),
        "description": Key(TEXT),
        "input": Key(ANYTHING),
        "output": Key(MAPPING, nullable=True),
    },
)
OUTCOMES = ("success", "failed", "skipped")


@dataclass(frozen=True, slots=True)
class Case:
    """One case. ``expected``: as written, None if the case expects nothing but success."""

    index: int
    name: str
    input: Json
    expected: Json
    span: Span


@dataclass(frozen=True, slots=True)
class TestBlock:
    """The whole block. ``config``: a located stack of its own; ``config_file``: where one is."""

    __test__ = False  # pytest would take the name for a test's

    cases: tuple[Case, ...]
    config: Map | None = None
    config_file: At[str] | None = None


def decode_test(test: At[Any], diagnostics: Diagnostics) -> TestBlock | None:
    """Return the ``test`` block of a flow, or None (reported) if it cannot be read."""
    found = len(diagnostics.found)
    decoding = Decoding(diagnostics)
    fields = decoding.open(test.value, TEST, test.span)
    if fields is None:
        return None
    config = fields.get("config")
    if config is None:
        config = fields.get("stepflow_config")
    config_file = fields.located("configFile")
    if config is not None and config_file is not None:
        decoding.report(
            codes.CONTRADICTORY_KEYS,
            "`config` and `configFile` both say where the cases run",
            fields.key_at("configFile"),
            hint="keep one of them",
        )
    raw = fields.get("cases")
    cases = [] if raw is None else _cases(raw, fields.value_at("cases"), decoding)
    if len(diagnostics.found) > found and diagnostics.has_errors:
        return None
    return TestBlock(tuple(cases), config if isinstance(config, Map) else None, config_file)


def _cases(raw: Any, at: Span, decoding: Decoding) -> list[Case]:
    found = []
    for index, (item, item_at) in enumerate(decoding.items(raw, "`cases`", at)):
        fields = decoding.open(item, CASE, item_at)
        if fields is None:
            continue
        expected = fields.get("output")
        span = fields.value_at("output") if expected is not None else item_at
        if expected is not None and expected.get("outcome") not in OUTCOMES:
            decoding.report(
                codes.TEST_CASE,
                "an expected output has an `outcome`: `success`, `failed` or `skipped`",
                span,
            )
        name = fields.text("name") or f"case {index + 1}"
        found.append(Case(index, name, plain(item.get("input")), plain(expected), span))
    return found
