"""Faults on the wire: what S3 and its imitations answer, through the real client."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from moto.s3.responses import S3Response

from flowc_shim.stores.api import StoreUnavailable
from flowc_shim.stores.commit import commit
from flowc_shim.stores.probe import probe

from .conftest import Place
from .s3_server import BUCKET, CREDENTIALS, S3Server

if TYPE_CHECKING:
    from pathlib import Path


def test_a_409_says_exists_although_nothing_landed(s3: S3Server, s3_place: Place) -> None:
    store = s3_place.open()
    s3.faults = ["409"]
    assert store.create("k", b"x") is False
    assert store.read("k") is None
    s3.faults = ["409", "409"]
    assert commit(store, "k", {"n": 1}, "me").mine
    found = store.read_versioned("k")
    assert found is not None
    s3.faults = ["409"]
    assert store.replace("k", b"y", found.version) is False


def test_a_lost_answer_is_not_repeated_by_the_client(s3: S3Server, s3_place: Place) -> None:
    store = s3_place.open()
    s3.faults = ["lost"]
    with pytest.raises(StoreUnavailable):
        store.create("k", b"x")
    assert s3.puts == 1
    assert store.read("k") == b"x"
    s3.faults = ["lost"]
    told = commit(store, "k2", {"n": 1}, "me")
    assert told.mine and s3.puts == 2


def test_the_probe_refuses_an_s3_that_ignores_conditions(s3: S3Server, s3_place: Place) -> None:
    s3.always = "ignore"
    create, replace = probe(s3_place.open())
    assert "If-None-Match" in create and "If-Match" in replace


def test_a_missing_bucket_is_unavailable(s3: S3Server) -> None:
    store = Place("s3://no-such-bucket/p", s3.options).open()
    with pytest.raises(StoreUnavailable):
        store.create("k", b"x")
    (problem,) = probe(store)
    assert "cannot be used" in problem


def test_nobody_listens() -> None:
    store = Place("s3://bucket/p", {**CREDENTIALS, "endpoint": "http://127.0.0.1:1"}).open()
    with pytest.raises(StoreUnavailable):
        store.create("k", b"x")


def test_endpoint_and_credentials_come_from_the_environment(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    store = Place(f"s3://{BUCKET}").open()
    assert store.create("top", b"x")
    assert Place(f"s3://{BUCKET}", s3.options).open().read("top") == b"x"


def test_32_reads_are_under_way_at_a_time(s3_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    store = s3_place.open()
    keys = [f"k/{number}" for number in range(64)]
    for key in keys:
        store.create(key, b"x")
    together = threading.Barrier(32)
    real_get = S3Response.get_object

    def get_object(response: Any) -> Any:
        together.wait(timeout=20)
        return real_get(response)

    monkeypatch.setattr(S3Response, "get_object", get_object)
    assert len(store.read_many(keys)) == 64
    store.close()
