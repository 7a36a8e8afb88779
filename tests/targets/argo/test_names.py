from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from flowc_targets._shared.names import MAX_LABEL, label_value, object_name, unique_names

if TYPE_CHECKING:
    import random

ARGO = re.compile(r"[a-zA-Z][-a-zA-Z0-9]*")
OBJECT = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
LABEL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")

IDS = st.text(st.sampled_from("ab1-._/: ßé日"), min_size=1, max_size=9)


def test_an_id_keeps_its_spelling_where_it_can() -> None:
    found = unique_names(["extract", "train/fit", "train:open", "a_b", "1st", "Load"], 63)
    assert list(found.values()) == ["extract", "train-fit", "train-open", "a-b", "n-1st", "Load"]


def test_ids_that_would_share_a_name_are_told_apart() -> None:
    found = unique_names(["a.b", "a-b", "a/b"], 63)
    assert found["a-b"] == "a-b"
    assert re.fullmatch(r"a-b-[0-9a-f]{6}", found["a.b"])
    assert re.fullmatch(r"a-b-[0-9a-f]{6}", found["a/b"])
    assert len(set(found.values())) == 3


def test_what_is_lost_is_replaced_by_a_hash() -> None:
    found = unique_names(["größe", "日本", "x" * 80, "not"], 63, frozenset(["not"]))
    assert re.fullmatch(r"groe-[0-9a-f]{6}", found["größe"])
    assert re.fullmatch(r"n-[0-9a-f]{6}", found["日本"])
    assert len(found["x" * 80]) == 63
    assert re.fullmatch(r"not-[0-9a-f]{6}", found["not"])


@given(st.lists(IDS, unique=True, max_size=12), st.randoms())
def test_names_are_valid_unique_and_independent_of_order(
    ids: list[str], rng: random.Random
) -> None:
    found = unique_names(ids, 20)
    assert len(set(found.values())) == len(ids)
    assert all(ARGO.fullmatch(name) and len(name) <= 20 for name in found.values())
    shuffled = ids[:]
    rng.shuffle(shuffled)
    assert unique_names(shuffled, 20) == found


@given(IDS, st.lists(IDS, unique=True, max_size=8))
def test_one_more_id_renames_at_most_those_that_share_its_spelling(
    extra: str, ids: list[str]
) -> None:
    before = unique_names(ids, 20)
    after = unique_names([*ids, extra], 20)
    changed = [id for id in ids if before[id] != after[id]]
    assert len(changed) <= 1


@given(st.text(min_size=1, max_size=80))
def test_objects_and_labels_are_valid(text: str) -> None:
    assert OBJECT.fullmatch(object_name(text, 52))
    assert len(object_name(text, 52)) <= 52
    assert LABEL.fullmatch(label_value(text))
    assert len(label_value(text)) <= MAX_LABEL


def test_object_names() -> None:
    assert object_name("forecasting-main-forecast", 52) == "forecasting-main-forecast"
    assert re.fullmatch(r"x{45}-[0-9a-f]{6}", object_name("x" * 80, 52))
    assert object_name("Flow", 52) != object_name("flow", 52)
