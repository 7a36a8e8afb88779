"""Cron expressions: a check that catches slips, and the names of time zones."""

from __future__ import annotations

import re
import zoneinfo
from functools import cache

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, ("", *_MONTHS)),
    ("day of the week", 0, 7, _DAYS),
)
"""Name, least, greatest, and the words that stand for numbers by position."""


class CronError(ValueError):
    """Not a cron expression; ``offset`` and ``length``: the part of the text that is wrong."""

    def __init__(self, message: str, offset: int, length: int) -> None:
        super().__init__(message)
        self.offset = offset
        self.length = length


def check_cron(text: str) -> None:
    """Raise CronError unless ``text`` has five fields that standard cron reads.

    >>> check_cron("*/15 2-4 * jan,jul mon-fri")
    """
    fields = list(re.finditer(r"\S+", text))
    if len(fields) != len(_FIELDS):
        raise CronError(
            f"a cron expression has five fields (minute, hour, day of the month, month, day of the "
            f"week), and this has {len(fields)}",
            0,
            len(text),
        )
    for match, (name, least, greatest, words) in zip(fields, _FIELDS, strict=True):
        for part in re.finditer(r"[^,]*(?:,|\Z)", match[0]):
            written = part[0].rstrip(",")
            if part.start() == len(match[0]) and not match[0].endswith(","):
                continue  # the empty match behind the last part
            problem = _problem(written, least, greatest, words)
            if problem:
                raise CronError(
                    f"{problem} in the field for the {name}",
                    match.start() + part.start(),
                    max(1, len(written)),
                )


def _problem(part: str, least: int, greatest: int, words: tuple[str, ...]) -> str | None:
    """Return what is wrong with one part of a field, None if nothing is."""
    if not part:
        return "nothing stands beside `,`"
    span, slash, step = part.partition("/")
    if slash and not (step.isdecimal() and int(step) > 0):
        return f"`{part}` has no whole number from 1 behind `/`"
    if span == "*":
        return None
    first, dash, last = span.partition("-")
    numbers = [_number(word, words) for word in ([first, last] if dash else [first])]
    if any(number is None or not least <= number <= greatest for number in numbers):
        return f"`{part}` is not within {least} and {greatest}"
    if dash and numbers[0] is not None and numbers[1] is not None and numbers[0] > numbers[1]:
        return f"`{part}` runs backwards"
    return None


def _number(word: str, words: tuple[str, ...]) -> int | None:
    if word.isascii() and word.isdecimal() and len(word) <= 2:
        return int(word)
    return words.index(word.lower()) if word and word.lower() in words else None


@cache
def time_zones() -> frozenset[str]:
    """Return the IANA names that this machine knows; empty if it has no such data at all."""
    return frozenset(zoneinfo.available_timezones())
