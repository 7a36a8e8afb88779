"""What is no expression, and what fails: message and place."""

from __future__ import annotations

import copy
import pickle

import pytest

from flowc_shim.language.expressions import (
    ExpressionError,
    ExpressionSyntaxError,
    evaluate,
    evaluate_condition,
    parse,
)

# The text between ‹ and › is what the error must point at.
SYNTAX = [
    ("‹›", "empty"),
    ("‹  ›", "empty"),
    ("1 +‹›", "ends where a value"),
    ("1 ‹2›", "unexpected `2`"),
    ("(1‹›", "`)` is needed"),
    ("[1 ‹2›]", "`,` is needed"),
    ("{1 ‹}›", "`:` is needed"),
    ("a.‹[›0]", "field's name"),
    ("a‹.1›", "unexpected"),
    ("a.‹in›", '`["in"]`'),
    ("a.‹true›", "keyword"),
    ("‹if› > 1", "reserved"),
    ("a ‹=› 1", "`==`"),
    ("a ‹&› b", "`&&`"),
    ("‹$›input", "bare"),
    ("‹é›", "character"),
    ('1 + ‹"›abc', "not closed"),
    ("‹'''›abc''", "not closed"),
    ('"a‹\\q›"', "escape"),
    ('"‹\\ud800›"', "not a character"),
    ('"‹\\UFFFFFFFF›"', "not a character"),
    ("‹1u›", "unsigned"),
    ("‹1a›bc", "cannot follow a number"),
    ("‹1e999›", "too large"),
    ("a ? b‹›", "`:`"),
    ("a ? b ‹?› c : d : e", "`:` is needed"),
    ("!‹-›1", "value"),
    ("‹has(1)›", "`has` takes one field"),
    ("‹has(input)›", "`has` takes one field"),
    ("‹has(a.b, a.c)›", "`has` takes one field"),
    ("xs.‹all›(x)", "takes a variable and an expression"),
    ("xs.all(‹x.y›, true)", "variable's name"),
    ("xs.filter(‹1›, true)", "variable's name"),
    ("f(1, ‹)›", "value"),
    ("a[‹]›", "value"),
    ("a ‹{›", "unexpected `{`"),
]

FAILURES = [
    ("‹nope›", "no name `nope`"),
    ("1 + ‹nope›.a * 2", "no name"),
    ("‹steps›", "steps.<id>"),
    ("size(‹steps›)", "steps.<id>"),
    ("‹steps[input.name]›", "step's id as a string"),
    ("‹steps[0]›", "step's id as a string"),
    ("‹input.none› + 1", "no key `none`"),
    ("‹input.nothing.a›", "no field `a` in null"),
    ("‹input.list[3]›", "3 elements"),
    ("‹input.list[-1]›", "outside"),
    ("‹input.list[1.5]›", "cannot be indexed"),
    ("‹input.list[true]›", "cannot be indexed"),
    ("‹input.list.a›", "no field"),
    ("‹'abc'[0]›", "cannot be indexed"),
    ("‹input[1]›", "cannot be indexed"),
    ("(‹'a' + 1›)", "a string and an int"),
    ("‹true + true›", "a bool"),
    ("‹null - 1›", "null"),
    ("2 * (‹1 / 0›)", "division by zero"),
    ("‹1 % 0›", "division by zero"),
    ("‹1.0 / 0.0›", "division by zero"),
    ("‹1e308 * 10›", "too large"),
    ("‹1 < 'a'›", "compare"),
    ("‹1 < true›", "compare"),
    ("‹[1] < [2]›", "compare"),
    ("‹1 < 2 < 3›", "compare"),
    ("‹1 in 'abc'›", "list or a map"),
    ("‹-true›", "number"),
    ("!‹1›", "bool"),
    ("‹1› && true", "left of `&&`"),
    ("true && ‹1›", "right of `&&`"),
    ("false || ‹null›", "right of `||`"),
    ("‹0› ? 1 : 2", "before `?`"),
    ("[‹1 / 0› == 1, true]", "division"),
    ("[1].all(x, ‹x›)", "condition of `.all`"),
    ("[0].exists(x, ‹1 / x› == 1)", "division"),
    ("‹input.name.map(x, x)›", "list or a map"),
    ("{‹1›: 2}", "key of a map"),
    ("{'a': 1, ‹'a'›: 2}", "already"),
    ("‹foo(1)›", "no function `foo`"),
    ("‹input.foo()›", "no function `foo`"),
    ("‹startsWith('a', 'b')›", 'x.startsWith("a")'),
    ("‹input.n.int()›", "int(x)"),
    ("‹size(1, 2)›", "takes 1 argument, not 2"),
    ("‹'a'.contains()›", "takes 1 argument, not 0"),
    ("‹min()›", "at least 1"),
    ("‹min([])›", "empty list"),
    ("‹min(1)›", "needs a list"),
    ("‹min(1, 'a')›", "compare"),
    ("‹size(1)›", "does not take an int"),
    ("‹int('12a')›", "decimal"),
    ("‹int('٣')›", "decimal"),
    ("‹int(' 1')›", "decimal"),
    ("‹int(true)›", "does not take a bool"),
    ("‹double('nan')›", "decimal"),
    ("‹double('1e999')›", "too large"),
    ("‹double(input.big * 1" + "0" * 300 + ")›", "too large"),
    ("‹string(null)›", "does not take null"),
    ("‹'a'.matches('(')›", "refused"),
    ("‹'a'.matches('(?=a)')›", "refused"),
    (r"‹'a'.matches('(a)\\1')›", "refused"),
]


def _marked(text: str) -> tuple[str, int, int]:
    start = text.index("‹")
    length = text.index("›") - start - 1
    return text.replace("‹", "").replace("›", ""), start, length


@pytest.mark.parametrize(("marked", "message"), SYNTAX)
def test_syntax_error(marked, message):
    text, offset, length = _marked(marked)
    with pytest.raises(ExpressionSyntaxError) as caught:
        parse(text)
    assert message in caught.value.message
    assert (caught.value.offset, caught.value.length) == (offset, length)


@pytest.mark.parametrize(("marked", "message"), FAILURES)
def test_failure(marked, message, world):
    text, offset, length = _marked(marked)
    with pytest.raises(ExpressionError) as caught:
        evaluate(parse(text), world)
    assert message in caught.value.message
    assert (caught.value.offset, caught.value.length) == (offset, length)


@pytest.mark.parametrize("text", ["1", "null", '"true"', "[]", "input.n"])
def test_a_condition_must_be_a_boolean(text, world):
    with pytest.raises(ExpressionError, match="the condition must be a bool"):
        evaluate_condition(parse(text), world)


def test_messages_do_not_tell_values(world_of):
    world = world_of({"vars": {"secret": "hunter2(", "map": {}}}, {})
    for text in [
        "'a'.matches(vars.secret)",
        "vars.map[vars.secret]",
        "vars.secret + 1",
        "int(vars.secret)",
        "-vars.secret",
    ]:
        with pytest.raises(ExpressionError) as caught:
            evaluate(parse(text), world)
        assert "hunter2" not in str(caught.value)


def test_errors_travel():
    error = ExpressionError("message", 3, 4)
    for copied in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (copied.message, copied.offset, copied.length) == ("message", 3, 4)
