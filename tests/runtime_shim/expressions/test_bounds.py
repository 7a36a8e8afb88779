"""Every bound, and texts that want to hang, to grow or to get out."""

from __future__ import annotations

import sys
import time

import pytest

from flowc_shim.language.expressions import (
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_RESULT_BYTES,
    ExpressionError,
    ExpressionLimitError,
    ExpressionSyntaxError,
    Scope,
    check,
    evaluate,
    parse,
    references,
)

LONG = 100_000
DATA = {
    "text": "ab" * 200_000,
    "other": "ab" * 199_999 + "aa",
    "list": list(range(LONG)),
    "ones": [1] * 600,
    "map": {str(number): number for number in range(LONG)},
    "deep": None,
    "half": "x" * (MAX_RESULT_BYTES // 2),
    "integer": 2**4000,
    "huge": 10**4200,
    "surrogate": "\ud800",
    "nan": float("nan"),
    "object": object(),
}
for _ in range(sys.getrecursionlimit() * 3):
    DATA["deep"] = [DATA["deep"]]


def test_characters():
    assert parse("1" + " " * (MAX_CHARACTERS - 1)).root
    with pytest.raises(ExpressionSyntaxError, match="longer than 4,096") as caught:
        parse("1" + " " * MAX_CHARACTERS)
    assert (caught.value.offset, caught.value.length) == (MAX_CHARACTERS, 1)


DEEPER = {
    "parentheses": lambda n: "(" * (n - 1) + "1" + ")" * (n - 1),
    "lists": lambda n: "[" * (n - 1) + "1" + "]" * (n - 1),
    "negations": lambda n: "-" * (n - 1) + "1",
    "sums": lambda n: "1" + "+1" * (n - 1),
    "fields": lambda n: "a" + ".a" * (n - 1),
    "methods": lambda n: "a" + ".size()" * (n - 1),
    "conditionals": lambda n: "true ? 1 : " * (n - 1) + "1",
    "macros": lambda n: "a.map(x, " * (n - 1) + "1" + ")" * (n - 1),
}


@pytest.mark.parametrize("shape", DEEPER)
def test_depth(shape):
    assert parse(DEEPER[shape](MAX_DEPTH)).root
    for much in (MAX_DEPTH + 1, 400):
        with pytest.raises(ExpressionSyntaxError, match="nested deeper than 64"):
            parse(DEEPER[shape](much)[:MAX_CHARACTERS])


def test_the_deepest_tree_can_be_used(world_of):
    world = world_of({"input": {}}, {})
    text = "[1].exists(x, " * (MAX_DEPTH - 2) + "x == 1" + ")" * (MAX_DEPTH - 2)
    assert evaluate(parse(text), world) is True
    assert check(parse(text), Scope({}, {})) == []
    assert references(parse(text)) == ()


OVER_A_BOUND = [
    "input.list.all(x, input.list.all(y, true))",
    "input.list.all(x, true)",
    "input.ones.map(x, input.ones.map(y, x))",
    "-1 in input.list",
    "input.list == input.list && input.map == input.map && false",
    "max(input.list) + max(input.list)",
    "input.half + input.half + 'x'",
    "input.ones.map(x, input.half + input.half)",
    "input.ones.map(x, input.text)",
    "input.list + input.list + input.list + input.list + input.list + input.list",
    "input.ones.map(x, input.list + input.list)",
    "input.integer * input.integer",
    "input.integer * input.huge",
    "input.huge + 1",
    "-input.huge - 1",
    "int('" + "9" * 1290 + "')",
    "input.integer * input.integer == 1 && false",
    "input.list.all(x, true) || true",
    "input.ones.exists(x, input.integer * input.integer == x || true)",
    "[input.half, input.half, 1]",
    "[" + ",".join(["input.half"] * 3) + "]",
    # each level doubles the size by sharing
    "[['a']]" + ".map(x, [x, x])" * 30,
    "[['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa']]" + ".map(x, x + x)" * 40,
    "['a']" + ".map(x, x + x)" * 40,
    "[9]" + ".map(x, x * x)" * 40,
    "input.ones.all(x, input.text == input.text + '')",
    "input.ones.all(x, input.text.contains('c') == false)",
    "input.ones.all(x, !input.text.matches('(a?b?){100}c'))",
    "input.ones.map(x, x).exists(x, 'a'.matches('(') || 'a'.matches('(?=a)'))",
    "input.list.exists(x, 'a'.matches('(\\\\pL{0,9}){0,9}' + string(x)))",
    "input.list.exists(x, 'a'.matches('(\\\\pL{0,4}){0,4}' + string(x)))",
    "input.text.matches('(?:a|b)*a(?:[ab]{0,400}){0,2}z')",
]


@pytest.mark.parametrize("text", OVER_A_BOUND)
def test_bounds_of_evaluation(text, world_of):
    started = time.process_time()
    with pytest.raises(ExpressionLimitError):
        evaluate(parse(text), world_of({"input": DATA}, {}))
    assert time.process_time() - started < 20


WITHIN = [
    ("input.text", DATA["text"]),
    ("true || input.integer * input.integer == 1", True),
    ("size(input.list)", LONG),
    ("size(input.text)", 400_000),
    ("input.text == input.other", False),
    ("input.text.contains('ba')", True),
    ("'5' in input.map", True),
    ("input.list[99999]", 99_999),
    ("input.deep == input.deep", True),
    ("input.text.matches('^(ab)+$')", True),
    ("['a', 'b'] == ['a', 'b', 'c'].filter(x, x.matches('[ab]'))", True),
    ("size(input.ones.filter(x, string(x).matches('^[0-9]+$')))", 600),
    ("'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'.matches('^(a+)+$')", False),
    ("size(input.half + input.half)", MAX_RESULT_BYTES),
    ("input.integer * 1 == input.integer", True),
    ("input.surrogate + 'a' != ''", True),
    ("input.nan == input.nan", False),
]


@pytest.mark.parametrize(("text", "expected"), WITHIN)
def test_large_data_within_the_bounds(text, expected, world_of):
    assert evaluate(parse(text), world_of({"input": DATA}, {})) == expected


REFUSED = [
    "input.nan",
    "[input.nan]",
    "input.nan + 1",
    "int(input.nan)",
    "input.object",
    "type(input.object)",
    "input.object < 1",
    "input.object.x",
    "string(input.huge * 10)",
    "double(input.huge)",
    "1.5 * input.huge",
    "input.surrogate.matches('a')",
    "'a'.matches(input.surrogate)",
    "'a'.matches(input.half)",
    "'a'.matches('(((a{100}){100}){100}){100}')",
    "'a'.matches('((((\\\\pL{0,30}){0,30}){0,30}){0,30})')",
    "'a'.matches('\\\\C+(?<n>')",
    "input.__class__",
    "input.list.__len__()",
    "''.__class__.__mro__",
    "__import__('os')",
    "input.text.format(input)",
    "eval('1')",
    "type(1).mro()",
    "int.__init__",
    "self",
    "lambda",
]


@pytest.mark.parametrize("text", REFUSED)
def test_refused_with_the_module_s_own_error(text, world_of):
    with pytest.raises(ExpressionError):
        evaluate(parse(text), world_of({"input": DATA}, {}))


NO_EXPRESSIONS = [
    "(" * 4096,
    "[" * 4096,
    "{" * 4096,
    "!" * 4096,
    "-" * 4095 + "1",
    "a." * 2048,
    "a?" * 2048,
    "a[" * 2048,
    "f(" * 2048,
    "1," * 2048,
    '"' * 4095,
    "'" + "\\" * 4094,
    "'''" + "''" * 2000,
    '"""' + '\\"' * 2046,
    "r'''" + "'" * 4000,
    "9" * 4096,
    "0x" + "f" * 4094,
    "0XA",
    "1e" + "9" * 4000,
    "." * 4096,
    "//" * 2048,
    "\x00",
    "a\x00b",
    "\ud800",
    "\u202e1",
    "ｉnput",
    "1 ; import os",
    "x = 1",
    "a -> b",
    "`a`",
    "a?.b",
    "a[?b]",
    "{a: 1}{}",
    "Msg{a: 1}",
    "b'bytes'",
    "1 if true else 2",
    "[x for x in y]",
    "not true",
    "a and b",
    "a === b",
    "a ?? b",
    "a ** b",
    "a // b\n c",
]


@pytest.mark.parametrize("text", NO_EXPRESSIONS)
def test_no_expression(text):
    started = time.process_time()
    with pytest.raises(ExpressionSyntaxError) as caught:
        parse(text)
    assert 0 <= caught.value.offset <= len(text)
    assert caught.value.offset + caught.value.length <= len(text)
    assert time.process_time() - started < 1
