"""The normal form of cron expressions, against an evaluation of the text itself."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowc.source.cron import FIELDS, Cron, CronError, parse_cron
from flowc_targets.step_functions.cron import scheduler_expressions

START = dt.datetime(2027, 1, 1)
MINUTES = st.integers(0, 2 * 366 * 24 * 60).map(lambda n: START + dt.timedelta(minutes=n))


def field_text(least: int, greatest: int) -> st.SearchStrategy[str]:
    number = st.integers(least, greatest)
    span = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    stepped = st.tuples(st.one_of(span, number.map(str)), st.integers(1, 20)).map(
        lambda pair: f"{pair[0]}/{pair[1]}"
    )
    part = st.one_of(number.map(str), span, stepped)
    listed = st.lists(part, min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), listed)


CRONS = st.tuples(*(field_text(field.least, field.greatest) for field in FIELDS)).map(" ".join)


def holds(text: str, value: int, greatest: int) -> bool:
    """Whether a field of standard cron holds ``value``, read as its manual says."""
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        if span == "*":
            return True
        low = int(first)
        high = int(last) if dash else max(low, greatest) if step else low
        if low <= value <= high and (value - low) % int(step or 1) == 0:
            return True
    return False


def fires(text: str, at: dt.datetime) -> bool:
    minute, hour, day, month, weekday = text.split()
    number = at.isoweekday() % 7
    on_day = holds(day, at.day, 31)
    # 7 is another word for Sunday; from a day on with a step goes to Saturday, as Argo's cron reads
    on_weekday = holds(weekday, number, 6) or (number == 0 and holds(weekday, 7, 6))
    if day == "*" or weekday == "*":
        days = on_day and on_weekday
    else:
        days = on_day or on_weekday
    time = holds(minute, at.minute, 59) and holds(hour, at.hour, 23)
    return time and holds(month, at.month, 12) and days


def aws_fires(expression: str, at: dt.datetime) -> bool:
    """Whether an EventBridge expression fires, read as the Scheduler's guide says."""
    minute, hour, day, month, weekday, year = expression[len("cron(") : -1].split()
    assert (day == "?") != (weekday == "?") and year == "*"
    names = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
    if day == "?":
        days = weekday == "*" or names[at.isoweekday() % 7] in weekday.split(",")
    else:
        days = holds(day, at.day, 31)
    time = holds(minute, at.minute, 59) and holds(hour, at.hour, 23)
    return time and holds(month, at.month, 12) and days


@example("* * * * 1/1", [START + dt.timedelta(days=2)])
@given(CRONS, st.lists(MINUTES, min_size=20, max_size=60))
def test_both_dialects_fire_when_the_text_does(text: str, times: list[dt.datetime]) -> None:
    cron = parse_cron(text)
    expressions = scheduler_expressions(cron)
    assert all(len(one) <= 256 for one in expressions), "the service's bound"
    for at in times:
        expected = fires(text, at)
        assert fires(cron.text(), at) == expected
        assert any(aws_fires(one, at) for one in expressions) == expected


@pytest.mark.parametrize(
    ("text", "normal", "scheduler"),
    [
        ("0 2 * * *", "0 2 * * *", ["cron(0 2 * * ? *)"]),
        ("*/15 * * * mon-fri", "0,15,30,45 * * * 1-5",
         ["cron(0,15,30,45 * ? * MON,TUE,WED,THU,FRI *)"]),
        ("5/20 0 1 */6 *", "5,25,45 0 1 1,7 *", ["cron(5,25,45 0 1 1,7 ? *)"]),
        ("0 0 * * 5-7", "0 0 * * 0,5-6", ["cron(0 0 ? * SUN,FRI,SAT *)"]),
        ("0 0 * * 7", "0 0 * * 0", ["cron(0 0 ? * SUN *)"]),
        ("0 0 13 * fri", "0 0 13 * 5", ["cron(0 0 13 * ? *)", "cron(0 0 ? * FRI *)"]),
        ("0-59 * */2 * *", "* * 1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31 * *",
         ["cron(* * 1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31 * ? *)"]),
    ],
)  # fmt: skip
def test_forms(text: str, normal: str, scheduler: list[str]) -> None:
    cron = parse_cron(text)
    assert cron.text() == normal
    assert list(scheduler_expressions(cron)) == scheduler
    assert parse_cron(normal) == cron


def test_every_minute_is_no_list() -> None:
    assert parse_cron("* * * * *") == Cron(None, None, None, None, None)


@pytest.mark.parametrize("text", ["0 0 */2 * 1", "0 0 1 * */2", "0 0 * /2 1 1 1", "0 0 */3 * */2"])
def test_where_crons_disagree(text: str) -> None:
    with pytest.raises(CronError):
        parse_cron(text)
