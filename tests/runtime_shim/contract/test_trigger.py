"""Triggers: what engines hand over, and what flows see of it."""

from __future__ import annotations

from typing import Any

import pytest

from flowc_shim.contract.errors import FlowError
from flowc_shim.contract.trigger import KEYS, read_trigger, schedule_trigger


@pytest.mark.parametrize(
    ("time", "zone", "due", "date"),
    [
        ("2026-11-20T02:00:00Z", None, "2026-11-20T02:00:00+00:00", "2026-11-20"),
        ("2026-11-20T02:00:00Z", "UTC", "2026-11-20T02:00:00+00:00", "2026-11-20"),
        # Argo writes the controller's zone, EventBridge UTC
        ("2026-11-20T02:00:00+01:00", "UTC", "2026-11-20T01:00:00+00:00", "2026-11-20"),
        ("2026-03-29T00:30:00Z", "Europe/Rome", "2026-03-29T01:30:00+01:00", "2026-03-29"),
        ("2026-03-29T01:30:00Z", "Europe/Rome", "2026-03-29T03:30:00+02:00", "2026-03-29"),
        ("2026-01-01T00:00:00.5Z", "Asia/Kolkata", "2026-01-01T05:30:00+05:30", "2026-01-01"),
        ("2026-01-01T00:00:00Z", "America/New_York", "2025-12-31T19:00:00-05:00", "2025-12-31"),
    ],
)
def test_times_are_in_the_zone_of_the_trigger(
    time: str, zone: str | None, due: str, date: str
) -> None:
    trigger = read_trigger(schedule_trigger(time, zone, None))
    assert trigger is not None
    assert trigger.value == {"scheduledTime": due, "date": date, "signal": None, "run": None}
    assert tuple(trigger.value) == KEYS
    assert not trigger.gives_input


def test_an_input_of_null_is_an_input() -> None:
    trigger = read_trigger({"input": None})
    assert trigger is not None
    assert (trigger.gives_input, trigger.input) == (True, None)


def test_a_signal_starts_a_run_without_a_time() -> None:
    trigger = read_trigger({"signal": "new-data", "input": {"by": {"$trigger": "signal"}}})
    assert trigger is not None
    assert trigger.input == {"by": "new-data"}
    assert trigger.value["date"] is None


@pytest.mark.parametrize(
    "raw",
    [
        "now",
        [],
        {"scheduledTime": "2026-11-20"},
        {"scheduledTime": "2026-11-20T02:00:00"},
        {"scheduledTime": 7},
        {"scheduledTime": "{{workflow.scheduledTime}}"},
        {"scheduledTime": "2026-11-20T02:00:00Z", "timezone": "Europe/Atlantis"},
        {"scheduledTime": "2026-11-20T02:00:00Z", "timezone": "../../etc/passwd"},
        {"scheduledTime": "2026-11-20T02:00:00Z", "timezone": "/etc/localtime"},
        {"input": {"$step": "a"}},
        {"input": {"$trigger": "day"}},
        {"input": {"$trigger": 7}},
    ],
)
def test_what_is_no_trigger(raw: Any) -> None:
    with pytest.raises(FlowError) as raised:
        read_trigger(raw)
    assert raised.value.info.code == "INVALID_INPUT"
