"""The tables and functions of a PostgreSQL store, as numbered migrations, and who may call what.

Shims never touch the table: they call functions that run with the owner's rights. What a role may
do is what it may call. A shim may put what is absent and read; replacing (locks, tokens), writing
plans and deleting are for helper roles. So user code that gets hold of a shim's password can
change nothing that is decided.

A migration is never edited after a release. Each states the oldest shim that still works after
it: runs in flight keep the image, and so the shim, that they were started with.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from psycopg import Connection

DEFAULT_SCHEMA = "flowc"
_SCHEMA_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_ROLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$-]{0,62}")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step. ``works_since``: the version that a shim was made for, at least, to go on.

    ``{schema}`` in ``sql`` is the schema's name.
    """

    sql: str
    works_since: int


_FIRST = """
CREATE SEQUENCE {schema}.versions;

CREATE TABLE {schema}.entries (
    key text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL DEFAULT nextval('{schema}.versions'),
    body bytea NOT NULL
);

CREATE FUNCTION {schema}.version(OUT version integer, OUT works_since integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.version, m.works_since FROM {schema}.migrations m ORDER BY m.version DESC LIMIT 1
$$;

-- What was acknowledged must survive a crash, even where the database was told otherwise.
CREATE FUNCTION {schema}.durably() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
END $$;

CREATE FUNCTION {schema}.put(new_key text, new_body bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF new_key LIKE 'plans/%' THEN
        RAISE insufficient_privilege USING MESSAGE = 'plans are written by helpers: put_plan';
    END IF;
    PERFORM {schema}.durably();
    INSERT INTO {schema}.entries (key, body) VALUES (new_key, new_body) ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;

CREATE FUNCTION {schema}.put_plan(new_key text, new_body bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM {schema}.durably();
    INSERT INTO {schema}.entries (key, body) VALUES (new_key, new_body) ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;

CREATE FUNCTION {schema}.get(wanted text[])
RETURNS TABLE (key text, version bigint, body bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.key, e.version, e.body FROM {schema}.entries e WHERE e.key = ANY (wanted)
$$;

-- From the first key to before the last one: every key that begins with a text.
CREATE FUNCTION {schema}.keys_between(first_key text, last_key text) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.key FROM {schema}.entries e
    WHERE e.key >= first_key AND e.key < last_key ORDER BY e.key
$$;

CREATE FUNCTION {schema}.swap(old_key text, new_body bytea, old_version bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF old_key LIKE 'plans/%'
       OR old_key ~ '^runs/[^/]+/(run|input|end|steps|attempts|loops|failing|blobs)(/|$)' THEN
        RAISE insufficient_privilege USING MESSAGE = 'what is decided is never replaced';
    END IF;
    PERFORM {schema}.durably();
    UPDATE {schema}.entries SET body = new_body, version = nextval('{schema}.versions')
    WHERE key = old_key AND version = old_version;
    RETURN FOUND;
END $$;

CREATE FUNCTION {schema}.delete_between(first_key text, last_key text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE gone bigint;
BEGIN
    DELETE FROM {schema}.entries WHERE key >= first_key AND key < last_key;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {schema} FROM PUBLIC;
"""

MIGRATIONS: tuple[Migration, ...] = (Migration(_FIRST, works_since=1),)

FOR_SHIMS = ("version()", "put(text, bytea)", "get(text[])", "keys_between(text, text)")
FOR_HELPERS = (
    *FOR_SHIMS,
    "put_plan(text, bytea)",
    "swap(text, bytea, bigint)",
    "delete_between(text, text)",
)


def check_schema(name: str) -> str:
    """Return ``name``; raises ValueError if it is no plain name of a schema."""
    if not _SCHEMA_NAME.fullmatch(name):
        raise ValueError(f"not the name of a schema: {name!r} (a-z, 0-9, _)")
    return name


def migrate(connection: Connection[Any], schema: str) -> int:
    """Bring the schema to this version, one process at a time; returns the version it has then.

    All or nothing. Raises psycopg.Error, InsufficientPrivilege among them.
    """
    check_schema(schema)
    # A name's own lock: stores beside each other do not wait for each other.
    lock = zlib.crc32(f"flowc {schema}".encode())
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock,))
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {schema}.migrations (version integer PRIMARY KEY, "
            "works_since integer NOT NULL, applied timestamptz NOT NULL DEFAULT now())"
        )
        found = connection.execute(
            f"SELECT coalesce(max(version), 0) FROM {schema}.migrations"  # noqa: S608 (checked)
        ).fetchone()
        version = int(found[0]) if found else 0
        for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
            connection.execute(step.sql.replace("{schema}", schema).encode())
            connection.execute(
                f"INSERT INTO {schema}.migrations VALUES (%s, %s)",  # noqa: S608 (checked)
                (number, step.works_since),
            )
            version = number
    return version


def grant(connection: Connection[Any], schema: str, role: str, functions: Sequence[str]) -> None:
    """Let ``role`` call ``functions`` of the schema; raises ValueError, psycopg.Error."""
    check_schema(schema)
    if not _ROLE_NAME.fullmatch(role):
        raise ValueError(f"not the name of a role: {role!r}")
    with connection.transaction():
        connection.execute(f'GRANT USAGE ON SCHEMA {schema} TO "{role}"'.encode())
        for function in functions:
            statement = f'GRANT EXECUTE ON FUNCTION {schema}.{function} TO "{role}"'
            connection.execute(statement.encode())
