"""Tokens to a syntax tree, by recursive descent over CEL's grammar.

Nesting is counted on the way down, so the parser's own recursion is bounded; chains such as
``a + b + …`` are read in loops, and the height of the finished tree is checked at the end.
"""

from __future__ import annotations

from flowc_shim.language.expressions.errors import ExpressionSyntaxError
from flowc_shim.language.expressions.lexer import KEYWORDS, Token, TokenKind, tokens
from flowc_shim.language.expressions.limits import MAX_CHARACTERS, MAX_DEPTH
from flowc_shim.language.expressions.syntax import (
    LIST_MACROS,
    Binary,
    Call,
    Comprehension,
    Conditional,
    Constant,
    Expression,
    Has,
    Index,
    ListLiteral,
    Logical,
    MapLiteral,
    Name,
    Node,
    Select,
    Unary,
    height_over,
)

# fmt: off
RESERVED = frozenset({
    "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop",
    "package", "namespace", "return", "var", "void", "while",
})
# fmt: on
"""Words that CEL keeps for itself; they cannot be names, but may be fields."""

_PRECEDENCE = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%"), 5),
}


def parse(text: str) -> Expression:
    """Return the tree of ``text``; raises ExpressionSyntaxError."""
    if len(text) > MAX_CHARACTERS:
        message = f"the expression is longer than {MAX_CHARACTERS:,} characters"
        raise ExpressionSyntaxError(message, MAX_CHARACTERS, len(text) - MAX_CHARACTERS)
    root = _Parser(tokens(text)).whole()
    deep = height_over(root, MAX_DEPTH)
    if deep is not None:
        raise ExpressionSyntaxError(_TOO_DEEP, deep.offset, deep.length)
    return Expression(text, root)


_TOO_DEEP = f"the expression is nested deeper than {MAX_DEPTH} levels"


