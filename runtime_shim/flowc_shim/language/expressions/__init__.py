"""Expressions: a subset of CEL over JSON, bounded in time and size.

``parse`` gives a tree, ``references`` what it reads, ``check`` what is certainly wrong with it,
``evaluate`` its value. Section 6 of ``docs/language.md`` says what is in the language; modules
``operators``, ``functions`` and ``evaluate`` say where it differs from CEL.
"""

from flowc_shim.language.expressions.check import Problem, Scope, check, result_type
from flowc_shim.language.expressions.errors import (
    ExpressionError,
    ExpressionLimitError,
    ExpressionSyntaxError,
)
from flowc_shim.language.expressions.evaluate import Names, evaluate, evaluate_condition
from flowc_shim.language.expressions.limits import (
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_INTEGER_BITS,
    MAX_RESULT_BYTES,
    MAX_STEPS,
)
from flowc_shim.language.expressions.parser import parse
from flowc_shim.language.expressions.references import Reference, references
from flowc_shim.language.expressions.static_types import JsonSchema
from flowc_shim.language.expressions.syntax import Expression, Node

__all__ = [
    "MAX_CHARACTERS",
    "MAX_DEPTH",
    "MAX_INTEGER_BITS",
    "MAX_RESULT_BYTES",
    "MAX_STEPS",
    "Expression",
    "ExpressionError",
    "ExpressionLimitError",
    "ExpressionSyntaxError",
    "JsonSchema",
    "Names",
    "Node",
    "Problem",
    "Reference",
    "Scope",
    "check",
    "evaluate",
    "evaluate_condition",
    "parse",
    "references",
    "result_type",
]
