"""A store in a PostgreSQL database, for shims on many machines.

Every operation is one statement that calls one function (:mod:`flowc_shim.stores.postgres_schema`)
and is its own transaction, so the store works through PgBouncer in transaction mode as well. A
write whose answer is lost is StoreUnavailable, and :mod:`flowc_shim.stores.commit` reads back; one
that the server rolled back (a serialization conflict, a deadlock) cannot have landed and is
repeated here; reads are repeated.
"""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from flowc_shim.stores.api import StoreUnavailable, Versioned
from flowc_shim.stores.keys import below, below_run, check_key, key_range
from flowc_shim.stores.postgres_connections import Connections
from flowc_shim.stores.postgres_schema import (
    DEFAULT_SCHEMA,
    FOR_HELPERS,
    FOR_SHIMS,
    MIGRATIONS,
    check_schema,
    grant,
    migrate,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

OPTIONS = ("user", "password", "schema")
"""Options of a ``postgresql://`` store; what is not given comes from libpq's environment."""

TRIES = 5
"""Times that a read, and a write that was rolled back, is tried."""

_KEYS_PER_SELECT = 1000
_PLANS = "plans/"
_ROLLED_BACK = (errors.SerializationFailure, errors.DeadlockDetected)
_NOT_THERE = (errors.InvalidSchemaName, errors.UndefinedFunction, errors.UndefinedTable)
_DEFAULTS = {
    "application_name": "flowc",
    "connect_timeout": "10",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}


class PostgresStore:
    """Entries of one schema of one database; it is asked when it is first used."""

    def __init__(self, url: str, options: Mapping[str, str]) -> None:
        """Take URL and options apart; raises ValueError."""
        self.url = url
        self._parameters, self._schema = _parameters(url, options)
        self._shown = shown_url(self._parameters)
        self._connections = Connections(self._connect)
        self._ready = False
        self._ready_lock = threading.Lock()

    def create(self, key: str, body: bytes) -> bool:
        """Write ``body`` if ``key`` is absent; raises StoreUnavailable."""
        function = "put_plan" if check_key(key).startswith(_PLANS) else "put"
        return bool(self._write(f"{function}(%s, %s)", key, body))

    def read(self, key: str) -> bytes | None:
        """Return the body at ``key``, or None; raises StoreUnavailable."""
        found = self.read_versioned(key)
        return None if found is None else found.body

    def read_versioned(self, key: str) -> Versioned | None:
        """Return body and version at ``key``, or None; raises StoreUnavailable."""
        rows = self._read("version, body", "get(%s)", [check_key(key)])
        return Versioned(rows[0][1], str(rows[0][0])) if rows else None

    def read_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the bodies of those ``keys`` that exist; raises StoreUnavailable."""
        wanted = [check_key(key) for key in dict.fromkeys(keys)]
        found: dict[str, bytes] = {}
        for start in range(0, len(wanted), _KEYS_PER_SELECT):
            part = wanted[start : start + _KEYS_PER_SELECT]
            found.update(self._read("key, body", "get(%s)", part))
        return found

    def replace(self, key: str, body: bytes, version: str) -> bool:
        """Write ``body`` if ``key`` still has ``version``; raises StoreUnavailable."""
        return bool(self._write("swap(%s, %s, %s)", check_key(key), body, int(version)))

    def list(self, prefix: str) -> Iterable[str]:
        """Return the keys below ``prefix`` in order; raises StoreUnavailable."""
        rows = self._read("*", "keys_between(%s, %s)", *key_range(below(prefix)))
        return [key for (key,) in rows]

    def delete_run(self, run_prefix: str) -> int:
        """Delete every key below ``run_prefix``; returns how many; raises StoreUnavailable."""
        return int(self._write("delete_between(%s, %s)", *key_range(below_run(run_prefix))))

    def delete(self, key: str) -> None:
        """Delete ``key`` if it is there; raises StoreUnavailable."""
        # no key has a character before "!": the range holds this one only
        self._write("delete_between(%s, %s)", check_key(key), f"{key} ")

    def close(self) -> None:
        """Close the connections; later calls raise StoreUnavailable."""
        self._connections.close()

    def prepare(self, shims: Sequence[str] = (), helpers: Sequence[str] = ()) -> int:
        """Migrate, and say which roles are shims and helpers; returns the schema's version.

        Raises ValueError for names that are none, StoreUnavailable.
        """
        try:
            with self._connections.borrowed() as connection:
                version = migrate(connection, self._schema)
                for role in shims:
                    grant(connection, self._schema, role, FOR_SHIMS)
                for role in helpers:
                    grant(connection, self._schema, role, FOR_HELPERS)
                return version
        except psycopg.Error as error:
            raise self._unavailable(error) from error

    def _connect(self) -> psycopg.Connection[Any]:
        # prepare_threshold: prepared statements do not survive a pooler that switches servers.
        return psycopg.connect(
            make_conninfo("", **self._parameters), autocommit=True, prepare_threshold=None
        )

    def _write(self, call: str, *values: Any) -> Any:
        return self._tried(f"SELECT {self._schema}.{call}", values, _ROLLED_BACK)[0][0]

    def _read(self, columns: str, call: str, *values: Any) -> Sequence[tuple[Any, ...]]:
        statement = f"SELECT {columns} FROM {self._schema}.{call}"  # noqa: S608 (checked)
        return self._tried(statement, values, (*_ROLLED_BACK, psycopg.OperationalError))

    def _tried(
        self, statement: str, values: Sequence[Any], again: tuple[type[psycopg.Error], ...]
    ) -> Sequence[tuple[Any, ...]]:
        """Ask, and ask again after errors of the kinds ``again``; raises StoreUnavailable."""
        attempt = 0
        while True:
            try:
                return self._ask(statement, values)
            except psycopg.Error as error:
                attempt += 1
                if attempt == TRIES or not isinstance(error, again):
                    raise self._unavailable(error) from error
            time.sleep(0.05 * 2**attempt * random.uniform(0.5, 1.0))  # noqa: S311 (spreads load)

    def _ask(self, statement: str, values: Sequence[Any]) -> Sequence[tuple[Any, ...]]:
        with self._connections.borrowed() as connection:
            self._make_ready(connection)
            return connection.execute(statement.encode(), values, binary=True).fetchall()

    def _make_ready(self, connection: psycopg.Connection[Any]) -> None:
        """See to it, once, that the schema is one that this shim works with."""
        with self._ready_lock:
            if self._ready:
                return
            version, works_since = self._version(connection)
            if version < len(MIGRATIONS):
                self._migrate(connection)
            elif works_since > len(MIGRATIONS):
                raise StoreUnavailable(
                    f"{self._shown}: schema {self._schema} has version {version}, which works with "
                    f"shims from version {works_since} on; this one has {len(MIGRATIONS)}"
                )
            self._ready = True

    def _version(self, connection: psycopg.Connection[Any]) -> tuple[int, int]:
        statement = f"SELECT * FROM {self._schema}.version()"  # noqa: S608 (checked)
        try:
            found = connection.execute(statement.encode()).fetchone()
        except (*_NOT_THERE, errors.InsufficientPrivilege):
            return 0, 0
        return (int(found[0]), int(found[1])) if found and found[0] else (0, 0)

    def _migrate(self, connection: psycopg.Connection[Any]) -> None:
        try:
            migrate(connection, self._schema)
        except errors.InsufficientPrivilege as error:
            raise StoreUnavailable(
                f"{self._shown}: schema {self._schema} is not ready, and this role may not make "
                f"it so ({error.diag.message_primary}); its owner runs `flowc-shim prepare-store`"
            ) from error

    def _unavailable(self, error: psycopg.Error) -> StoreUnavailable:
        return StoreUnavailable(f"{self._shown}: {error.diag.message_primary or error}")


def shown_url(parameters: Mapping[str, str]) -> str:
    """Return what people are shown: host and database, never a password."""
    host = parameters.get("host", "")
    port = f":{parameters['port']}" if "port" in parameters else ""
    return f"postgresql://{host}{port}/{parameters.get('dbname', '')}"


def _parameters(url: str, options: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """Return libpq's parameters, and the schema; raises ValueError."""
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise ValueError(f"postgresql: unknown options {', '.join(unknown)}; known: {OPTIONS}")
    # libpq quotes the part that it did not understand, and a password with an "@" in it goes over
    # into the host's name: neither may be shown.
    message = "not a PostgreSQL URL; written postgresql://user@host/database"
    try:
        written = conninfo_to_dict(url)
    except psycopg.Error as error:
        raise ValueError(message) from error
    if "@" in str(written.get("host", "")):
        raise ValueError(message)
    found = {**_DEFAULTS, **{name: str(value) for name, value in written.items()}}
    found.update({name: options[name] for name in ("user", "password") if name in options})
    return found, check_schema(options.get("schema", DEFAULT_SCHEMA))
