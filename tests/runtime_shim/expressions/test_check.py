"""What is reported before the run, and what is left alone because it may be right."""

from __future__ import annotations

import pytest

from flowc_shim.language.expressions import Scope, check, parse, result_type

SCOPE = Scope(
    roots={
        "input": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "n": {"type": "integer"},
                "x": {"type": "number"},
                "name": {"type": "string"},
                "maybe": {"type": ["string", "null"]},
                "flag": {"type": "boolean"},
                "names": {"type": "array", "items": {"type": "string"}},
                "open": {"type": "object", "properties": {"a": {"type": "string"}}},
                "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
                "mode": {"enum": ["fast", "slow"]},
                "level": {"enum": [1, "high"]},
                "fixed": {"const": 3},
                "ref": {"$ref": "#/$defs/thing", "type": "string"},
                "any": True,
                "odd": {"type": "wonderful", "properties": 3},
                "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "pattern": {
                    "type": "object",
                    "additionalProperties": False,
                    "patternProperties": {"^x": {}},
                },
            },
        },
        "vars": None,
        "item": None,
    },
    steps={"fit": {"type": "object", "properties": {"loss": {"type": "number"}}}, "my-id": None},
)

PROBLEMS = [
    ("‹nope›", "name", "no name `nope`"),
    ("‹inputs›.a", "name", "did you mean `input`"),
    ("‹fit›.loss", "name", "`steps.fit`"),
    ("‹input.nam›", "name", "did you mean `name`"),
    ('‹input["nam"]›', "name", "did you mean `name`"),
    ("‹steps.fitt›", "step", "did you mean `fit`"),
    ("has(‹steps.fitt›)", "step", "did you mean `fit`"),
    ("has(‹steps.fitt›.a.b)", "step", "did you mean `fit`"),
    ("‹steps.my›-vars.id", "step", 'steps["my-id"]'),
    ("steps[‹vars.x›]", "step", "as a string"),
    ("has(steps[‹vars.x›].a)", "step", "as a string"),
    ("steps[‹0›]", "step", "as a string"),
    ("size(‹steps›)", "step", "steps.<id>"),
    ("‹'a' + 1›", "type", "a string and an int"),
    ("‹input.name + 1›", "type", "a string and an int"),
    ("‹input.n + input.name›", "type", "a double or an int and a string"),
    ("‹input.flag < 1›", "type", "compare"),
    ("‹input.names < input.names›", "type", "compare"),
    ("‹input.fixed + 'a'›", "type", "take"),
    ("‹input.mode * 2›", "type", "take"),
    ("‹1› && true", "type", "left of `&&`"),
    ("true || ‹input.n›", "type", "right of `||`"),
    ("!‹input.name›", "type", "bool"),
    ("‹-input.name›", "type", "number"),
    ("‹1› ? 2 : 3", "type", "before `?`"),
    ("‹1 in 'a'›", "type", "list or a map"),
    ("size(‹3›)", "type", "does not take an int"),
    ("‹3›.size()", "type", "does not take an int"),
    ("input.name.startsWith(‹1›)", "type", "does not take an int"),
    ("‹size(1, 2)›", "type", "takes 1 argument"),
    ("‹input.name.contains()›", "type", "takes 1 argument"),
    ("‹startsWith('a', 'b')›", "type", "is written"),
    ("‹sizes('a')›", "name", "did you mean `size`"),
    ("‹min(1)›", "type", "needs a list"),
    ("'a'.matches(‹'('›)", "syntax", "refused"),
    ("matches('a', ‹'(?=a)'›)", "syntax", "refused"),
    ("{‹1›: 2}", "type", "key of a map"),
    ("{'a': 1, ‹'a'›: 2}", "syntax", "already"),
    ("‹input.n.a›", "type", "no field"),
    ("‹input.n[0]›", "type", "cannot be indexed"),
    ("‹input.names['a']›", "type", "cannot be indexed"),
    ("‹input.open[0]›", "type", "cannot be indexed"),
    ("‹input.n›.map(x, x)", "type", "list or a map"),
    ("input.names.all(x, ‹x + 1› == 2)", "type", "take"),
    ("input.names.filter(x, ‹x›)", "type", "condition of `.filter`"),
    ("‹input.names[0] + 1›", "type", "take"),
    ("input.counts.map(k, ‹k + 1›)", "type", "take"),
    ("‹input.counts.any + 'a'›", "type", "take"),
    ("‹[1, 2][0] + 'a'›", "type", "take"),
    ("‹[1].map(x, 'a')[0] + 1›", "type", "take"),
    ("‹(vars.a ? 1 : 2) + 'a'›", "type", "take"),
    ("‹type(1) + 1›", "type", "take"),
    ("‹max([1, 2]) + 'a'›", "type", "take"),
    ("‹int('1') + 'a'›", "type", "take"),
    ("[1].map(x, ‹y›)", "name", "no name `y`"),
]

