"""Files of runs and cached results go with their retention, and not while somebody needs them."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from tests.runtime_shim.runner.test_cache import entries
from tests.runtime_shim.runner.test_cache import run as cached_run
from tests.runtime_shim.runner.world import plan_of
from tests.runtime_shim.sweeper.test_sweep import DEPLOYMENT, STEPS, Deployment

from flowc_shim.artifacts.places import BUCKETS, open_place
from flowc_shim.runner.journal import Journal
from flowc_shim.runner.keys import run_prefix, uses_prefix
from flowc_shim.runner.plans import publish_plan
from flowc_shim.stores.api import StoreUnavailable
from flowc_shim.stores.memory import MemoryStore
from flowc_shim.sweeper.cached import forget_cached
from flowc_shim.sweeper.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY = 86400.0
SHA = "a" * 64
PYTHON = {"mine": {"type": "python", "module": "m"}}


class Shop(Deployment):
    """A deployment whose components write files."""

    def __post_init__(self) -> None:
        self.plan = replace(self.plan, classes={**self.plan.classes, **PYTHON})
        super().__post_init__()
        self.files = self.folder / "files"

    def file(self, run: str) -> Path:
        return self.files / unquote(run_prefix(run)) / "files" / SHA / "table.csv"

    def uri(self, run: str) -> str:
        return f"file://{self.files}/{run_prefix(run)}/files/{SHA}/table.csv"

    def with_file(self, run: str, started: float) -> None:
        """A run that has ended and stored a file."""
        world = self.begin(run, started)
        self.file(run).parent.mkdir(parents=True)
        self.file(run).write_text("1,2")
        for unit in ("a", "b"):
            world.run(unit)

    def sweep(self, **keys: Any) -> Any:
        env = {
            "FLOWC_STORE": self.url, "FLOWC_PLAN": "/not/there",
            "FLOWC_ARTIFACTS": f"file://{self.files}",
        }  # fmt: skip
        return sweep(self.store, DEPLOYMENT, self.engine, env, **{"retention": DAY, **keys})

    def user(self, run: str, of: str) -> Journal:
        """A run that goes on, and whose input refers to a file of another one."""
        self.engine.ends[run] = None
        journal = Journal(self.store, run)
        journal.begin({"table": {"$artifact": self.uri(of)}})
        return journal


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.store.close()


OLD, NOW = time.time() - 3 * DAY, time.time()


def test_files_go_with_their_run(shop: Shop) -> None:
    shop.with_file("old", OLD)
    shop.with_file("young", NOW)
    found = shop.sweep()
    assert (found.forgotten, found.kept) == (["old"], {})
    assert not shop.file("old").parent.parent.exists()
    assert shop.file("young").read_text() == "1,2"
    assert list(shop.store.list(uses_prefix(run_prefix("old")))) == []


def test_a_run_whose_files_another_one_uses_stays_with_them(shop: Shop) -> None:
    shop.with_file("old", OLD)
    user = shop.user("r2", "old")
    found = shop.sweep()
    assert (found.forgotten, found.kept) == ([], {"old": "run r2"})
    assert shop.file("old").exists() and Journal(shop.store, "old").end() is not None
    shop.store.delete_run(user.prefix)
    assert shop.sweep().forgotten == ["old"]
    assert not shop.file("old").exists()


def test_every_record_says_first_whose_files_it_refers_to(shop: Shop) -> None:
    """Whatever is recorded: the order is checked by a store that takes nothing afterwards."""
    shop.with_file("old", OLD)
    journal = Journal(shop.store, "r2")
    value = {"deep": [{"$artifact": shop.uri("old"), "size": 3, "sha256": SHA}]}
    journal.commit_start("child", "flow", value)
    (row,) = shop.store.list(uses_prefix(run_prefix("old")))
    assert json.loads(shop.store.read(row) or b"")["run"] == "r2"

    class Full(MemoryStore):
        def create(self, key: str, body: bytes) -> bool:
            if key.startswith("uses/"):
                raise StoreUnavailable("full")
            return super().create(key, body)

    store = Full()
    with pytest.raises(StoreUnavailable):
        Journal(store, "r3").begin(value)
    assert list(store.list("runs")) == []


def test_ones_own_files_and_other_texts_are_nobodys_use(shop: Shop) -> None:
    journal = Journal(shop.store, "r2")
    journal.begin({"a": {"$artifact": shop.uri("r2")}, "b": shop.uri("old"), "$artifact": "x"})
    assert list(shop.store.list("uses")) == []


def test_a_flow_that_names_a_file_keeps_it(shop: Shop) -> None:
    shop.with_file("old", OLD)
    steps = [{"id": "a", "input": {"$artifact": shop.uri("old")}}]
    named = plan_of(steps, {"$step": "a"})
    publish_plan(shop.store, named)
    assert shop.sweep().kept == {"old": "a deployed flow names its files"}
    shop.store.delete(f"plans/{named.digest}")
    assert shop.sweep().forgotten == ["old"]


def test_a_cached_result_keeps_files_as_long_as_it_is_taken(shop: Shop) -> None:
    shop.with_file("old", OLD)
    key = f"{uses_prefix(run_prefix('old'))}/cache.{SHA}.1"
    shop.store.create(key, json.dumps({"until": time.time() + 60}).encode())
    assert shop.sweep().kept == {"old": "a cached result"}
    assert shop.sweep(now=time.time() + 61).forgotten == ["old"]


def test_publishing_a_result_says_that_its_files_are_used() -> None:
    store = MemoryStore()
    uri = f"s3://files/{run_prefix('r1')}/files/{SHA}/x"
    cached_run(store, "r1", a={"$artifact": uri})
    (row,) = store.list(uses_prefix(run_prefix("r1")))
    until = json.loads(store.read(row) or b"")["until"]
    assert row.rpartition("/")[2].startswith("cache.") and until > time.time() + 3600
    # who takes it says so as well
    cached_run(store, "r2")
    rows = [key.rpartition("/")[2] for key in store.list(uses_prefix(run_prefix("r1")))]
    assert "r2" in rows


def test_a_sweep_that_was_interrupted_is_done_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flowc_shim.artifacts.places import Folder

    shop.with_file("old", OLD)

    def away(*_: Any) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(Folder, "delete_below", away)
        assert shop.sweep().failed == {"old": "away"}
    assert shop.file("old").exists()
    assert shop.sweep().forgotten == ["old"]
    assert not shop.file("old").exists()


def test_a_deployment_without_files_asks_no_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flowc_shim.artifacts.places import Folder

    plan = plan_of(STEPS, {"$step": "b"})
    served = {name: {"type": "stepflow", "url": "http://there"} for name in plan.classes}
    plain = Deployment(tmp_path, replace(plan, classes=served))
    world = plain.begin("old", OLD)
    for unit in ("a", "b"):
        world.run(unit)
    monkeypatch.setattr(Folder, "delete_below", lambda *_: pytest.fail("nothing is there"))
    env = {"FLOWC_STORE": plain.url, "FLOWC_ARTIFACTS": f"file://{tmp_path}/files"}
    assert sweep(plain.store, DEPLOYMENT, plain.engine, env, retention=DAY).forgotten == ["old"]
    plain.store.close()


def test_files_below_a_prefix_go_and_no_others(tmp_path: Path) -> None:
    assert "s3" in BUCKETS
    source = tmp_path / "x"
    source.write_text("1")
    place = open_place(f"file://{tmp_path}/kept", {})
    for key in ("runs/a%2Fb/files/1/x", "runs/a%2Fb/other", "runs/a%2Fbc/files/1/x"):
        place.put(key, source)
    place.delete_below("runs/a%2Fb/files")
    place.delete_below("runs/never/files")
    left = {str(path.relative_to(tmp_path / "kept")) for path in tmp_path.glob("kept/**/*")}
    assert "runs/a/b/other" in left and "runs/a/bc/files/1/x" in left
    assert "runs/a/b/files/1/x" not in left


def test_cached_results_go_when_nobody_takes_them_any_more() -> None:
    store = MemoryStore()
    cached_run(store, "r1", a="x" * 200_000)
    assert forget_cached(store, time.time() + 3600) == 0
    assert len(entries(store)) == 1
    # one hour to live, and as long as whoever found it may take to use it
    assert forget_cached(store, time.time() + 4 * 3600) == 1
    assert list(store.list("cache")) == []


def test_only_the_old_ones_of_a_result_go() -> None:
    store = MemoryStore()
    cached_run(store, "r1")
    (young,) = entries(store)
    digest, window = young.split("/")[1:]
    old = f"cache/{digest}/{int(window) - 100}"
    store.create(old, json.dumps({"created": time.time() - 100 * 3600, "value": 1}).encode())
    store.create(f"cache/{digest}/blobs/{SHA}", b"{}")
    assert forget_cached(store, time.time()) == 1
    assert set(store.list("cache")) == {young, f"cache/{digest}/blobs/{SHA}"}
