"""URLs: which store each names, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from flowc_shim.stores.api import StoreUnavailable
from flowc_shim.stores.folder import FolderStore
from flowc_shim.stores.objects import ObjectsStore
from flowc_shim.stores.open import open_store
from flowc_shim.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///.flowc/state.db", ".flowc/state.db"),
        ("sqlite:state.db", "state.db"),
        ("sqlite://state.db", "state.db"),
        ("sqlite:state.db?mode=rwc", "state.db"),
        ("sqlite:///a%20b/%23x%3F.db", "a b/#x?.db"),
        ("sqlite:////{root}/abs/x.db", "abs/x.db"),
        ("sqlite:/{root}/y.db?mode=rwc", "y.db"),
    ],
)
def test_sqlite_files(url: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store(url.replace("{root}", str(tmp_path)[1:]))
    assert isinstance(store, SqliteStore)
    assert store.create("k", b"x")
    assert (tmp_path / path).is_file()
    store.close()


@pytest.mark.parametrize(
    "url", ["sqlite::memory:", "sqlite://:memory:", "sqlite:///:memory:", "sqlite:x?mode=memory"]
)
def test_sqlite_in_memory(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store(url)
    assert store.create("k", b"x") and store.read("k") == b"x"
    assert not [*tmp_path.iterdir()]
    store.close()


@pytest.mark.parametrize("url", ["memory:", "memory://", "memory:///"])
def test_memory_is_private(url: str) -> None:
    store = open_store(url)
    assert store.create("k", b"x")
    assert open_store(url).read("k") is None
    assert store.url == url


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("s3://bucket/some/prefix", {}),
        ("s3://bucket", {"region": "eu-central-1", "endpoint": "https://minio.example"}),
        ("s3://bucket", {"endpoint": "http://minio.svc:9000", "allow_http": "true"}),
        ("gs://bucket/prefix", {}),
        ("az://container/prefix", {"account_name": "someone"}),
    ],
)
def test_buckets_are_not_asked_when_opened(url: str, options: dict[str, str]) -> None:
    store = open_store(url, options)
    assert isinstance(store, ObjectsStore) and store.url == url
    store.close()


@pytest.mark.parametrize(
    ("url", "options", "reason"),
    [
        ("mysql://host/db", {}, "no state store for mysql.*file:.*sqlite:"),
        ("redis://x", {}, "no state store for redis"),
        ("state.db", {}, "no state store for state.db"),
        ("", {}, "no state store"),
        ("memory:named", {}, "no name"),
        ("memory:", {"region": "x"}, "takes no options, but got region"),
        ("sqlite:x.db", {"region": "x"}, "takes no options"),
        ("sqlite:", {}, "names no file"),
        ("sqlite:///", {}, "names no file"),
        ("sqlite:x.db?mode=ro", {}, "only mode="),
        ("sqlite:x.db?cache=shared", {}, "only mode="),
        ("file:store", {}, "file:///absolute"),
        ("file://host/store", {}, "file:///absolute"),
        ("file:///a/../b", {}, "file:///absolute"),
        ("s3://", {}, "names no bucket"),
        ("s3:///prefix", {}, "names no bucket"),
        ("s3://b", {"endpiont": "x", "secret_access_key": "hidden"}, "unknown options endpiont"),
        ("s3://b", {"endpoint": "http://minio.svc:9000"}, "no TLS"),
        ("s3://b", {"endpoint": "http://127.0.0.1.evil.example"}, "no TLS"),
        ("az://container", {}, "Account must be specified"),
        ("gs://bucket", {"nonsense": "x"}, "nonsense"),
    ],
)
def test_refused(
    url: str,
    options: dict[str, str],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(ValueError, match=reason) as refused:
        open_store(url, options)
    assert "hidden" not in str(refused.value)
    assert not [*tmp_path.iterdir()]


def test_unusable_places_are_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"not a database, and not a folder" * 100)
    for url in (
        f"sqlite:{tmp_path}/file",
        f"sqlite:{tmp_path}/file/x.db",
        f"sqlite:{tmp_path}/absent.db?mode=rw",
        f"sqlite:{tmp_path}",
        f"file://{tmp_path}/file/store",
    ):
        with pytest.raises(StoreUnavailable):
            open_store(url)


def test_a_folder_keeps_its_lock_and_scratch_files_to_itself(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}/store")
    assert isinstance(store, FolderStore)
    assert store.create("runs/1/k", b"x")
    found = store.read_versioned("runs/1/k")
    assert found is not None and store.replace("runs/1/k", b"y", found.version)
    (tmp_path / "store/runs/1/k2#1").write_bytes(b"left by a killed writer")
    assert [*store.list("")] == ["runs/1/k"]
    assert store.delete_run("runs/1") == 1
    assert not (tmp_path / "store/runs/1").exists()
    store.close()


def test_what_is_not_used_is_not_imported() -> None:
    program = (
        "import sys; from flowc_shim.stores.open import open_store;"
        "assert not {'sqlite3', 'obstore', 'boto3', 'psycopg'} & sys.modules.keys();"
        "open_store('memory:'); assert not {'sqlite3', 'obstore'} & sys.modules.keys();"
        "open_store('sqlite::memory:'); assert 'obstore' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("module", "url", "extra"),
    [
        ("obstore", "s3://bucket", "objectstore"),
        ("psycopg", "postgresql://me:hunter2@host/db", "postgres"),
    ],
)
def test_a_missing_extra_is_named(module: str, url: str, extra: str) -> None:
    program = (
        f"import sys; sys.modules[{module!r}] = None;"
        "from flowc_shim.stores.open import open_store\n"
        f"try: open_store({url!r})\n"
        "except ValueError as error: print(error)"
    )
    told = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE)
    assert f"extra `{extra}`".encode() in told.stdout and b"hunter2" not in told.stdout
