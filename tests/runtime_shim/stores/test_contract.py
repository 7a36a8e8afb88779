"""What every store must do, and what ``commit`` makes of stores that do not."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from flowc_shim.stores.api import StoreUnavailable
from flowc_shim.stores.bodies import CorruptBody
from flowc_shim.stores.commit import commit
from flowc_shim.stores.probe import probe

from . import faults

if TYPE_CHECKING:
    from flowc_shim.stores.api import StateStore

    from .conftest import Place

ODD_PARTS = [
    "a/b",
    "ü ☃",
    "50% of",
    "x#1",
    "a\\b",
    "q?a=1&b",
    "*",
    "n\nl",
    "~home",
    "%2F",
    "'\"",
    ".",
]


def test_a_key_is_created_once(store: StateStore) -> None:
    assert store.read("runs/r/k") is None
    assert store.read_versioned("runs/r/k") is None
    assert store.create("runs/r/k", b"one") is True
    assert store.create("runs/r/k", b"two") is False
    assert store.create("runs/r/k", b"one") is False
    assert store.read("runs/r/k") == b"one"


def test_an_empty_body_is_not_an_absent_key(store: StateStore) -> None:
    assert store.create("k", b"")
    assert store.read("k") == b""
    assert store.create("k", b"x") is False
    assert store.read_many(["k"]) == {"k": b""}


def test_replace_compares_the_version(store: StateStore) -> None:
    store.create("k", b"one")
    first = store.read_versioned("k")
    assert first is not None and first.body == b"one"
    assert store.replace("k", b"two", first.version) is True
    assert store.replace("k", b"three", first.version) is False
    second = store.read_versioned("k")
    assert second is not None and second.body == b"two" and second.version != first.version
    assert store.replace("k", b"four", second.version) is True
    assert store.read("k") == b"four"


def test_replace_needs_the_key(store: StateStore) -> None:
    store.create("k", b"one")
    found = store.read_versioned("k")
    assert found is not None
    assert store.replace("absent", b"x", found.version) is False
    assert store.read("absent") is None


def test_reading_many_of_many(store: StateStore) -> None:
    keys = [f"runs/r/{number}" for number in range(2000)]
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda key: store.create(key, key.encode()), keys[::2]))
    found = store.read_many([*keys, keys[0]])
    assert found == {key: key.encode() for key in keys[::2]}
    assert store.read_many([]) == {}


def test_lists_are_in_order_and_only_below_the_prefix(store: StateStore) -> None:
    below = ["r/1/a", "r/1/a-b", "r/1/a.b", "r/1/a0/x", "r/1/b/10", "r/1/b/9", "r/1/Z", "r/1/_"]
    for key in [*reversed(below), "r/10/a", "r/1-/a", "q", "r/11"]:
        store.create(key, b"")
    assert [*store.list("r/1")] == sorted(below)
    assert [*store.list("r/1/")] == sorted(below)
    assert [*store.list("")] == sorted([*below, "r/10/a", "r/1-/a", "q", "r/11"])
    assert [*store.list("nothing")] == []


def test_one_key_is_deleted_and_no_other(store: StateStore) -> None:
    for key in ["plans/a", "plans/a-b", "plans/b"]:
        store.create(key, b"x")
    store.delete("plans/a")
    store.delete("plans/a")
    assert [*store.list("plans")] == ["plans/a-b", "plans/b"]
    assert store.create("plans/a", b"again") is True


def test_a_run_is_deleted_and_only_that_run(store: StateStore) -> None:
    for key in ["runs/1/a", "runs/1/b/c", "runs/10/a", "runs/2/a"]:
        store.create(key, b"x")
    assert store.delete_run("runs/1") == 2
    assert [*store.list("runs")] == ["runs/10/a", "runs/2/a"]
    assert store.delete_run("runs/1") == 0
    assert store.create("runs/1/a", b"again") is True
    for everything in ("", "/"):
        with pytest.raises(ValueError, match=r"prefix|not a key"):
            store.delete_run(everything)


def test_more_than_one_request_of_deletions(store: StateStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda n: store.create(f"runs/1/{n}", b""), range(1100)))
    assert store.delete_run("runs/1/") == 1100
    assert [*store.list("")] == []


def test_large_bodies(store: StateStore) -> None:
    large = bytes(range(256)) * (5 * 4096 + 1)
    assert store.create("large", large)
    assert store.read("large") == large
    found = store.read_versioned("large")
    assert found is not None
    assert store.replace("large", large[::-1], found.version)
    assert store.read_many(["large"]) == {"large": large[::-1]}


def test_percent_encoded_parts_are_kept_apart(store: StateStore) -> None:
    parts = [quote(part, safe="") if part != "." else "%2E" for part in ODD_PARTS]
    keys = [f"runs/{part}/{part}" for part in parts] + ["runs/a/b", "runs/a=1,b:2;c@(d)!$&'+~"]
    for key in keys:
        assert store.create(key, key.encode()), key
    assert store.read_many(keys) == {key: key.encode() for key in keys}
    assert [*store.list("runs")] == sorted(keys)
    assert store.delete_run(f"runs/{parts[0]}") == 1
    assert store.read("runs/a/b") == b"runs/a/b"


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "a/../b", ".", "a b", "ü", "x#1", "a\\b", "a?b", "a\n", "a*"]
)
def test_keys_that_some_store_would_change_are_refused(store: StateStore, key: str) -> None:
    for ask in (store.read, store.read_versioned, lambda key: store.read_many([key])):
        with pytest.raises(ValueError, match="not a key"):
            ask(key)
    with pytest.raises(ValueError, match="not a key"):
        store.create(key, b"")
    with pytest.raises(ValueError, match="not a key"):
        store.replace(key, b"", "1")


def test_keys_have_a_length(store: StateStore) -> None:
    with pytest.raises(ValueError, match="901 bytes"):
        store.create("x/" * 450 + "x", b"")
    assert store.create("/".join(["x" * 200] * 4), b"")


def test_threads_agree_on_one_winner(store: StateStore) -> None:
    threads = 16
    start = threading.Barrier(threads)

    def race(writer: str) -> list[tuple[bool, str]]:
        start.wait()
        told = [commit(store, f"k/{n}", {"by": writer}, writer) for n in range(10)]
        return [(one.mine, one.record["by"]) for one in told]

    with ThreadPoolExecutor(threads) as pool:
        told = list(pool.map(race, [f"w{n}" for n in range(threads)]))
    for answers in zip(*told, strict=True):
        assert sum(mine for mine, _ in answers) == 1
        assert len({by for _, by in answers}) == 1


def test_processes_agree_on_one_winner_and_count_together(shared_place: Place) -> None:
    keys, writers = 25, [f"process-{number}" for number in range(4)]
    store = shared_place.open()
    store.create("counter", b"0")
    racer = str(Path(__file__).with_name("racer.py"))
    where = [sys.executable, racer, shared_place.url, json.dumps(shared_place.options or {})]
    racers = [
        subprocess.Popen(
            [*where, writer, str(keys)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for writer in writers
    ]
    for process in racers:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in racers:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [json.loads(process.communicate(timeout=60)[0]) for process in racers]
    for number, answers in enumerate(zip(*told, strict=True)):
        winners = [writer for writer, (mine, _) in zip(writers, answers, strict=True) if mine]
        assert len(winners) == 1
        decided = {"outcome": "succeeded", "by": winners[0], "writer": winners[0]}
        assert all(record == decided for _, record in answers)
        assert json.loads(store.read(f"race/{number}") or b"") == decided
    assert store.read("counter") == b"%d" % (keys * len(writers))
    store.close()


RECORD: dict[str, Any] = {"v": 1, "outcome": "succeeded", "a": {"z": 1, "b": "ü"}}


def test_a_record_keeps_its_order_and_names_its_writer(store: StateStore) -> None:
    told = commit(store, "k", RECORD, "me")
    assert told.mine and told.record == {**RECORD, "writer": "me"}
    stored = '{"v":1,"outcome":"succeeded","a":{"z":1,"b":"ü"},"writer":"me"}'
    assert store.read("k") == stored.encode()


def test_what_another_decided_is_adopted(store: StateStore) -> None:
    commit(store, "k", {"n": 1}, "other")
    told = commit(store, "k", {"n": 2}, "me")
    assert not told.mine and told.record == {"n": 1, "writer": "other"}


@pytest.mark.parametrize(
    "fault", [faults.SpuriousConflict, faults.LostResponse, faults.LostRequest, faults.BlindReads]
)
@pytest.mark.parametrize("times", [1, 3])
def test_a_fault_does_not_make_me_lose(store: StateStore, fault: Any, times: int) -> None:
    told = commit(fault(store, times), "k", {"n": 1}, "me")
    assert told.mine and told.record == {"n": 1, "writer": "me"}


@pytest.mark.parametrize(
    "fault", [faults.SpuriousConflict, faults.LostResponse, faults.LostRequest, faults.BlindReads]
)
def test_a_fault_does_not_make_me_win(store: StateStore, fault: Any) -> None:
    commit(store, "k", {"n": 1}, "other")
    told = commit(fault(store), "k", {"n": 2}, "me")
    assert not told.mine and told.record["n"] == 1


def test_a_store_that_never_answers_ends_after_so_many_tries(store: StateStore) -> None:
    for fault in (faults.LostRequest(store, 99), faults.SpuriousConflict(store, 99)):
        with pytest.raises(StoreUnavailable, match="not written after 5 attempts"):
            commit(fault, "k", {}, "me", tries=5)
        assert fault.creates == 5
    assert store.read("k") is None


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xff"])
def test_what_is_no_record_is_not_adopted(store: StateStore, body: bytes) -> None:
    store.create("k", body)
    with pytest.raises(CorruptBody):
        commit(store, "k", {}, "me")


def test_the_probe_accepts_a_good_store_and_leaves_nothing(store: StateStore) -> None:
    assert probe(store) == []
    assert [*store.list("")] == []


def test_the_probe_refuses_ignored_conditions(store: StateStore) -> None:
    create, replace = probe(faults.IgnoredCondition(store))
    assert "created twice" in create and "an old version was accepted" in replace
    (replace,) = probe(faults.IgnoredCondition(store, cas_only=True))
    assert "an old version was accepted" in replace
    assert [*store.list("")] == []


def test_the_probe_forgives_one_fault_and_reports_silence(store: StateStore) -> None:
    assert probe(faults.SpuriousConflict(store)) == []
    assert probe(faults.LostResponse(store)) == []
    (silence,) = probe(faults.LostRequest(store, 99))
    assert "cannot be used" in silence
