"""Test cases that flow files contain: reading, comparing, and rewriting what they expect."""

from flowc.cases.compare import Difference, compare, normalised
from flowc.cases.model import Case, TestBlock, decode_test
from flowc.cases.update import UpdateError, updated_text

__all__ = [
    "Case",
    "Difference",
    "TestBlock",
    "UpdateError",
    "compare",
    "decode_test",
    "normalised",
    "updated_text",
]