class _Parser:
    """A position in the tokens; each method reads one thing and stops behind it."""

    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._position = 0
        self._nesting = 0

    def whole(self) -> Node:
        if self._at_end():
            raise ExpressionSyntaxError("the expression is empty", 0, self._token.offset)
        node = self._expression()
        if not self._at_end():
            raise self._unexpected("an operator or the end")
        return node

    # -- tokens --------------------------------------------------------------------------------

    @property
    def _token(self) -> Token:
        return self._tokens[self._position]

    @property
    def _end(self) -> int:
        return self._tokens[self._position - 1].end

    def _advance(self) -> Token:
        token = self._token
        self._position += 1
        return token

    def _at_end(self) -> bool:
        return self._token.kind is TokenKind.END

    def _at(self, symbol: str) -> bool:
        return self._token.kind is TokenKind.SYMBOL and self._token.text == symbol

    def _take(self, symbol: str) -> bool:
        if self._at(symbol):
            self._position += 1
            return True
        return False

    def _need(self, symbol: str) -> None:
        if not self._take(symbol):
            raise self._unexpected(f"`{symbol}`")

    def _unexpected(self, wanted: str) -> ExpressionSyntaxError:
        token = self._token
        if token.kind is TokenKind.END:
            return ExpressionSyntaxError(
                f"the expression ends where {wanted} is needed", token.offset, 0
            )
        shown = token.text if len(token.text) <= 40 else token.text[:37] + "..."
        return ExpressionSyntaxError(
            f"unexpected `{shown}`; {wanted} is needed", token.offset, len(token.text)
        )

    # -- operators -----------------------------------------------------------------------------

    def _expression(self) -> Node:
        if self._nesting == MAX_DEPTH:
            raise ExpressionSyntaxError(_TOO_DEEP, self._token.offset, len(self._token.text))
        self._nesting += 1
        node = self._conditional()
        self._nesting -= 1
        return node

    def _conditional(self) -> Node:
        start = self._token.offset
        condition = self._binary(1)
        if not self._take("?"):
            return condition
        then = self._binary(1)
        self._need(":")
        otherwise = self._expression()
        return Conditional(condition, then, otherwise, offset=start, length=self._end - start)

    def _binary(self, lowest: int) -> Node:
        start = self._token.offset
        left = self._unary()
        while (precedence := self._operator_precedence()) >= lowest:
            operator = self._advance().text
            if operator in ("&&", "||"):
                left = self._logical(operator, left, start)
                continue
            right = self._binary(precedence + 1)
            left = Binary(operator, left, right, offset=start, length=self._end - start)
        return left

    def _operator_precedence(self) -> int:
        return _PRECEDENCE.get(self._token.text, 0) if self._token.kind is TokenKind.SYMBOL else 0

    def _logical(self, operator: str, first: Node, start: int) -> Node:
        """Read the rest of a chain whose first operator was just taken."""
        operands = [(first, start, first.end)]
        while True:
            begin = self._token.offset
            operand = self._binary(_PRECEDENCE[operator] + 1)
            operands.append((operand, begin, self._end))
            if not self._take(operator):
                return _balanced(operator, operands)

    def _unary(self) -> Node:
        starts: list[int] = []
        operator = self._token.text
        if not (self._at("!") or self._at("-")):
            return self._member()
        while self._at(operator):
            starts.append(self._advance().offset)
        node = self._member()
        for start in reversed(starts):
            node = Unary(operator, node, offset=start, length=self._end - start)
        return node

    # -- members -------------------------------------------------------------------------------

    def _member(self) -> Node:
        start = self._token.offset
        node = self._primary()
        while True:
            if self._take("."):
                node = self._selection(node, start)
            elif self._take("["):
                index = self._expression()
                self._need("]")
                node = Index(node, index, offset=start, length=self._end - start)
            else:
                return node

    def _selection(self, operand: Node, start: int) -> Node:
        token = self._token
        if token.text in KEYWORDS or token.text == "in":
            message = f'`{token.text}` is a keyword; as a field write `["{token.text}"]`'
            raise ExpressionSyntaxError(message, token.offset, len(token.text))
        if token.kind is not TokenKind.NAME:
            raise self._unexpected("a field's name")
        self._advance()
        if not self._take("("):
            return Select(operand, token.text, offset=start, length=self._end - start)
        arguments = self._until(")")
        span = {"offset": start, "length": self._end - start}
        if token.text in LIST_MACROS:
            return _comprehension(token, operand, arguments, **span)
        return Call(token.text, operand, arguments, **span)

    def _until(self, closing: str, trailing_comma: bool = False) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self._take(closing):
            if found:
                self._need(",")
                if trailing_comma and self._take(closing):
                    break
            found.append(self._expression())
        return tuple(found)

    def _primary(self) -> Node:
        token = self._token
        start = token.offset
        if token.kind is TokenKind.CONSTANT:
            self._advance()
            return Constant(token.value, offset=start, length=len(token.text))
        if token.kind is TokenKind.NAME:
            return self._name()
        if self._take("("):
            node = self._expression()
            self._need(")")
            return node
        if self._take("["):
            items = self._until("]", trailing_comma=True)
            return ListLiteral(items, offset=start, length=self._end - start)
        if self._take("{"):
            entries = self._entries()
            return MapLiteral(entries, offset=start, length=self._end - start)
        raise self._unexpected("a value")

    def _name(self) -> Node:
        token = self._advance()
        if token.text in RESERVED:
            message = f"`{token.text}` is a reserved word"
            raise ExpressionSyntaxError(message, token.offset, len(token.text))
        if not self._take("("):
            return Name(token.text, offset=token.offset, length=len(token.text))
        arguments = self._until(")")
        span = {"offset": token.offset, "length": self._end - token.offset}
        if token.text == "has":
            return _has(arguments, **span)
        return Call(token.text, None, arguments, **span)

    def _entries(self) -> tuple[tuple[Node, Node], ...]:
        found: list[tuple[Node, Node]] = []
        while not self._take("}"):
            if found:
                self._need(",")
                if self._take("}"):
                    break
            key = self._expression()
            self._need(":")
            found.append((key, self._expression()))
        return tuple(found)


def _balanced(operator: str, operands: list[tuple[Node, int, int]]) -> Node:
    if len(operands) == 1:
        return operands[0][0]
    middle = len(operands) // 2
    left = _balanced(operator, operands[:middle])
    right = _balanced(operator, operands[middle:])
    start, end = operands[0][1], operands[-1][2]
    return Logical(operator, left, right, offset=start, length=end - start)


def _comprehension(
    macro: Token, target: Node, arguments: tuple[Node, ...], *, offset: int, length: int
) -> Node:
    allowed = (2, 3) if macro.text == "map" else (2,)
    if len(arguments) not in allowed:
        shape = f"`.{macro.text}(x, expression)` takes a variable and an expression"
        raise ExpressionSyntaxError(shape, macro.offset, len(macro.text))
    variable = arguments[0]
    if not isinstance(variable, Name):
        message = f"the first argument of `.{macro.text}` is a variable's name"
        raise ExpressionSyntaxError(message, variable.offset, variable.length)
    condition = arguments[1] if len(arguments) == 3 else None
    return Comprehension(
        macro.text, target, variable.name, condition, arguments[-1], offset=offset, length=length
    )


def _has(arguments: tuple[Node, ...], *, offset: int, length: int) -> Node:
    if len(arguments) == 1 and isinstance(arguments[0], (Select, Index)):
        return Has(arguments[0], offset=offset, length=length)
    message = '`has` takes one field: `has(steps.x)`, `has(input.a.b)`, `has(input["a-b"])`'
    raise ExpressionSyntaxError(message, offset, length)
