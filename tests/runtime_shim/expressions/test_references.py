"""Which names and steps an expression reads."""

from __future__ import annotations

import pytest

from flowc_shim.language.expressions import parse, references

CASES = [
    ("1 + 2", []),
    ("input", [("input", None, (), False)]),
    ("input.a.b", [("input", None, ("a", "b"), False)]),
    ('input["a"][0].b', [("input", None, ("a", 0, "b"), False)]),
    ("steps.a", [("steps", "a", (), False)]),
    ('steps["my-id"].rows[2]', [("steps", "my-id", ("rows", 2), False)]),
    ("steps", [("steps", None, (), False)]),
    ("steps[0]", [("steps", None, (0,), False)]),
    ("steps[input.a]", [("steps", None, (), False), ("input", None, ("a",), False)]),
    ("has(steps.a)", [("steps", "a", (), True)]),
    ("has(steps.a.b.c)", [("steps", "a", ("b", "c"), True)]),
    ("has(steps.a) && steps.a", [("steps", "a", (), True), ("steps", "a", (), False)]),
    (
        "has(steps.a.rows[steps.b.n].x)",
        [("steps", "a", ("rows",), True), ("steps", "b", ("n",), False)],
    ),
    ("has(size(steps.a).b)", [("steps", "a", (), False)]),
    ("has(input.a)", [("input", None, ("a",), True)]),
    ("input.a[index].c", [("input", None, ("a",), False), ("index", None, (), False)]),
    ("input.a[-1]", [("input", None, ("a",), False)]),
    ("input.xs.size()", [("input", None, ("xs",), False)]),
    ("size(input.xs) > 1 ? vars.a : item", ["input", "vars", "item"]),
    ("{input.k: [vars.v]}", ["input", "vars"]),
    ("!input.a || -vars.b < 1", ["input", "vars"]),
    (
        "input.xs.map(x, x.a + vars.b)",
        [("input", None, ("xs",), False), ("vars", None, ("b",), False)],
    ),
    ("input.xs.map(input, input.a)", [("input", None, ("xs",), False)]),
    ("input.xs.map(steps, steps.a)", [("input", None, ("xs",), False)]),
    ("input.map(x, x) + x", ["input", "x"]),
    ("input.map(input, input.map(y, input))", ["input"]),
    ("input.map(x, x > index, x)", ["input", "index"]),
    ("type(item) == string", ["item"]),
    ("[1].map(x, has(x.a))", []),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_references(text, expected):
    found = references(parse(text))
    if expected and isinstance(expected[0], str):
        assert [one.root for one in found] == expected
    else:
        assert [(one.root, one.step, one.path, one.tolerant) for one in found] == expected


def test_places():
    text = "1 + ( steps.a.b ) * has(input.c)"
    spans = [text[one.offset : one.offset + one.length] for one in references(parse(text))]
    assert spans == ["steps.a.b", "input.c"]


def test_equal_meaning_is_equal():
    assert parse("a.b+1") == parse(" (a . b) + 1 ")
    assert hash(parse("a.b+1")) == hash(parse(" (a . b) + 1 "))
    assert parse("a + 1") != parse("a + 2")
