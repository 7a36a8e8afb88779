"""Changes between what is desired and what is there: which, in which order, field by field."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowc.deploy.changes import changes, outstanding
from flowc.deploy.differences import differences
from flowc.deploy.model import ABSENT, Desired, Kind, Observed, Phase, Ref
from flowc.deploy.releases import digest_of


def desired(
    name: str, body: dict[str, Any] | None = None, phase: Phase = Phase.ADDITIVE
) -> Desired:
    return Desired(Ref("Thing", name), body or {"a": 1}, phase)


def observed(name: str, body: dict[str, Any] | None = None, **more: Any) -> Observed:
    return Observed(Ref("Thing", name), body or {"a": 1}, **more)


def test_additive_then_switch_then_what_follows_and_deletions_last() -> None:
    wanted = [
        desired("schedule", phase=Phase.FOLLOW),
        desired("template", {"a": 2}, Phase.SWITCH),
        desired("plan-2"),
        desired("role"),
    ]
    there = [observed("role"), observed("template"), observed("plan-1"), observed("old-schedule")]
    found = [(one.kind, one.ref.name) for one in changes(wanted, there)]
    assert found == [
        (Kind.CREATE, "plan-2"),
        (Kind.UPDATE, "template"),
        (Kind.CREATE, "schedule"),
        (Kind.DELETE, "old-schedule"),
        (Kind.DELETE, "plan-1"),
    ]


def test_what_a_run_needs_is_kept() -> None:
    [found] = changes([], [observed("plan", needed_by="run x is not finished")])
    assert found.kind is Kind.KEEP
    assert outstanding([found]) == ()


def test_two_switches_are_none() -> None:
    with pytest.raises(ValueError, match="one switch"):
        changes([desired("a", phase=Phase.SWITCH), desired("b", phase=Phase.SWITCH)], [])


def test_fields_by_their_names() -> None:
    before = {"spec": {"templates": [{"name": "b", "limit": 3}, {"name": "a"}], "gone": None}}
    after = {"spec": {"templates": [{"name": "a"}, {"name": "b", "limit": 4}], "flowc.dev/x": 1}}
    found = [(one.path, one.before, one.after) for one in differences(before, after)]
    assert found == [
        ("spec.templates[b].limit", 3, 4),
        ("spec.templates[order]", "b, a", "a, b"),
        ("spec[flowc.dev/x]", ABSENT, 1),
        ("spec.gone", None, ABSENT),
    ]


def test_who_edited_a_field_by_hand() -> None:
    [one] = differences({"spec": {"a": {"b": 1}}}, {"spec": {"a": {"b": 2}}}, {"spec.a": "kubectl"})
    assert one.edited_by == "kubectl"
    [other] = differences({"spec": {"ab": 1}}, {"spec": {"ab": 2}}, {"spec.a": "kubectl"})
    assert other.edited_by == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.text("ab"), JSON), st.dictionaries(st.text("ab"), JSON))
def test_no_difference_is_overlooked_and_none_made_up(one: Any, other: Any) -> None:
    assert differences(one, one) == ()
    same = digest_of([desired("x", {"b": one})]) == digest_of([desired("x", {"b": other})])
    assert bool(differences(one, other)) is not same


def test_the_order_of_a_list_is_a_difference() -> None:
    named = [{"name": "a", "n": 1}, {"name": "b"}]
    assert differences({"x": named}, {"x": named[::-1]}) != ()
