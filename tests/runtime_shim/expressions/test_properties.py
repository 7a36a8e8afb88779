"""Properties of any text, any data, any expression."""

from __future__ import annotations

import json
import math
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowc_shim.language.expressions import (
    ExpressionError,
    ExpressionSyntaxError,
    Scope,
    check,
    evaluate,
    parse,
    references,
    result_type,
)

FRAGMENTS = st.sampled_from(
    [
        "input",
        "steps",
        "vars",
        ".",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        ",",
        ":",
        "?",
        "!",
        "-",
        "+",
        "*",
        "/",
        "%",
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "in",
        "&&",
        "||",
        "0",
        "1",
        "2.5",
        "'a'",
        '"b"',
        "true",
        "false",
        "null",
        "has",
        "size",
        "all",
        "exists",
        "filter",
        "map",
        "min",
        "max",
        "int",
        "double",
        "string",
        "type",
        "matches",
        "startsWith",
        "contains",
        "x",
        "y",
        "\\",
        "'",
        '"',
        "//",
        "@",
        "🙂",
        ".a",
        ".b(",
    ]
)
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(FRAGMENTS, max_size=25).map(" ".join),
    st.lists(FRAGMENTS, max_size=25).map("".join),
)
INTEGERS = st.integers(-(2**80), 2**80)
NUMBERS = st.one_of(INTEGERS, st.floats(allow_nan=False, allow_infinity=False))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)

OPERATORS = ["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||"]
FUNCTIONS = ["size", "min", "max", "int", "double", "string", "type"]
MEMBERS = ["size", "contains", "startsWith", "endsWith", "matches"]


def _shapes(inner):
    return st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(OPERATORS), inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
        st.builds("{}({})".format, st.sampled_from(FUNCTIONS), inner),
        st.builds("({}).{}({})".format, inner, st.sampled_from(MEMBERS), inner),
        st.builds("({}).{}(x, {})".format, inner, st.sampled_from(["all", "map"]), inner),
        st.builds("({}).{}(x, {})".format, inner, st.sampled_from(["exists", "filter"]), inner),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("has(({}).a)".format, inner),
        st.builds("!({})".format, inner),
        st.builds("-({})".format, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds('{{"a": {}, "b": {}}}'.format, inner, inner),
    )


LEAVES = st.sampled_from(
    [
        "1",
        "0",
        "-3",
        "2.5",
        "true",
        "false",
        "null",
        "'a'",
        '"b"',
        "[]",
        "{}",
        "input.a",
        "input.b",
        "input.c.a",
        "steps.s",
        "x",
        "int",
    ]
)
EXPRESSIONS = st.recursive(LEAVES, _shapes, max_leaves=10)
EVERY_PART_COUNTS = EXPRESSIONS.filter(
    lambda text: not any(mark in text for mark in ("&&", "||", "?", "(x, ", "has("))
)


@given(TEXTS)
@settings(max_examples=600, deadline=None)
def test_any_text_is_an_expression_or_a_syntax_error_within_it(text):
    try:
        expression = parse(text)
    except ExpressionSyntaxError as error:
        assert 0 <= error.offset <= error.offset + error.length <= len(text)
        return
    for found in (*references(expression), *check(expression, Scope({"input": None}, {}))):
        assert 0 <= found.offset < found.offset + found.length <= len(text)


@given(EXPRESSIONS, JSON, JSON)
@settings(max_examples=600, deadline=None)
def test_any_expression_gives_json_or_the_module_s_error(world_of, text, first, second):
    expression = parse(text)
    world = world_of({"input": {"a": first, "b": second, "c": {"a": 1}}}, {"s": first})
    try:
        value = evaluate(expression, world)
    except ExpressionError as error:
        assert 0 <= error.offset <= error.offset + error.length <= len(text)
        return
    assert json.loads(json.dumps(value, allow_nan=False)) == value


def schema_of(value):
    """The narrowest schema of the plain keywords that accepts ``value``."""
    if isinstance(value, list):
        kinds = [schema_of(item)["type"] for item in value]
        return {"type": "array", **({"items": {"type": kinds}} if kinds else {})}
    if isinstance(value, dict):
        properties = {key: schema_of(item) for key, item in value.items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}
    names = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string"}
    return {"type": names[type(value)]}


@given(EXPRESSIONS, JSON, JSON)
@settings(max_examples=800, deadline=None)
def test_the_checker_foretells_the_kind_of_the_result(world_of, text, first, second):
    expression = parse(text)
    data = {"a": first, "b": second, "c": {"a": 1}}
    scope = Scope({"input": schema_of(data)}, {"s": schema_of(first)})
    try:
        value = evaluate(expression, world_of({"input": data}, {"s": first}))
    except ExpressionError:
        return
    kind = evaluate(parse("type(input)"), world_of({"input": value}, {}))
    assert kind in result_type(expression, scope)


@given(EVERY_PART_COUNTS, JSON, JSON)
@settings(max_examples=800, deadline=None)
def test_what_the_checker_reports_does_fail(world_of, text, first, second):
    """Without branches and absorption, an expression with a problem cannot have a value."""
    expression = parse(text)
    data = {"a": first, "b": second, "c": {"a": 1}}
    scope = Scope({"input": schema_of(data)}, {"s": schema_of(first)})
    if check(expression, scope):
        with pytest.raises(ExpressionError):
            evaluate(expression, world_of({"input": data}, {"s": first}))


@given(EXPRESSIONS)
@settings(max_examples=300, deadline=None)
def test_references_are_what_is_read(world_of, text):
    expression = parse(text)
    world = world_of({"input": {"a": 1}, "x": 1}, {"s": [1]})
    with suppress(ExpressionError):
        evaluate(expression, world)
    assert set(world.read) <= {one.step for one in references(expression)}


@given(JSON, JSON)
def test_equality_is_that_of_json(world_of, first, second):
    world = world_of({"input": {"a": first, "b": second}}, {})
    assert evaluate(parse("input.a == input.a"), world) is True
    equal = evaluate(parse("input.a == input.b"), world)
    assert equal is evaluate(parse("input.b == input.a"), world)
    assert equal is evaluate(parse("input.a in [input.b]"), world)
    assert equal is (not evaluate(parse("input.a != input.b"), world))


@given(INTEGERS, INTEGERS.filter(bool))
def test_division_truncates_and_is_exact(world_of, dividend, divisor):
    world = world_of({"a": dividend, "b": divisor}, {})
    quotient, remainder = (evaluate(parse(text), world) for text in ("a / b", "a % b"))
    assert quotient * divisor + remainder == dividend
    assert abs(remainder) < abs(divisor)
    assert remainder == 0 or (remainder < 0) == (dividend < 0)


@given(NUMBERS, NUMBERS)
def test_numbers_are_ordered(world_of, first, second):
    world = world_of({"a": first, "b": second}, {})
    truths = [evaluate(parse(f"a {operator} b"), world) for operator in ("<", "==", ">")]
    assert truths.count(True) == 1
    assert evaluate(parse("min(a, b) <= max(a, b)"), world) is True


@given(NUMBERS)
def test_text_of_a_number_reads_back(world_of, number):
    world = world_of({"a": number}, {})
    back = evaluate(parse("type(a) == int ? int(string(a)) : double(string(a))"), world)
    assert (back, type(back)) == (number, type(number))
    assert math.copysign(1, back) == math.copysign(1, number)


@given(st.text(max_size=20))
def test_a_quoted_text_is_itself(text):
    quoted = json.dumps(text, ensure_ascii=False).replace("\\/", "/")
    assert parse(quoted).root == parse(quoted + " ").root
    assert parse(quoted).root.value == text
