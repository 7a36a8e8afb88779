"""Builders of states: escapes, retries, commands."""

from __future__ import annotations

import pytest

from flowc_shim.contract.policies import Budget, Retry
from flowc_targets.step_functions.names import LIMIT, Names
from flowc_targets.step_functions.states import command, literal, unit_retry, when


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain", "'plain'"),
        ("it's", r"'it\'s'"),
        ("{}", r"'\{\}'"),
        ("a\\b", r"'a\\b'"),
        ("größe", "'größe'"),
    ],
)
def test_literals(text: str, wanted: str) -> None:
    assert literal(text) == wanted


def test_commands_have_no_empty_argument() -> None:
    assert command("a", "") == (
        "States.Array('flowc-shim', 'run-unit', '--unit', 'a', '--plan', $.run.plan, "
        "'--run', States.Format('{}@{}', $.run.id, $.run.started))"
    )
    assert command("a", "each").endswith("'--scope', $.scope)")


def test_a_delay_above_its_cap_is_the_cap() -> None:
    entry = unit_retry(Retry(platform=Budget(max=1, delay=90, cap=60)))[-1]
    assert (entry["IntervalSeconds"], entry["BackoffRate"]) == (60, 1.0)
    assert "MaxDelaySeconds" not in entry


def test_rules_test_presence_once_and_first() -> None:
    tests = [{"NumericGreaterThan": 0}, {"NumericLessThan": 9}]
    rule = when([{"Variable": "$.a", **test} for test in tests], "x")
    assert [next(iter(test.keys() - {"Variable"})) for test in rule["And"]] == [
        "IsPresent", "NumericGreaterThan", "NumericLessThan",
    ]  # fmt: skip


def test_names_are_the_same_in_any_order() -> None:
    units = ["a", "b", "x" * 100, "x" * 101]
    one, other = Names(units), Names(reversed(units))
    assert [one.unit(u) for u in units] == [other.unit(u) for u in units]
    assert one.helper("a", "settle") == one.helper("a", "settle") == "a (settle)"
    assert all(len(one.unit(u)) <= LIMIT for u in units)
