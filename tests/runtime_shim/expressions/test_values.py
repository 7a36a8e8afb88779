"""What expressions mean: a table of text and value."""

from __future__ import annotations

import pytest

from flowc_shim.language.expressions import evaluate, evaluate_condition, parse

CASES = {
    "literals": [
        ("null", None),
        ("true", True),
        ("0x1F", 31),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        (r'"a\n\x41\u00e9\U0001F600\101\""', 'a\nAé😀A"'),
        (r"'it\'s'", "it's"),
        (r'r"\d"', r"\d"),
        ('"""a "quoted"\nline"""', 'a "quoted"\nline'),
        ("'''it's'''", "it's"),
        ("[1, 'a', [],]", [1, "a", []]),
        ('{"a": 1, "b": {}}', {"a": 1, "b": {}}),
        ('{"a" + "b": 1,}', {"ab": 1}),
        ("1 // the number one\n + 2", 3),
    ],
    "names": [
        ("input.n", 7),
        ('input["map"]["b-c"].d', None),
        ("input.list[0]", 3),
        ("input.list[1.0]", 1),
        ("input.size", 5),
        ('input["in"]', 6),
        ("vars.region + string(index)", "eu4"),
        ("item.alpha < 0.2", True),
        ('error.class == "user" && error.code.startsWith("HTTP_5")', True),
        ("steps.fit.loss", 0.25),
        ('steps["my-id"] + 1', 4),
        ("steps.fit.rows[0].id", "r1"),
        ("trigger == null", True),
    ],
    "has": [
        ("has(steps.fit)", True),
        ("has(steps.fit.loss)", True),
        ("has(steps.fit.rows[0].id)", True),
        ("has(steps.fit.rows[1].id)", False),
        ("has(steps.fit.rows[input.n].id)", False),
        ("has(steps.fit.none.at.all)", False),
        ("has(steps.skipped)", False),
        ("has(steps.skipped.a.b)", False),
        ('has(steps["my-id"])', True),
        ("has(input.nothing)", True),
        ("has(input.nothing.deeper)", False),
        ("has(input.name.deeper)", False),
        ("has(trigger.date)", False),
        ("has(steps.skipped) ? steps.skipped.v : 9", 9),
        ('has({"a": 1}.a)', True),
    ],
    "arithmetic": [
        ("1 + 2 * 3 - 4", 3),
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("7 / -2", -3),
        ("7 / 2.0", 3.5),
        ("7 % 3", 1),
        ("-7 % 3", -1),
        ("7 % -3", 1),
        ("-7.5 % 2", -1.5),
        ("1 + 1.5", 2.5),
        ("input.big * input.big", 2**140),
        ("--input.n", 7),
        ("9007199254740993 == 9007199254740992.0", False),
        ("10 - 3 - 2", 5),
        ('"a" + "b"', "ab"),
        ("[1] + [2] + []", [1, 2]),
    ],
    "comparison": [
        ("1 == 1.0", True),
        ("true == 1", False),
        ("true != 1", True),
        ("null == 0", False),
        ("'1' == 1", False),
        ("[1, {'a': [2.0]}] == [1.0, {'a': [2]}]", True),
        ("{'a': 1} == {'a': 1, 'b': 2}", False),
        ("{'a': 1} == {'b': 1}", False),
        ("[true] == [1]", False),
        ("1 < 1.5 && 2.5 >= 2", True),
        ("'a' < 'b' && 'Z' < 'a'", True),
        ("false < true", True),
        ("2 in [1, 2.0]", True),
        ("'a' in {'a': null}", True),
        ("1 in {'1': 1}", False),
        ("[1] in [[1]]", True),
    ],
    "logic": [
        ("!true", False),
        ("!!true", True),
        ("true || false && false", True),
        ("1 < 2 ? 'a' : 'b'", "a"),
        ("false ? 1 : true ? 2 : 3", 2),
        ("false && 1 / 0 == 1", False),
        ("1 / 0 == 1 && false", False),
        ("true || input.none", True),
        ("input.none || true", True),
        ("1 && false", False),
        ("[0, 1].exists(x, 1 / x == 1)", True),
        ("[0, 1].all(x, 1 / x == 2)", False),
        ("true ? 1 : 1 / 0", 1),
    ],
    "functions": [
        ("size('añ😀')", 3),
        ("'abc'.size() + [1].size() + size({'a': 1})", 5),
        ("'abc'.startsWith('ab') && 'abc'.endsWith('bc') && 'abc'.contains('b')", True),
        ("'abc'.contains('')", True),
        ("input.day.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}$')", True),
        ("matches('abc', 'b')", True),
        ("'abc'.matches('^b')", False),
        ("min(3, 1.5, 2)", 1.5),
        ("max(input.list)", 3),
        ("min('b', 'a')", "a"),
        ("max([1, 1.0])", 1),
        ("int('-12') + int(2.9) + int(-2.9)", -12),
        ("double('1.5e2') + double(1)", 151.0),
        ("string(1) + string(1.5) + string(2.0) + string(true) + string('x')", "11.52truex"),
        ("string(1e30)", "1e+30"),
        ("type(null)", "null_type"),
        (
            "[true, 1, 1.0, 'a', [], {}].map(x, type(x))",
            ["bool", "int", "double", "string", "list", "map"],
        ),
        ("type(1) == int && type(1.0) != int && type('a') == string", True),
    ],
    "macros": [
        ("[].all(x, 1 / 0 == 1)", True),
        ("[].exists(x, true)", False),
        ("input.list.all(x, x > 0)", True),
        ("input.list.exists(x, x > 2)", True),
        ("input.list.filter(x, x > 1)", [3, 2]),
        ("input.list.map(x, x * 2)", [6, 2, 4]),
        ("input.list.map(x, x > 1, x * 2)", [6, 4]),
        ("input.map.map(key, key)", ["a", "b-c"]),
        ("input.map.exists(key, key == 'a')", True),
        ("[1, 2].map(x, [10, 20].map(y, x + y))", [[11, 21], [12, 22]]),
        ("[1, 2].map(x, [x].map(x, x + 1)[0] + x)", [3, 5]),
        ("[1].map(input, input)", [1]),
        ("[{'a': 1}].map(steps, steps.a)", [1]),
        ("[5].map(int, int)", [5]),
    ],
}


@pytest.mark.parametrize(("text", "expected"), [case for group in CASES.values() for case in group])
def test_value(text, expected, world):
    value = evaluate(parse(text), world)
    assert (value, type(value)) == (expected, type(expected))


def test_a_chain_of_conditions_may_be_longer_than_the_depth(world):
    assert evaluate_condition(parse(" && ".join(["input.n == 7"] * 200)), world) is True


def test_a_condition_is_a_boolean(world):
    assert evaluate_condition(parse("input.yes"), world) is True


def test_logic_goes_from_left_to_right(world):
    evaluate(parse("steps.fit.loss > 1 && steps.skipped && steps.none"), world)
    assert world.read == ["fit"]


def test_has_does_not_read_a_step_without_value(world):
    evaluate(parse("has(steps.skipped.a)"), world)
    assert world.read == []


@pytest.mark.parametrize(
    "text", ["steps.skipped", "steps.skipped || true", "false && true || steps.skipped.x"]
)
def test_what_the_names_raise_passes_unchanged(text, world, skipped):
    with pytest.raises(skipped):
        evaluate(parse(text), world)