FINE = [
    "input.n + input.x",
    "input.n + vars.a",
    "vars.a + 'a' + vars.b",
    "input.maybe + 'a'",
    "input.maybe.size() > 2",
    "input.open.anything.at.all",
    "has(input.nam)",
    "has(input.open.b.c)",
    "steps.fit.loss < 1",
    "steps.fit.other.deeper",
    'steps["my-id"].anything',
    "input.level + 1",
    "input.level + 'a'",
    "input.ref + 1",
    "input.any && input.odd",
    "input.odd.properties",
    "input.either + 'a'",
    "input.either + 1",
    "input.pattern.xyz",
    "input.n == 'a'",
    "input.mode == 'fast' && input.mode in ['slow']",
    "[1, 'a'][0] + 'a'",
    "(vars.a ? 1 : 'a') + 'a'",
    "[][0] + 1",
    "vars.f.map(x, x + 1)",
    "vars.a[vars.b]",
    "vars.a[0].b",
    "vars.list.exists(x, x)",
    "'a'.matches(vars.pattern)",
    "[1].map(steps, steps + 1)",
    "min(vars.a)",
    "min(vars.a, vars.b) + 1",
    "double(input.n) / 2 + input.n % 2",
    "type(vars.a) == list",
    "input.counts[input.name] + 1",
    "input.names + [1]",
    "(input.names + [1])[0] + 1",
    "(input.names + input.names)[0] + 1",
    "1 / 0",
]


@pytest.mark.parametrize(("marked", "kind", "message"), PROBLEMS)
def test_problem(marked, kind, message):
    start = marked.index("‹")
    length = marked.index("›") - start - 1
    problems = check(parse(marked.replace("‹", "").replace("›", "")), SCOPE)
    assert [(one.kind, one.offset, one.length) for one in problems] == [(kind, start, length)]
    assert message in problems[0].message


@pytest.mark.parametrize("text", FINE)
def test_nothing_to_report(text):
    assert check(parse(text), SCOPE) == []


def test_all_problems_at_once_in_order():
    problems = check(parse("nope + size(3) && steps.none"), SCOPE)
    assert [one.kind for one in problems] == ["name", "type", "type", "step"]
    assert [one.offset for one in problems] == sorted(one.offset for one in problems)


def test_no_step_in_scope():
    (problem,) = check(parse("steps.fit.loss"), Scope({}, {}))
    assert (problem.kind, problem.message) == ("step", "no step can be read here")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", {"int"}),
        ("1 + 1.5", {"double"}),
        ("1 / 2", {"int"}),
        ("input.n", {"int", "double"}),
        ("input.n + 1", {"int", "double"}),
        ("-1", {"int"}),
        ("input.maybe", {"string", "null_type"}),
        ("1 < 2 && true", {"bool"}),
        ("vars.a && true", {"bool"}),
        ("has(vars.a)", {"bool"}),
        ("vars.a ? 1 : 'a'", {"int", "string"}),
        ("'a' + vars.b", {"string"}),
        ("input.names.filter(x, x == 'a')", {"list"}),
        ("input.names.filter(x, x == 'a')[0]", {"string"}),
        ("input.names.exists(x, x == 'a')", {"bool"}),
        ("{'a': 1}", {"map"}),
        ("min(1, 2.5)", {"int", "double"}),
        ("type(1)", {"string"}),
        ("string", {"string"}),
    ],
)
def test_result_type(text, expected):
    assert result_type(parse(text), SCOPE) == expected


def test_an_unknown_result_may_be_a_boolean():
    assert "bool" in result_type(parse("vars.a"), SCOPE)
    assert "bool" in result_type(parse("input.open.b"), SCOPE)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": 3},
        {"type": [3]},
        {"type": []},
        {"enum": []},
        {"enum": 3},
        {"enum": [object()]},
        {"const": object()},
        {"type": "string", "const": 3},
        {"properties": [1], "additionalProperties": False},
        {"items": [1]},
        {"items": 3, "additionalProperties": 3},
        {"properties": {"a": 3, 4: 5}},
        False,
        True,
        {},
    ],
)
def test_strange_schemas_say_nothing(schema):
    scope = Scope({"input": schema}, {"s": schema})
    for text in ("input + 1", "input.a + 1", "input[0] + 1", "steps.s.a && steps.s"):
        assert check(parse(text), scope) == []
