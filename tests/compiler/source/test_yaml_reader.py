"""The located reader: values, positions, and each of its codes at its place."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from flowc.diagnostics import Diagnostics, Span
from flowc.source import yaml_reader
from flowc.source.located import Document, Map, Seq, resolve_scalar


@pytest.fixture(params=["libyaml", "pure"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs a test with either parser: what users read must not depend on it."""
    chosen = yaml.CSafeLoader if request.param == "libyaml" else yaml.SafeLoader
    monkeypatch.setattr(yaml_reader, "_Parser", chosen)


def read(text: str, file: str = "f.yaml") -> Document:
    found = Diagnostics()
    document = yaml_reader.read(text, file, found)
    assert document is not None and not list(found), list(found)
    return document


def root(text: str, file: str = "f.yaml") -> Any:
    return read(text, file).root


def findings(text: str, file: str = "f.yaml") -> list[tuple[str, tuple[int, int, int], str]]:
    found = Diagnostics()
    yaml_reader.read(text, file, found)
    return [(d.code.number, d.primary.span[1:], d.message) for d in found if d.primary is not None]


# ---- values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None), ("~", None), ("Null", None), ("true", True), ("False", False), ("on", "on"),
        ("no", "no"), ("12:30", "12:30"), ("2024-01-01", "2024-01-01"), ("012", 12), ("0o17", 15),
        ("0x1F", 31), ("1_000", "1_000"), ("1e3", 1000.0), (".5", 0.5), ("1.", 1.0), ("-0", 0),
        ("+7", 7), ("123456789012345678901234567890", 123456789012345678901234567890),
        ("=", "="), (".", "."), ("-", "-"), ("1.2.3", "1.2.3"), ("- ", "- "), ("٣", "٣"),
    ],
)  # fmt: skip
def test_scalars_follow_yaml_1_2(text: str, value: Any) -> None:
    found = resolve_scalar(text)
    assert (type(found), found) == (type(value), value)


@pytest.mark.usefixtures("parser")
def test_only_plain_scalars_are_resolved() -> None:
    assert root("[1, \"1\", '1', true, 'true', '']") == [1, "1", "1", True, "true", ""]
    assert root("a: |\n  1\nb:\n") == {"a": "1\n", "b": None}


@pytest.mark.usefixtures("parser")
def test_keys_are_text_as_written() -> None:
    assert root("1: a\ntrue: b\n~: c\n1.50: d\n'x': e\n? \n: f") == {
        "1": "a", "true": "b", "~": "c", "1.50": "d", "x": "e", "": "f",
    }  # fmt: skip


@pytest.mark.usefixtures("parser")
def test_complex_keys_list_all_pairs() -> None:
    found = root('1: a\n? {x: 1}\n: b\n"2": c\n? [y]\n: d\n3: e\n')
    assert found == {"1": "a", "2": "c", "3": "e"}
    assert found.pairs == [(1, "a"), ({"x": 1}, "b"), ("2", "c"), (["y"], "d"), (3, "e")]
    assert found.pairs[1][0].span == Span("f.yaml", 2, 3)
    assert root("{a: 1}").pairs is None


@pytest.mark.usefixtures("parser")
def test_anchors_within_the_bounds() -> None:
    found = root("a: &x {b: [1, 2]}\nc: *x\n&k key: 1\nagain: *k\n? *x\n: complex\n")
    assert found["c"] == {"b": [1, 2]} and found["again"] == "key"
    assert found.pairs[-1] == ({"b": [1, 2]}, "complex")


# ---- positions


def spans(mapping: Map) -> dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]]:
    return {key: (at[0][1:], at[1][1:]) for key, at in mapping.at.items()}


@pytest.mark.usefixtures("parser")
def test_positions() -> None:
    text = (
        "plain: one two\n"
        '"quoted": "x y"  # comment\n'
        "日本: 'ünï😀'\n"
        "empty:\n"
        "list: [a, {b: c}]\n"
        "block: |-\n  text\n"
        "long: one\n  two\n"
        'many: "one\n  two"\n'
        "map:\n  k: v\n"
        "seq:\n- 1\n-   x\n"
    )
    found = root(text)
    assert spans(found) == {
        "plain": ((1, 1, 5), (1, 8, 7)),
        "quoted": ((2, 1, 8), (2, 11, 5)),
        "日本": ((3, 1, 2), (3, 5, 6)),
        "empty": ((4, 1, 5), (4, 7, 1)),
        "list": ((5, 1, 4), (5, 7, 1)),
        "block": ((6, 1, 5), (6, 8, 2)),
        "long": ((8, 1, 4), (8, 7, 3)),
        "many": ((10, 1, 4), (10, 7, 4)),
        "map": ((12, 1, 3), (13, 3, 1)),
        "seq": ((14, 1, 3), (15, 1, 1)),
    }
    assert [at[1:] for at in found["list"].at] == [(5, 8, 1), (5, 11, 1)]
    assert found["seq"].item(1) == Span("f.yaml", 16, 5, 1)
    assert found.key("plain") == Span("f.yaml", 1, 1, 5)
    assert found.value("plain").inside(4, 3) == Span("f.yaml", 1, 12, 3)
    assert found.span == Span("f.yaml", 1, 1) and found["map"].span == found.value("map")


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_byte_order_mark(ends: str, mark: str) -> None:
    found = root(mark + ends.join(["a: 1", "# x", "b: [", "  c]", ""]))
    assert found == {"a": 1, "b": ["c"]}
    assert found.key("a")[1:] == (1, 1, 1) and found["b"].item(0)[1:] == (4, 3, 1)


