"""Text to tokens. CEL's lexical rules without bytes, unsigned integers and message names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from flowc_shim.language.expressions.errors import ExpressionSyntaxError, LimitFault
from flowc_shim.language.expressions.limits import check_integer

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json


class TokenKind(Enum):
    """What a token is; operators and punctuation are known by their text."""

    NAME = "name"
    CONSTANT = "constant"
    SYMBOL = "symbol"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """One token; ``value`` is that of a constant, ``None`` otherwise."""

    kind: TokenKind
    text: str
    offset: int
    value: Json = None

    @property
    def end(self) -> int:
        """The offset just behind the token."""
        return self.offset + len(self.text)


KEYWORDS: dict[str, Json] = {"true": True, "false": False, "null": None}

_PATTERN = re.compile(
    r"""(?P<space>(?:[ \t\r\n\f]|//[^\n]*)+)
      | (?P<string>[rR]?(?:\"\"\"|'''|"|'))
      | (?P<number>0x[0-9a-fA-F]+|(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<symbol>&&|\|\||[=!<>]=|[-+*/%!<>?:.,()\[\]{}])
    """,
    re.VERBOSE,
)

_STRING_BODIES = {
    (False, '"'): re.compile(r'(?:[^"\\\r\n]|\\[^\r\n])*'),
    (False, "'"): re.compile(r"(?:[^'\\\r\n]|\\[^\r\n])*"),
    (False, '"""'): re.compile(r'(?:[^"\\]|\\.|"(?!""))*', re.DOTALL),
    (False, "'''"): re.compile(r"(?:[^'\\]|\\.|'(?!''))*", re.DOTALL),
    (True, '"'): re.compile(r'[^"\r\n]*'),
    (True, "'"): re.compile(r"[^'\r\n]*"),
    (True, '"""'): re.compile(r'(?:[^"]|"(?!""))*'),
    (True, "'''"): re.compile(r"(?:[^']|'(?!''))*"),
}

_ESCAPE = re.compile(
    r"""\\(?: (?P<simple>[abfnrtv\\?"'`])
            | [xX](?P<hex2>[0-9a-fA-F]{2})
            | u(?P<hex4>[0-9a-fA-F]{4})
            | U(?P<hex8>[0-9a-fA-F]{8})
            | (?P<octal>[0-3][0-7]{2}) )
    """,
    re.VERBOSE,
)

_SIMPLE_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def tokens(text: str) -> list[Token]:
    """Return the tokens of ``text``, closed by one of kind END; raises ExpressionSyntaxError."""
    found: list[Token] = []
    offset = 0
    while offset < len(text):
        match = _PATTERN.match(text, offset)
        if match is None:
            raise ExpressionSyntaxError(_stray(text[offset]), offset, 1)
        if match.lastgroup != "space":
            found.append(_token(text, match))
            offset = found[-1].end
        else:
            offset = match.end()
    found.append(Token(TokenKind.END, "", len(text)))
    return found


def _token(text: str, match: re.Match[str]) -> Token:
    word, offset = match.group(), match.start()
    if match.lastgroup == "string":
        return _string(text, word, offset)
    if match.lastgroup == "number":
        return _number(text, word, offset)
    if match.lastgroup == "symbol":
        return Token(TokenKind.SYMBOL, word, offset)
    if word in KEYWORDS:
        return Token(TokenKind.CONSTANT, word, offset, KEYWORDS[word])
    if word == "in":
        return Token(TokenKind.SYMBOL, word, offset)
    return Token(TokenKind.NAME, word, offset)


def _number(text: str, word: str, offset: int) -> Token:
    after = text[offset + len(word) : offset + len(word) + 1]
    if after.isascii() and (after.isalpha() or after == "_"):
        message = f"`{after}` cannot follow a number"
        if after in "uU":
            message = "unsigned integers are not of this language; write the number alone"
        raise ExpressionSyntaxError(message, offset, len(word) + 1)
    try:
        value = _number_value(word)
    except (LimitFault, ValueError) as error:
        raise ExpressionSyntaxError(f"{error}", offset, len(word)) from None
    return Token(TokenKind.CONSTANT, word, offset, value)


def _number_value(word: str) -> int | float:
    if word.startswith("0x"):
        return check_integer(int(word, 16))
    if word.isdigit():
        return check_integer(int(word))
    value = float(word)
    if value == float("inf"):
        raise ValueError("the number is too large for a double")
    return value


def _string(text: str, opening: str, offset: int) -> Token:
    raw = opening[0] in "rR"
    quote = opening[1:] if raw else opening
    start = offset + len(opening)
    body = _STRING_BODIES[raw, quote].match(text, start)
    end = body.end() if body else start
    if not text.startswith(quote, end):
        raise ExpressionSyntaxError("the string is not closed", offset, len(opening))
    content = text[start:end]
    value = content if raw else _unescape(content, start)
    return Token(TokenKind.CONSTANT, text[offset : end + len(quote)], offset, value)


def _unescape(content: str, start: int) -> str:
    parts: list[str] = []
    position = 0
    while (slash := content.find("\\", position)) >= 0:
        parts.append(content[position:slash])
        match = _ESCAPE.match(content, slash)
        if match is None:
            message = f"unknown escape `{content[slash : slash + 2]}`; a backslash is `\\\\`"
            raise ExpressionSyntaxError(message, start + slash, 2)
        parts.append(_escaped(match, start + slash))
        position = match.end()
    parts.append(content[position:])
    return "".join(parts)


def _escaped(match: re.Match[str], offset: int) -> str:
    digits = match[match.lastgroup or 0]
    if match.lastgroup == "simple":
        return _SIMPLE_ESCAPES.get(digits, digits)
    code = int(digits, 8 if match.lastgroup == "octal" else 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise ExpressionSyntaxError("the escape is not a character", offset, len(match[0]))
    return chr(code)


def _stray(character: str) -> str:
    hints = {
        "=": "`=` alone is not an operator; equality is `==`",
        "&": "`&` alone is not an operator; the logical one is `&&`",
        "|": "`|` alone is not an operator; the logical one is `||`",
        "$": "`$` is not used in expressions; names are written bare: `input.x`",
    }
    return hints.get(character, f"the character {character!a} is not of this language")
