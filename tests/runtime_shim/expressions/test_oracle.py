"""The same answers as an independent implementation of CEL, on the common subset.

The generator makes well-typed expressions and stays where both agree on the language:

* integers stay below 64 bits: products only of leaves;
* division of doubles only by literals other than zero, as CEL has infinities and JSON has not;
* ``size`` only of ASCII texts, as the oracle counts bytes;
* bodies of macros cannot fail, as the oracle does not absorb failures in ``all`` and ``exists``;
* no functions that CEL does not have (``min``, ``max``), no ``string`` of doubles or booleans.
"""

from __future__ import annotations

import cel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowc_shim.language.expressions import ExpressionError, evaluate, parse

INPUT = {
    "i": 5,
    "j": -3,
    "d": 1.5,
    "s": "abc",
    "t": "b",
    "b": True,
    "xs": [3, -1, 2],
    "ys": [0.5, 2.0],
    "ss": ["a", "abc", ""],
    "m": {"a": 1, "b": {"c": None}},
    "none": None,
}


def _one_of(*texts: str) -> st.SearchStrategy[str]:
    return st.sampled_from(texts)


INT_LEAVES = st.one_of(_one_of("input.i", "input.j", "input.xs[0]"), st.integers(0, 99).map(str))
DOUBLE_LEAVES = st.one_of(
    _one_of("input.d", "input.ys[1]", "1e3"), st.integers(1, 999).map(lambda n: f"{n / 8}")
)
STRING_LEAVES = _one_of("input.s", "input.t", "'a'", '"ab\\n"', "''", "'abc'", 'input["s"]')
BOOL_LEAVES = _one_of(
    "true", "false", "input.b", "has(input.s)", "has(input.zzz)", "has(input.m.b)"
)
BAD_INTS = _one_of("(1 / 0)", "(1 % 0)", "input.zzz", "input.xs[9]", "input.m.b.zzz")