@pytest.mark.usefixtures("parser")
def test_what_has_an_anchor_stands_behind_it() -> None:
    found = root("a: &x one\nb: &y\n  k: v\nc: *x\n")
    assert found.value("a")[1:] == (1, 7, 3)
    assert found.value("b")[1:] == (3, 3, 1)
    assert found.value("c")[1:] == (4, 4, 2)


def test_line_separators_of_yaml_1_1_are_text() -> None:
    found = root('a: "x\u2028y \u2029 z\x85"\nb\u2028: 1\nc: 2')
    assert found == {"a": "x\u2028y \u2029 z\x85", "b\u2028": 1, "c": 2}
    assert found.key("c")[1:] == (3, 1, 1)


def test_places_within_a_text() -> None:
    document = read(
        'a: n > 1\nb: "n > 1"\nc: |\n  x &&\n  n > 1\nd: "\\x6e > 1"\ne: >\n  n\n  > 1\n'
    )
    found = document.root

    def within(key: str, offset: int) -> tuple[int, int, int]:
        return document.within(found.value(key), found[key], offset, 1)[1:]

    assert within("a", 2) == (1, 6, 1)
    assert within("b", 2) == (2, 7, 1)
    assert within("c", 2) == (4, 5, 1) and within("c", 7) == (5, 5, 1)
    assert within("d", 2) == found.value("d")[1:]
    assert within("e", 2) == found.value("e")[1:]


# ---- JSON

json_data = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text('ab\t\u2028😀"\\', max_size=4), json_data), st.booleans())
def test_json_reads_as_json(data: dict[str, Any], ascii_only: bool) -> None:
    for layout in ({"indent": "\t"}, {"separators": (",", ":")}, {"indent": 2}):
        text = json.dumps(data, ensure_ascii=ascii_only, **layout)
        if max(text, default="") >= "\x7f" and findings(text, "f.json"):
            # JSON allows control characters that YAML refuses: a clean error, never other data.
            assert {f[0] for f in findings(text, "f.json")} == {"FC101"}
            continue
        assert root(text, "f.json") == data


@pytest.mark.usefixtures("parser")
def test_tabs_in_json_keep_columns() -> None:
    found = root('{\n\t"a": [\n\t\t"x\\ty", {\t"b":\t1e3}\n\t]\n}\n')
    assert found == {"a": ["x\ty", {"b": 1000.0}]}
    assert found.key("a")[1:] == (2, 2, 3)
    assert found["a"].item(1)[1:] == (3, 11, 1)
    assert found["a"][1].value("b")[1:] == (3, 18, 3)


@pytest.mark.usefixtures("parser")
def test_surrogate_pairs_in_json_keep_columns() -> None:
    found = root('{"a": "\\ud83d\\ude00\\\\ud83d", "b": 1}')
    assert found == {"a": "😀\\ud83d", "b": 1}
    assert found.key("b")[1:] == (1, 30, 3)


def test_flow_mapping_is_not_json() -> None:
    assert root("{a: 5\" wide, b: 'x\ty', c: \"x\ty\"}") == {
        "a": '5" wide', "b": "x\ty", "c": "x\ty",
    }  # fmt: skip


