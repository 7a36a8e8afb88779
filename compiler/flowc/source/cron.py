"""Cron expressions in one normal form for every target, and the names of time zones.

The five fields of standard cron: lists, ranges, steps, words for months and days; 7 is Sunday as 0
is. If neither field of days is ``*``, a day that is in either of them counts. Whether a step over
``*`` in a field of days counts as one is where crons disagree, so that it is refused beside another
restriction.
"""

from __future__ import annotations

import re
import zoneinfo
from dataclasses import dataclass
from functools import cache

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
SUNDAY = 7
"""How some write it; 0 in the normal form."""


@dataclass(frozen=True, slots=True)
class Field:
    """What a field of an expression may hold; ``words`` stand for numbers by position."""

    name: str
    least: int
    greatest: int
    words: tuple[str, ...] = ()


FIELDS = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of the month", 1, 31),
    Field("month", 1, 12, ("", *_MONTHS)),
    Field("day of the week", 0, SUNDAY, _DAYS),
)
_DAY_FIELDS = (2, 4)


@dataclass(frozen=True, slots=True)
class Cron:
    """A schedule: the values of each field in order, None for ``*``; Sunday is 0."""

    minutes: tuple[int, ...] | None
    hours: tuple[int, ...] | None
    days: tuple[int, ...] | None
    months: tuple[int, ...] | None
    weekdays: tuple[int, ...] | None

    @property
    def either_day(self) -> bool:
        """Whether both fields of days are set, of which one suffices."""
        return self.days is not None and self.weekdays is not None

    def text(self) -> str:
        """Return the five fields with numbers only, Sunday as 0: what every cron reads.

        >>> parse_cron("*/20 2-4 * jan,jul fri-7").text()
        '0,20,40 2-4 * 1,7 0,5-6'
        """
        values = (self.minutes, self.hours, self.days, self.months, self.weekdays)
        return " ".join(spans(one) for one in values)


class CronError(ValueError):
    """Not a cron expression; ``offset`` and ``length``: the part of the text that is wrong."""

    def __init__(self, message: str, offset: int, length: int) -> None:
        super().__init__(message)
        self.offset = offset
        self.length = length


def parse_cron(text: str) -> Cron:
    """Return the schedule that ``text`` says; raises CronError."""
    fields = list(re.finditer(r"\S+", text))
    if len(fields) != len(FIELDS):
        raise CronError(
            f"a cron expression has five fields (minute, hour, day of the month, month, day of the "
            f"week), and this has {len(fields)}",
            0,
            len(text),
        )
    parsed = [_values(match, field) for match, field in zip(fields, FIELDS, strict=True)]
    _refuse_steps_over_days(fields, parsed)
    return Cron(*parsed)


def check_cron(text: str) -> None:
    """Raise CronError unless ``text`` has five fields that standard cron reads."""
    parse_cron(text)


def spans(values: tuple[int, ...] | None) -> str:
    """Return ``values`` as a field: ``*`` for None, else a list of numbers and ranges.

    >>> spans((1, 2, 3, 7))
    '1-3,7'
    """
    if values is None:
        return "*"
    runs: list[list[int]] = []
    for value in values:
        if runs and runs[-1][-1] == value - 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _values(match: re.Match[str], field: Field) -> tuple[int, ...] | None:
    found: set[int] = set()
    parts = match[0].split(",")
    offset = match.start()
    for part in parts:
        values, problem = _part(part, field)
        if problem:
            message = f"{problem} in the field for the {field.name}"
            raise CronError(message, offset, max(1, len(part)))
        found.update(values)
        offset += len(part) + 1
    if field.greatest == SUNDAY:
        found = {value % SUNDAY for value in found}
    everything = set(range(field.least, field.greatest + (field.greatest != SUNDAY)))
    # Every value, however it was written, says no more than `*`; only `*` itself does so for days.
    whole = found == everything and (match[0] == "*" or field not in _days())
    return None if whole else tuple(sorted(found))


def _days() -> tuple[Field, ...]:
    return tuple(FIELDS[number] for number in _DAY_FIELDS)


def _part(part: str, field: Field) -> tuple[range, str | None]:
    """Return the values of one part of a field, and what is wrong with it."""
    nothing = range(0)
    if not part:
        return nothing, "nothing stands beside `,`"
    span, slash, step = part.partition("/")
    if slash and not (step.isascii() and step.isdecimal() and int(step) > 0):
        return nothing, f"`{part}` has no whole number from 1 behind `/`"
    by = int(step) if slash else 1
    if span == "*":
        greatest = field.greatest - (field.greatest == SUNDAY)
        return range(field.least, greatest + 1, by), None
    first, dash, last = span.partition("-")
    low, high = _number(first, field.words), _number(last if dash else first, field.words)
    if low is None or high is None or not field.least <= low <= field.greatest >= high:
        return nothing, f"`{part}` is not within {field.least} and {field.greatest}"
    if slash and not dash:  # from there to the end
        high = max(low, field.greatest - (field.greatest == SUNDAY))
    if low > high:
        return nothing, f"`{part}` runs backwards"
    return range(low, high + 1, by), None


def _number(word: str, words: tuple[str, ...]) -> int | None:
    if word.isascii() and word.isdecimal() and len(word) <= 2:
        return int(word)
    return words.index(word.lower()) if word and word.lower() in words else None


def _refuse_steps_over_days(
    fields: list[re.Match[str]], parsed: list[tuple[int, ...] | None]
) -> None:
    if any(parsed[number] is None for number in _DAY_FIELDS):
        return
    for number in _DAY_FIELDS:
        written = fields[number]
        if written[0].startswith("*"):
            raise CronError(
                f"crons disagree on what `{written[0]}` means beside a restricted other field of "
                f"days: write the days out",
                written.start(),
                len(written[0]),
            )


@cache
def time_zones() -> frozenset[str]:
    """Return the IANA names that this machine knows; empty if it has no such data at all."""
    return frozenset(zoneinfo.available_timezones())