class Grammar:
    """Strategies by type; ``total``: cannot fail; ``variable``: one in scope, and its type."""

    def __init__(self, variable: tuple[str, str] | None = None, total: bool = False) -> None:
        self.variable = variable
        self.total = total

    def leaf(self, kind: str) -> st.SearchStrategy[str]:
        leaves = {
            "int": INT_LEAVES,
            "double": DOUBLE_LEAVES,
            "string": STRING_LEAVES,
            "bool": BOOL_LEAVES,
        }[kind]
        if kind == "int" and not self.total:
            leaves = st.one_of(leaves, leaves, leaves, leaves, BAD_INTS)
        if self.variable is not None and self.variable[1] == kind:
            leaves = st.one_of(st.just(self.variable[0]), leaves)
        return leaves

    def int(self, depth: int) -> st.SearchStrategy[str]:
        if depth == 0:
            return self.leaf("int")
        inner = self.int(depth - 1)
        choices = [
            self.leaf("int"),
            st.builds("({} {} {})".format, inner, _one_of("+", "-"), inner),
            st.builds("{} * {}".format, INT_LEAVES, INT_LEAVES).map("({})".format),
            inner.map("-({})".format),
            st.builds("({} ? {} : {})".format, self.bool(depth - 1), inner, inner),
            self.string(depth - 1).map("size({})".format),
            self.list(depth - 1, "int").map("({}).size()".format),
            st.builds("int({})".format, self.double(depth - 1)),
        ]
        if not self.total:
            choices.append(st.builds("({} {} {})".format, inner, _one_of("/", "%"), inner))
            choices.append(st.builds("({})[{}]".format, self.list(depth - 1, "int"), inner))
        return st.one_of(choices)

    def double(self, depth: int) -> st.SearchStrategy[str]:
        if depth == 0:
            return self.leaf("double")
        inner = self.double(depth - 1)
        mixed = st.one_of(inner, self.int(depth - 1))
        return st.one_of(
            self.leaf("double"),
            st.builds("({} {} {})".format, inner, _one_of("+", "-", "*"), inner),
            st.builds("({} / {})".format, inner, _one_of("0.5", "-4.0", "3.0")),
            inner.map("-({})".format),
            mixed.map("double({})".format),
        )

    def string(self, depth: int) -> st.SearchStrategy[str]:
        if depth == 0:
            return self.leaf("string")
        inner = self.string(depth - 1)
        return st.one_of(
            self.leaf("string"),
            st.builds("({} + {})".format, inner, inner),
            st.builds("({} ? {} : {})".format, self.bool(depth - 1), inner, inner),
            self.int(depth - 1).map("string({})".format),
        )

    def list(self, depth: int, kind: str) -> st.SearchStrategy[str]:
        named = {"int": "input.xs", "double": "input.ys", "string": "input.ss"}[kind]
        if depth == 0:
            return st.one_of(st.just(named), st.just("[]"))
        item = getattr(self, kind)(depth - 1)
        inner = self.list(depth - 1, kind)
        choices = [
            st.just(named),
            st.lists(item, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
            st.builds("({} + {})".format, inner, inner),
        ]
        if self.variable is None:
            body = Grammar(("v", kind), total=True)
            choices.append(st.builds("({}).filter(v, {})".format, inner, body.bool(depth - 1)))
            choices.append(
                st.builds("({}).map(v, {})".format, inner, getattr(body, kind)(depth - 1))
            )
        return st.one_of(choices)

    def bool(self, depth: int) -> st.SearchStrategy[str]:
        if depth == 0:
            return self.leaf("bool")
        inner = self.bool(depth - 1)
        number = st.one_of(self.int(depth - 1), self.double(depth - 1))
        text = self.string(depth - 1)
        order = _one_of("<", "<=", ">", ">=", "==", "!=")
        equality = _one_of("==", "!=")
        anything = st.one_of(
            number, text, inner, self.list(depth - 1, "int"), _one_of("null", "input.m", "{}")
        )
        choices = [
            self.leaf("bool"),
            st.builds("({} {} {})".format, inner, _one_of("&&", "||"), inner),
            st.builds("({} && {} || {})".format, inner, inner, inner),
            inner.map("!({})".format),
            st.builds("({} {} {})".format, number, order, number),
            st.builds("({} {} {})".format, text, order, text),
            st.builds("({} {} {})".format, anything, equality, anything),
            st.builds("({} in {})".format, self.int(depth - 1), self.list(depth - 1, "int")),
            st.builds("({} in input.m)".format, text),
            st.builds(
                "({}).{}({})".format, text, _one_of("startsWith", "endsWith", "contains"), text
            ),
            st.builds(
                "({}).matches({})".format, text, _one_of("'^a'", "'b+c$'", "''", "'[ab]{2}'")
            ),
        ]
        if self.variable is None:
            for kind in ("int", "string", "double"):
                body = Grammar(("v", kind), total=True).bool(depth - 1)
                items = self.list(depth - 1, kind)
                macro = _one_of("all", "exists")
                choices.append(st.builds("({}).{}(v, {})".format, items, macro, body))
        return st.one_of(choices)


GRAMMAR = Grammar()
EXPRESSIONS = st.one_of(
    GRAMMAR.bool(3),
    GRAMMAR.int(3),
    GRAMMAR.double(2),
    GRAMMAR.string(3),
    GRAMMAR.list(3, "int"),
    GRAMMAR.list(2, "string"),
)

FAILED = object()


def theirs(text: str) -> object:
    try:
        return cel.evaluate(text, {"input": INPUT})
    except (ValueError, RuntimeError, TypeError, ArithmeticError, LookupError):
        return FAILED


def ours(text: str, world_of) -> object:
    try:
        return evaluate(parse(text), world_of({"input": INPUT}, {}))
    except ExpressionError:
        return FAILED


@given(EXPRESSIONS)
@settings(max_examples=1500, deadline=None)
def test_same_value_as_the_oracle(world_of, text):
    mine, other = ours(text, world_of), theirs(text)
    assert (mine, type(mine)) == (other, type(other))


@pytest.mark.parametrize(
    "text",
    [
        "1 + 2 * 3 - 4 / 2 % 3",
        "-7 / 2",
        "-7 % 3",
        "7 % -3",
        "2 - 3 - 4",
        "true || false && false",
        "!true == false",
        "-2 + 3",
        "--2",
        "1 < 2 == true",
        "1 in [1] == true",
        "false ? 1 : true ? 2 : 3",
        "1 == 1.0",
        "[1] == [1.0]",
        "{'a': [1, {'b': null}]} == {'a': [1, {'b': null}]}",
        "true == 1",
        "1 / 0 == 1 && false",
        "false || 1 / 0 == 1",
        "'\\x41\\u00e9\\101' + r'\\n'",
        "'''a'b''' + \"\"\"c\"d\"\"\"",
        "0x1f + 0xA",
        "1e3 + .5 + 2.5E-1",
        "[1, 2,]",
        "{'a': 1,}",
        "type(1) == int && type('a') == string && type([]) == list && type(null) == null_type",
        "type({}) == map && type(1.0) == double && type(true) == bool",
        "{'a': 1}.map(k, k)",
        "[1, 2, 3].map(x, x > 1, x * x)",
        "[1, 2].map(x, [3].map(y, x * y))",
        "[1].map(x, [x + 1].map(x, x))",
        "has({'a': null}.a)",
        "int('12') + int(2.9) + int(-2.9)",
        "double('1.5') + double(1)",
        "'Z' < 'a' && 'a' < 'é' && 'é' < '😀'",
        "1 // comment",
        "'a'.matches('(')",
        "input",
    ],
)
def test_same_value_as_the_oracle_for_what_is_not_generated(text, world_of):
    mine, other = ours(text, world_of), theirs(text)
    assert (mine, type(mine)) == (other, type(other))


@pytest.mark.parametrize(
    "text",
    [
        "{'a': 1, 'b': 2}.all(k, k < 'c')",
        "{'a': 1, 'b': 2}.exists(k, k == 'b')",
        "{'a': 1, 'b': 2}.filter(k, k != 'a')",
        "input.m.map(k, size(k))",
        "size({'a': 1, 'b': [2]})",
        "'a' in {'a': null}",
        "input.m['a'] + input['i']",
        "input.xs[-1]",
        "input.xs[3]",
        "input.none.x",
        "has(input.m.b.c)",
        "has(input.m.b.zzz)",
        "null == null && null != 0",
        "'1' != 1",
        "[1, 'a', null, [true]] == [1, 'a', null, [true]]",
        "{'a': 1, 'b': 2} == {'b': 2, 'a': 1}",
        "4611686018427387904 - 1 + 4611686018427387904",
        "-4611686018427387904 * 2",
        "1 < 1.5",
        "1.5 < 2 && 2 <= 2.0",
        "'abc' < 'abd' && 'ab' < 'abc'",
        "false < true",
        "true ? 1 : 1 / 0",
        "1 / 0 > 0 ? 1 : 2",
        "1 / 0 > 0 || true",
        "true || 1 / 0 > 0",
        "false && 1 / 0 > 0",
        "1 / 0 > 0 && true",
        "!(1 / 0 > 0)",
        "[1, 2, 3].exists(x, x > 2) && ![1, 2].all(x, x > 1)",
        "[[1, 2], [3]].map(l, l.size())",
        "[[1, 2], [3]].all(l, l.exists(x, x > 1))",
        "[].all(x, false) && ![].exists(x, true)",
        "['b', 'a'].filter(s, s.startsWith('a'))",
        "'a.b'.matches('a\\\\.b') && !'axb'.matches('^a\\\\.b$')",
        "'line\\nline'.matches('(?m)^line$')",
        "'ABC'.matches('(?i)abc')",
        "'tab\\tquote\\\"back\\\\'",
        "'\\u00e9\\U0001F600'",
        "r'\\d+' + '\\\\d+'",
        "int('-12') + int('0')",
        "int('1.5')",
        "int('')",
        "double('-1e-3')",
        "double('x')",
        "string(-5) + string('a')",
        "int(1e3)",
        "type('a') == type('b') && type(1) != type(1.0)",
        "- -1",
        "-(-1)",
        "!!true",
        "((((1))))",
        "1 + -1",
        "2 * 3 % 4",
        "1 - 1 - 1",
        "8 / 2 / 2",
        "1 == 1 && 2 != 3 || false",
        "1 in [1, 2] && !(3 in [1, 2])",
        "'a' in ['b', 'a']",
        "1 in [1.0]",
        "[1] + [2] + []",
        "'a' + 'b' == 'ab'",
        "1 + 'a'",
        "[1] + 'a'",
        "true + 1",
        "-'a'",
        "!1",
        "1 && true",
        "1 ? 2 : 3",
        "size(1)",
        "zzz",
        "input.zzz.yyy",
        "'a'.size()",
        "{'a': {'b': 1}}.a.b",
        "{'a': {'b': 1}}['a']['b']",
        "[1, 2, 3][1]",
        "[{'a': 1}][0].a",
    ],
)
def test_same_value_as_the_oracle_by_rule(text, world_of):
    """A rule of the language page each: maps, what fails, what is absorbed, conversions."""
    mine, other = ours(text, world_of), theirs(text)
    assert (mine, type(mine)) == (other, type(other))