# ---- what is refused


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("text", "code", "at", "message"),
    [
        ("a: [1, 2\nb: 3", "FC101", (2, 2, 1), "expected `,` or `]`"),
        ("a: {b: 1\n", "FC101", (1, 9, 1), "expected `,` or `}`"),
        ("a:\n  b: \"x\n", "FC101", (2, 6, 1), "quoted text is never closed"),
        ("a: b: c", "FC101", (1, 5, 1), "`:` is not allowed here"),
        ("a:\n\t- 1", "FC101", (2, 1, 1), "tab used as indentation"),
        ("a: @x", "FC101", (1, 4, 1), "text cannot begin with `@`"),
        ("a: `x", "FC101", (1, 4, 1), "text cannot begin with a backtick"),
        ("a: *b", "FC101", (1, 4, 2), "no anchor `&b` before this alias"),
        ("- a\nb: 1", "FC101", (2, 1, 1), "expected `- ` or the end of the list"),
        ("a:\n    b: 1\n  c: 2", "FC101", (3, 3, 1), "expected a key"),
        ("a: 'it's'", "FC101", (1, 8, 1), "expected a key"),
        ("a: 1\nkey\nb: 2", "FC101", (2, 1, 1), "expected `:` after this key"),
        ("{a: 1,, b}", "FC101", (1, 7, 1), "expected a value"),
        ("[1]]", "FC101", (1, 4, 1), "unexpected text after the end of the document"),
        ("a: !<x", "FC101", (1, 7, 1), "invalid tag"),
        ("a: 1\nb: \x00", "FC101", (2, 4, 1), "character U+0000 is not allowed"),
        ("a: 1\nb: \ud800", "FC101", (2, 4, 1), "character U+D800 is not allowed"),
        ("", "FC102", (1, 1, 1), "this file has no content"),
        ("# only a comment\n", "FC102", (1, 1, 1), "this file has no content"),
        ("---\n", "FC102", (1, 1, 1), "this file has no content"),
        ("a: 1\nb: 2\na: 3", "FC103", (3, 1, 1), "duplicate key `a`"),
        ("? {b: 1, a: 2}\n: 1\n? {a: 2, b: 1}\n: 2", "FC103", (3, 3, 1), "duplicate key"),
        ("a: &x\n  - *x", "FC105", (2, 5, 2), "`*x` stands inside itself"),
        ("a: &x {k: 1}\nb: {<<: *x}", "FC106", (2, 5, 2), "merge key `<<` is not supported"),
        ("a: !x 1", "FC107", (1, 4, 2), "tag `!x` is not supported"),
        ("a: &x !!str 1", "FC107", (1, 7, 5), "tag `!!str` is not supported"),
        ("a: 1\n---\nb: 1", "FC108", (2, 1, 3), "a second document begins here"),
        ("a: -.inf", "FC110", (1, 4, 5), "`-.inf` is not a finite number"),
        ("a: [.NaN]", "FC110", (1, 5, 4), "`.NaN` is not a finite number"),
        ("a: 1e999", "FC110", (1, 4, 5), "number `1e999` is too large"),
        ("a: " + "9" * 4301, "FC110", (1, 4, 4301), "number has more than 4,300 digits"),
        ("a: 0x" + "f" * 4000, "FC110", (1, 4, 4002), "number has more than 4,300 digits"),
    ],
)  # fmt: skip
def test_refused(text: str, code: str, at: tuple[int, int, int], message: str) -> None:
    assert findings(text) == [(code, at, message)]


def test_long_integers_are_exact() -> None:
    assert root("a: -" + "9" * 4300) == {"a": -int("9" * 4300)}


def test_half_of_a_surrogate_pair(parser: None) -> None:
    (found,) = findings('{"a": "\\ud83d"}')
    assert found[0] == "FC101" and found[2] == "invalid character escape"


def test_every_duplicate_is_reported_and_the_first_kept() -> None:
    found = Diagnostics()
    document = yaml_reader.read("a: 1\na: {b: 1, b: 2}\nc: 3\na: 4\nc: 5", "f.yaml", found)
    assert document is not None and document.root == {"a": 1, "c": 3}
    first = [(d.primary and d.primary.span[1:3], d.secondary[0].span[1:3]) for d in found.sorted()]
    assert first == [
        ((2, 1), (1, 1)),
        ((2, 11), (2, 5)),
        ((4, 1), (1, 1)),
        ((5, 1), (3, 1)),
    ]
    assert all(d.secondary[0].text == "first used here" for d in found)


def test_depth() -> None:
    assert isinstance(root("[" * 200 + "]" * 200), Seq)
    assert [f[:2] for f in findings("[" * 201 + "]" * 201)] == [("FC109", (1, 201, 1))]
    assert [f[0] for f in findings("{a: " * 5000)] == ["FC109"]


def test_depth_counts_through_aliases() -> None:
    levels = [f"a0: &a0 {'[' * 60}{']' * 60}"]
    levels += [f"a{i + 1}: &a{i + 1} {'[' * 60}*a{i}{']' * 60}" for i in range(4)]
    assert findings("\n".join(levels[:3])) == []
    assert [f[0] for f in findings("\n".join(levels))] == ["FC109"]


def test_alias_bombs_cost_nothing() -> None:
    lines = ['a: &a ["x", "x", "x", "x", "x", "x", "x", "x", "x"]']
    lines += [
        f"{b}: &{b} [{', '.join(['*' + a] * 9)}]"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    start = time.process_time()
    assert [f[0] for f in findings("\n".join(lines))] == ["FC105"]
    assert time.process_time() - start < 2


def test_number_of_aliases() -> None:
    assert findings(f"a: &x 1\nb: [{', '.join(['*x'] * 100)}]") == []
    assert [f[0] for f in findings(f"a: &x 1\nb: [{', '.join(['*x'] * 101)}]")] == ["FC105"]


@settings(max_examples=500, deadline=None)
@given(st.text("ab:-[]{},\"'\\\n \t#&*!|>%@`?~<0.e\u2028\ufeffé😀\x00\r", max_size=40))
def test_any_text_is_read_or_reported(text: str) -> None:
    found = Diagnostics()
    document = yaml_reader.read(text, "f.yaml", found)
    assert document is not None or found.has_errors
    for finding in found:
        assert finding.primary is not None
        assert finding.primary.span.line >= 1 and finding.primary.span.column >= 1
        assert finding.primary.span.line <= len(text) + 1
