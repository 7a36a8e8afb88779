"""What only the SQLite store can get wrong: locks, deaths, forks, closing."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from flowc_shim.stores.api import StoreUnavailable
from flowc_shim.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from pathlib import Path


def test_a_locked_file_is_unavailable_after_the_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowc_shim.stores.sqlite.BUSY_SECONDS", 0.1)
    store = SqliteStore(f"sqlite:{tmp_path}/x.db")
    store.create("k", b"x")
    holder = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        store.create("k2", b"x")
    assert store.read("k") == b"x"
    holder.execute("COMMIT")
    assert store.create("k2", b"x")
    holder.close()
    store.close()


def test_a_full_disk_is_unavailable_and_nothing_landed(tmp_path: Path) -> None:
    store = SqliteStore(f"sqlite:{tmp_path}/x.db")
    store._database.execute("PRAGMA max_page_count = 8")
    with pytest.raises(StoreUnavailable, match="full"):
        store.create("large", bytes(100_000))
    assert store.read("large") is None
    assert store.create("small", b"x")
    store.close()


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}/x.db"
    program = (
        "import itertools, sys; from flowc_shim.stores.open import open_store\n"
        "store = open_store(sys.argv[1])\n"
        "for n in itertools.count(): store.create(f'k/{n}', b'x'); print(n, flush=True)"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", program, url], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    acknowledged = [writer.stdout.readline() for _ in range(200)]
    writer.kill()
    acknowledged += [line for line in writer.stdout if line.endswith("\n")]
    writer.wait()
    writer.stdout.close()
    store = SqliteStore(url)
    keys = [f"k/{line.strip()}" for line in acknowledged]
    assert len(store.read_many(keys)) == len(keys)
    store.close()


def test_many_processes_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    program = (
        "import sys; from flowc_shim.stores.open import open_store\n"
        "sys.stdin.readline(); open_store(sys.argv[1]).create('k', b'x')"
    )
    command = [sys.executable, "-c", program, f"sqlite:{tmp_path}/new/x.db"]
    openers = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(6)]
    for opener in openers:
        opener.communicate(b"go\n", timeout=60)
    assert [opener.returncode for opener in openers] == [0] * 6


def test_a_fork_does_not_carry_the_store(tmp_path: Path) -> None:
    store = SqliteStore(f"sqlite:{tmp_path}/x.db")
    child = os.fork()
    if child == 0:
        try:
            store.read("k")
        except RuntimeError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert store.read("k") is None
    store.close()


def test_a_closed_store_is_unavailable(tmp_path: Path) -> None:
    store = SqliteStore(f"sqlite:{tmp_path}/x.db")
    store.close()
    store.close()
    with pytest.raises(StoreUnavailable):
        store.read("k")
