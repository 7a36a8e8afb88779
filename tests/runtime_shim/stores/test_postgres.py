"""What only PostgreSQL can get wrong: rights, migrations, connections, lost answers, conflicts."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.servers.postgres_server import PASSWORD, USER, PostgresServer

from flowc_shim.stores import postgres, postgres_connections, postgres_schema
from flowc_shim.stores.api import StoreUnavailable
from flowc_shim.stores.commit import commit
from flowc_shim.stores.open import open_store
from flowc_shim.stores.postgres import PostgresStore
from flowc_shim.stores.postgres_schema import MIGRATIONS, Migration
from flowc_shim.stores.probe import probe

from .conftest import Place

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def store(postgres_place: Place) -> Iterator[PostgresStore]:
    opened = postgres_place.open()
    assert isinstance(opened, PostgresStore)
    yield opened
    opened.close()


@pytest.fixture
def roles(postgres_server: PostgresServer) -> Iterator[dict[str, dict[str, str]]]:
    """A shim's role and a helper's, of a server that is shared: gone with the test."""
    names = {"shim": "flowc_shim", "helper": "flowc-helper"}
    with postgres_server.connect() as owner:
        for name in names.values():
            owner.execute(f"CREATE ROLE \"{name}\" LOGIN PASSWORD 'secret'")
        yield {kind: {"user": name, "password": "secret"} for kind, name in names.items()}
        for name in names.values():
            owner.execute(f'DROP OWNED BY "{name}"')
            owner.execute(f'DROP ROLE "{name}"')


def as_role(place: Place, role: dict[str, str]) -> PostgresStore:
    url = place.url.replace(f"{USER}@", "")
    return PostgresStore(url, {**(place.options or {}), **role})


# rights


def test_a_shim_creates_and_reads_and_nothing_else(
    postgres_place: Place, store: PostgresStore, roles: dict[str, dict[str, str]]
) -> None:
    assert store.prepare(shims=["flowc_shim"]) == len(MIGRATIONS)
    shim = as_role(postgres_place, roles["shim"])
    assert commit(shim, "runs/1/steps/-/a", {"n": 1}, "me").mine
    assert not commit(shim, "runs/1/steps/-/a", {"n": 2}, "other").mine
    assert [*shim.list("runs/1")] == ["runs/1/steps/-/a"]
    found = shim.read_versioned("runs/1/steps/-/a")
    assert found is not None
    for forbidden in (
        lambda: shim.replace("runs/1/steps/-/a", b"forged", found.version),
        lambda: shim.delete_run("runs/1"),
        lambda: shim.create("plans/forged", b"{}"),
        lambda: shim.prepare(shims=["flowc_shim"]),
    ):
        with pytest.raises(StoreUnavailable, match=r"permission denied|must be owner"):
            forbidden()
    shim.close()


@pytest.mark.parametrize("kind", ["shim", "helper"])
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO {s}.entries (key, body) VALUES ('k', '')",
        "UPDATE {s}.entries SET body = 'forged'",
        "DELETE FROM {s}.entries",
        "SELECT * FROM {s}.entries",
        "TRUNCATE {s}.entries",
        "SELECT nextval('{s}.versions')",
        "UPDATE {s}.migrations SET works_since = 99",
        "CREATE FUNCTION {s}.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "DROP FUNCTION {s}.put(text, bytea)",
    ],
)
def test_no_role_touches_the_tables(
    postgres_server: PostgresServer,
    postgres_place: Place,
    store: PostgresStore,
    roles: dict[str, dict[str, str]],
    kind: str,
    statement: str,
) -> None:
    store.prepare(shims=["flowc_shim"], helpers=["flowc-helper"])
    store.create("runs/1/steps/-/a", b"decided")
    schema = (postgres_place.options or {})["schema"]
    with (
        postgres_server.connect(**roles[kind]) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.replace("{s}", schema))
    assert store.read("runs/1/steps/-/a") == b"decided"


def test_a_helper_swaps_locks_but_never_results(
    postgres_place: Place, store: PostgresStore, roles: dict[str, dict[str, str]]
) -> None:
    store.prepare(helpers=["flowc-helper"])
    helper = as_role(postgres_place, roles["helper"])
    assert probe(helper) == []
    assert helper.create("plans/abc", b"{}") and helper.create("runs/1/steps/-/a", b"decided")
    for key in ("plans/abc", "runs/1/steps/-/a"):
        found = helper.read_versioned(key)
        assert found is not None
        with pytest.raises(StoreUnavailable, match="never replaced"):
            helper.replace(key, b"forged", found.version)
    assert helper.delete_run("runs/1") == 1
    helper.close()


def test_a_stranger_is_told_who_prepares_the_schema(
    postgres_place: Place, roles: dict[str, dict[str, str]]
) -> None:
    stranger = as_role(postgres_place, roles["shim"])
    with pytest.raises(StoreUnavailable, match="its owner runs `flowc-shim prepare-store`"):
        stranger.read("k")
    stranger.close()


def test_the_command_prepares_a_store(
    postgres_place: Place, roles: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = dict(postgres_place.options or {})
    monkeypatch.setenv("PGPASSWORD", options.pop("password"))
    monkeypatch.setenv("FLOWC_STORE", postgres_place.url)
    monkeypatch.setenv("FLOWC_STORE_OPTIONS", f'{{"schema": "{options["schema"]}"}}')
    command = [sys.executable, "-m", "flowc_shim", "prepare-store", "--shim", "flowc_shim"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (told.returncode, told.stderr) == (0, "")
    assert f"version {len(MIGRATIONS)}" in told.stdout
    shim = as_role(postgres_place, roles["shim"])
    assert shim.create("runs/1/a", b"x")
    shim.close()
    monkeypatch.setenv("FLOWC_STORE", "memory:")
    monkeypatch.setenv("FLOWC_STORE_OPTIONS", "{}")
    told = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert told.returncode == 115 and "nothing to prepare" in told.stderr


# migrations


def test_many_processes_may_open_a_new_schema_at_once(postgres_place: Place) -> None:
    threads = 8
    start = threading.Barrier(threads)

    def open_and_create(number: int) -> bool:
        store = postgres_place.open()
        start.wait()
        created = store.create(f"k/{number}", b"x")
        store.close()
        return created

    with ThreadPoolExecutor(threads) as pool:
        assert all(pool.map(open_and_create, range(threads)))


def test_a_newer_shim_migrates_and_an_older_one_goes_on(
    postgres_place: Place, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store.create("k", b"kept")
    old = postgres_place.open()
    additive = Migration("ALTER TABLE {schema}.entries ADD COLUMN note text;", works_since=1)
    with monkeypatch.context() as newer:
        newer.setattr(postgres_schema, "MIGRATIONS", (*MIGRATIONS, additive))
        newer.setattr(postgres, "MIGRATIONS", (*MIGRATIONS, additive))
        new = postgres_place.open()
        assert new.read("k") == b"kept"
        new.close()
    assert old.read("k") == b"kept" and old.create("k2", b"x")
    old.close()
    breaking = Migration("SELECT 1;", works_since=3)
    with monkeypatch.context() as newest:
        newest.setattr(postgres_schema, "MIGRATIONS", (*MIGRATIONS, additive, breaking))
        assert store.prepare() == 3
    late = postgres_place.open()
    with pytest.raises(StoreUnavailable, match=r"works with shims from version 3 on.* has 1"):
        late.read("k")
    late.close()


def test_a_migration_that_fails_leaves_nothing(
    postgres_place: Place, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store.create("k", b"kept")
    broken = Migration("CREATE TABLE {schema}.half (); SELECT nothing;", works_since=1)
    with monkeypatch.context() as newer:
        newer.setattr(postgres_schema, "MIGRATIONS", (*MIGRATIONS, broken))
        with pytest.raises(StoreUnavailable, match="nothing"):
            store.prepare()
    assert store.prepare() == len(MIGRATIONS)
    again = postgres_place.open()
    assert again.read("k") == b"kept"
    again.close()


# connections


def connections_of(server: PostgresServer, place: Place) -> int:
    with server.connect() as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s",
            [application(place)],
        ).fetchone()
        return int(found[0]) if found else 0


def application(place: Place) -> str:
    return place.url.partition("application_name=")[2]


def named(place: Place, name: str) -> Place:
    return Place(f"{place.url}?application_name={name}", place.options)


def until(what: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def test_a_process_has_few_connections_and_gives_them_back(
    postgres_server: PostgresServer, postgres_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_connections, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(postgres_connections, "_TICK", 0.05)
    place = named(postgres_place, "few")
    store = place.open()
    assert connections_of(postgres_server, place) == 0  # not before it is used
    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(lambda n: store.create(f"k/{n}", b"x"), range(200)))
    assert 1 <= connections_of(postgres_server, place) <= postgres_connections.MOST
    until(lambda: connections_of(postgres_server, place) == 0)
    assert store.read("k/1") == b"x"
    store.close()
    until(lambda: connections_of(postgres_server, place) == 0)


def test_shims_wait_their_turn_at_a_server_that_is_full(
    postgres_server: PostgresServer, postgres_place: Place, store: PostgresStore
) -> None:
    with postgres_server.connect() as owner:
        owner.execute("CREATE ROLE crowd LOGIN PASSWORD 'secret' CONNECTION LIMIT 2")
        store.prepare(shims=["crowd"])
        role = {"user": "crowd", "password": "secret"}
        shims = [as_role(postgres_place, role) for _ in range(10)]

        def work(shim: PostgresStore) -> bool:
            done = all(shim.create(f"runs/{id(shim)}/{n}", b"x") for n in range(3))
            shim.close()
            return done

        with ThreadPoolExecutor(len(shims)) as pool:
            assert all(pool.map(work, shims))
        owner.execute("DROP OWNED BY crowd")
        owner.execute("DROP ROLE crowd")


def test_a_wrong_password_is_told_at_once_and_never_shown(postgres_place: Place) -> None:
    options = {**(postgres_place.options or {}), "password": "hunter2-planted"}
    store = PostgresStore(postgres_place.url, options)
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="password authentication failed") as refused:
        store.create("k", b"x")
    assert time.monotonic() - began < postgres_connections.CONNECT_SECONDS
    assert "hunter2" not in str(refused.value)
    store.close()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:pass@hunter2@host/db",
        "postgresql://me:hunter2@host/db?hunter2=1",
        "postgresql://me:hunter%zz2@host/db",
    ],
)
def test_an_url_that_is_not_understood_is_not_shown(url: str) -> None:
    with pytest.raises(ValueError, match="not a PostgreSQL URL") as refused:
        open_store(url)
    assert "hunter" not in str(refused.value)


@pytest.mark.parametrize("options", [{"schema": "a;drop"}, {"schema": "A"}, {"sslmode": "x"}])
def test_options_that_are_none(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"schema|unknown options"):
        open_store("postgresql://host/db", options)


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_connections, "CONNECT_SECONDS", 0.2)
    store = open_store("postgresql://someone@127.0.0.1:1/db")
    with pytest.raises(StoreUnavailable, match=r"postgresql://127\.0\.0\.1:1/db"):
        store.create("k", b"x")
    store.close()


def test_a_server_that_hangs_is_left(
    postgres_server: PostgresServer, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_connections, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(postgres_connections, "_TICK", 0.05)
    assert store.create("k/0", b"x")
    schema = store._schema
    with postgres_server.connect() as holder:
        holder.execute("BEGIN")
        holder.execute(f"LOCK TABLE {schema}.entries IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreUnavailable):
            store.create("k/1", b"x")
        holder.execute("COMMIT")
    monkeypatch.setattr(postgres_connections, "ANSWER_SECONDS", 60.0)
    assert commit(store, "k/2", {"n": 1}, "me").mine


def test_a_closed_store_is_unavailable(store: PostgresStore) -> None:
    store.create("k", b"x")
    store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        store.read("k")


# lost answers and conflicts


class Wire:
    """A proxy before the server that cuts the connection instead of passing answers back."""

    def __init__(self, port: int) -> None:
        self.cut_answers = False
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._port))
            for source, sink, answers in ((client, server, False), (server, client, True)):
                threading.Thread(
                    target=self._pump, args=(source, sink, answers), daemon=True
                ).start()

    def _pump(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while part := source.recv(65536):
                if answers and self.cut_answers:
                    self.cut_answers = False
                    break
                sink.sendall(part)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def test_a_lost_answer_is_read_back(postgres_server: PostgresServer, postgres_place: Place) -> None:
    wire = Wire(postgres_server.port)
    url = postgres_place.url.replace(f":{postgres_server.port}/", f":{wire.port}/")
    store = PostgresStore(url, postgres_place.options or {})
    store.create("warm", b"x")
    wire.cut_answers = True
    with pytest.raises(StoreUnavailable):
        store.create("k", b"x")
    assert store.read("k") == b"x"  # it had landed
    wire.cut_answers = True
    assert commit(store, "k2", {"n": 1}, "me").mine
    wire.cut_answers = True
    assert store.read("k") == b"x"  # a read is simply repeated
    store.close()
    wire.close()


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
@pytest.mark.parametrize("ending", ["COMMIT", "ROLLBACK"])
def test_a_create_beside_another_one_waits_and_learns_who_won(
    postgres_server: PostgresServer, postgres_place: Place, level: str, ending: str
) -> None:
    place = Place(
        f"{postgres_place.url}?application_name=loser&options=-c%20"
        f"default_transaction_isolation%3D{level.replace(' ', '%5C%20')}",
        postgres_place.options,
    )
    store = place.open()
    store.create("warm", b"x")
    schema = (postgres_place.options or {})["schema"]
    with postgres_server.connect() as other, ThreadPoolExecutor(1) as pool:
        other.execute("BEGIN")
        other.execute(f"SELECT {schema}.put('k', 'other')")
        mine = pool.submit(store.create, "k", b"mine")
        with postgres_server.connect() as looking:
            waits = (
                "SELECT 1 FROM pg_stat_activity WHERE application_name = 'loser' "
                "AND wait_event_type = 'Lock'"
            )
            until(lambda: looking.execute(waits).fetchone() is not None)
        other.execute(ending)
        assert mine.result(timeout=20) is (ending == "ROLLBACK")
    assert store.read("k") == (b"other" if ending == "COMMIT" else b"mine")
    store.close()


def test_serializable_writers_agree_on_one_winner(postgres_place: Place) -> None:
    url = f"{postgres_place.url}?options=-c%20default_transaction_isolation%3Dserializable"
    stores = [PostgresStore(url, postgres_place.options or {}) for _ in range(4)]

    def race(store: PostgresStore) -> list[bool]:
        return [commit(store, f"k/{n}", {}, str(id(store))).mine for n in range(15)]

    with ThreadPoolExecutor(len(stores)) as pool:
        told = list(pool.map(race, stores))
    assert [sum(answers) for answers in zip(*told, strict=True)] == [1] * 15
    for store in stores:
        store.close()


def test_what_was_acknowledged_survives_a_crash_of_the_server(postgres_binaries: None) -> None:
    server = PostgresServer.make(synchronous_commit="off")
    try:
        store = open_store(server.url, {"password": PASSWORD})
        landed: list[str] = []
        failed = threading.Event()

        def write() -> None:
            number = 0
            try:
                while True:
                    number += 1
                    if store.create(f"k/{number}", b"x"):
                        landed.append(f"k/{number}")
            except StoreUnavailable:
                failed.set()

        writer = threading.Thread(target=write)
        writer.start()
        until(lambda: len(landed) > 100)
        server.stop("immediate")
        assert failed.wait(60)
        writer.join()
        server.start()
        assert len(store.read_many(landed)) == len(landed)
        assert commit(store, "after", {"n": 1}, "me").mine
        store.close()
    finally:
        server.remove()
