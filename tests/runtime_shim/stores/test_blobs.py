"""Blobs: named by their content, checked when read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowc_shim.language.canonical import digest
from flowc_shim.stores.blobs import blob_key, get_blob, put_blob
from flowc_shim.stores.bodies import CorruptBody
from flowc_shim.stores.memory import MemoryStore

from . import faults

if TYPE_CHECKING:
    from flowc_shim.stores.api import StateStore

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_a_blob_comes_back_with_its_kind(store: StateStore) -> None:
    data = {"z": [1, 2.0, 10**40, "ü\ud800"], "a": None}
    sha = put_blob(store, "runs/r", data, kind="flow")
    assert sha == digest(data)
    assert [*store.list("runs")] == [f"runs/r/blobs/{sha}"]
    back, kind = get_blob(store, "runs/r", sha)
    assert back == data and [*back] == ["z", "a"] and kind == "flow"
    assert type(back["z"][1]) is float and type(back["z"][2]) is int


def test_storing_again_changes_nothing(store: StateStore) -> None:
    first = put_blob(store, "runs/r", {"a": 1, "b": 2})
    assert put_blob(store, "runs/r", {"b": 2, "a": 1}, kind="flow") == first
    back, kind = get_blob(store, "runs/r", first)
    assert [*back] == ["a", "b"] and kind == "data"


def test_runs_share_nothing(store: StateStore) -> None:
    sha = put_blob(store, "runs/r", 1)
    with pytest.raises(KeyError):
        get_blob(store, "runs/s", sha)


def test_integers_and_floats_are_different_content() -> None:
    store = MemoryStore()
    assert put_blob(store, "r", 1) != put_blob(store, "r", 1.0)
    assert put_blob(store, "r", 0.0) != put_blob(store, "r", -0.0)


@given(JSON)
def test_any_json(data: Any) -> None:
    store = MemoryStore()
    back, _ = get_blob(store, "r", put_blob(store, "r", data))
    assert json.dumps(back) == json.dumps(data)


@pytest.mark.parametrize("data", [float("nan"), float("inf"), [{"a": -float("inf")}]])
def test_what_is_not_json_is_refused(data: Any) -> None:
    store = MemoryStore()
    with pytest.raises(ValueError, match="not JSON compliant"):
        put_blob(store, "r", data)
    assert store.list("") == []


@pytest.mark.parametrize("sha", ["0" * 64, "", "x", "../k", "A" * 64, f"{'0' * 64}\n", "a/b"])
def test_what_is_no_blob_is_a_key_error(store: StateStore, sha: str) -> None:
    with pytest.raises(KeyError):
        get_blob(store, "runs/r", sha)


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"{}", b'{"kind":"data","data":2}', b'{"kind":1,"data":1}', b'{"data":1}',
     b'{"kind":"data","data":1e999}'],
)  # fmt: skip
def test_other_content_is_corrupt(body: bytes) -> None:
    store = MemoryStore()
    sha = digest(1)
    store.create(blob_key("r", sha), body)
    with pytest.raises(CorruptBody):
        get_blob(store, "r", sha)
    with pytest.raises(CorruptBody):
        put_blob(store, "r", 1)


@pytest.mark.parametrize(
    "fault", [faults.SpuriousConflict, faults.LostResponse, faults.LostRequest, faults.BlindReads]
)
def test_a_blob_lands_whatever_the_fault(fault: Any) -> None:
    store = MemoryStore()
    sha = put_blob(fault(store), "r", {"a": 1})
    assert get_blob(store, "r", sha) == ({"a": 1}, "data")
