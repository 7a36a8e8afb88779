"""Cron in EventBridge Scheduler's dialect: six fields, one field of days, Sunday is 1.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.source.cron import spans

if TYPE_CHECKING:
    from flowc.source.cron import Cron

_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def scheduler_expressions(cron: Cron) -> tuple[str, ...]:
    """Return the expressions that fire, together, when ``cron`` does.

    They are two if both fields of days are set, since there one of the two has to be ``?``. On a
    day that is in both, both fire: whoever starts the run has to admit one per time.
    """
    by_day = _expression(cron, spans(cron.days), "?")
    by_weekday = _expression(cron, "?", _weekdays(cron.weekdays))
    if cron.either_day:
        return by_day, by_weekday
    return (by_day,) if cron.weekdays is None else (by_weekday,)


def _expression(cron: Cron, day: str, weekday: str) -> str:
    time = f"{spans(cron.minutes)} {spans(cron.hours)}"
    return f"cron({time} {day} {spans(cron.months)} {weekday} *)"


def _weekdays(values: tuple[int, ...] | None) -> str:
    """Return days of the week by name, so that nobody has to know which number is Sunday."""
    return "*" if values is None else ",".join(_DAYS[value] for value in values)
