"""What this package raises: exceptions that know the place in the text they speak of."""

from __future__ import annotations


class LocatedError(Exception):
    """A message with the characters of the expression's text that it is about."""

    def __init__(self, message: str, offset: int, length: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.length = length

    def __reduce__(self) -> tuple[type[LocatedError], tuple[str, int, int]]:
        return (type(self), (self.message, self.offset, self.length))


class ExpressionSyntaxError(LocatedError):
    """A text that is not an expression of the language."""


class ExpressionError(LocatedError):
    """An evaluation that failed; an error of class ``user``, never false."""


class ExpressionLimitError(ExpressionError):
    """An evaluation that went over a bound; unlike other failures, it passes ``&&`` and ``||``."""


class Fault(Exception):
    """A failure that has no place yet: the evaluator turns it into an ExpressionError."""


class LimitFault(Fault):
    """A bound that was exceeded: the evaluator turns it into an ExpressionLimitError."""
