"""Stores of a stack: a URL, a mapping with options, or what Stepflow's configs say."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from flowc.diagnostics import Span, codes
from flowc.source.fields import Decoding, Fields, describe, nearest
from flowc.source.foreign_names import foreign_store
from flowc.source.located import Map
from flowc.source.secrets import decode_text_or_secret
from flowc.source.stack_model import StoreSpec
from flowc.source.stack_tables import STEPFLOW_STORE, STORAGE_CONFIG, STORE

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json

STORE_OPTIONS = {
    "sqlite": (),
    "memory": (),
    "file": (),
    "s3": (
        "endpoint", "region", "access_key_id", "secret_access_key", "session_token", "allow_http",
    ),
    "gs": ("endpoint", "service_account_key", "allow_http"),
    "az": ("endpoint", "account_name", "account_key", "allow_http"),
    "postgresql": ("user", "password", "schema"),
    "postgres": ("user", "password", "schema"),
}  # fmt: skip
"""The options that a store takes, by the scheme of its URL."""
CREDENTIALS = (
    "secret_access_key", "session_token", "account_key", "service_account_key", "password",
)  # fmt: skip
"""Options that are for no file that is kept: `{secret: name}`, or plain on the local target."""

_FORMS = (
    "`sqlite:///path`, `postgresql://user@host/database`, `file:///path`, `s3://bucket/prefix`, "
    "`gs://…`, `az://…` or `memory:`"
)


def decode_state_store(stack: Fields, decoding: Decoding) -> StoreSpec | None:
    """Return the state store, in whichever spelling it is written; None if it is not."""
    written = [key for key in ("state_store", "stateStore", "storageConfig") if stack.has(key)]
    for key in written[1:]:
        decoding.report(
            codes.CONTRADICTORY_KEYS,
            f"`{written[0]}` and `{key}` both name the state store",
            stack.key_at(key),
            secondary=[(stack.key_at(written[0]), "named here as well")],
        )
    if not written:
        return None
    if written[0] == "state_store":
        return decode_store(stack, "state_store", decoding)
    raw = stack.get(written[0])
    if raw is None:
        return None
    at = stack.value_at(written[0])
    return _stepflow(raw, at, decoding) if "metadata" not in raw else _storage(raw, at, decoding)


def decode_store(stack: Fields, key: str, decoding: Decoding) -> StoreSpec | None:
    """Return the store at ``key``: a URL, or a mapping with ``url`` and options."""
    if not stack.has(key):
        return None
    raw, at = stack.raw[key], stack.value_at(key)
    if isinstance(raw, str):
        return _checked(raw, at, {}, decoding)
    if not isinstance(raw, Map):
        message = f"`{key}` takes a URL or a mapping with `url`, not {describe(raw)}"
        decoding.report(codes.WRONG_TYPE, message, at)
        return None
    fields = decoding.open(raw, STORE, at)
    url = None if fields is None else fields.text("url")
    if fields is None or url is None:
        return None
    options = {
        name: _option(fields, name, decoding)
        for name in raw
        if name in STORE.keys and name != "url"
    }
    spec = _checked(url, fields.value_at("url"), options, decoding)
    if spec is not None:
        _check_options(spec, fields)
    return spec


def _option(fields: Fields, name: str, decoding: Decoding) -> Json:
    if name == "allow_http":
        return "true" if fields.flag(name) else "false"
    found = decode_text_or_secret(fields.raw[name], f"`{name}`", fields.value_at(name), decoding)
    if name in CREDENTIALS and isinstance(found, str):
        decoding.diagnostics.conceal(found)
    return found


def _check_options(spec: StoreSpec, fields: Fields) -> None:
    scheme = spec.url.partition(":")[0]
    known = STORE_OPTIONS[scheme]
    for name in spec.options:
        if name not in known:
            fields.report(
                codes.UNKNOWN_KEY,
                f"`{name}` is not an option of a `{scheme}:` store",
                fields.key_at(name),
                "it takes " + ", ".join(f"`{option}`" for option in known)
                if known
                else "it takes no options",
            )


def _checked(url: str, at: Span, options: dict[str, Json], decoding: Decoding) -> StoreSpec | None:
    scheme, colon, _ = url.partition(":")
    decoding.diagnostics.conceal(password_of(url))
    if not colon or scheme not in STORE_OPTIONS:
        meant = nearest(scheme, STORE_OPTIONS) if colon else None
        foreign = foreign_store(scheme) if colon else None
        if foreign is not None:
            message = f"`{scheme}` {foreign.reason}"
            decoding.report(codes.INVALID_WORD, message, at, hint=foreign.hint)
            return None
        decoding.report(
            codes.INVALID_WORD,
            f"a store is {_FORMS}, not {describe(url)}",
            at,
            hint=f"write `{meant}:…`" if meant else None,
        )
        return None
    return StoreSpec(url, at, options)


def password_of(url: str) -> str:
    """Return the password that is written in a URL as it is written there, empty if there is none.

    Everything up to the last ``@``: a password that is not percent-encoded may have one in it.
    """
    _, colon, password = url.partition("://")[2].rpartition("@")[0].partition(":")
    if colon:
        return password
    return parse_qs(urlsplit(url).query).get("password", [""])[0]


def plain_credentials(store: StoreSpec) -> dict[str, str]:
    """Return what of a store is a secret that is written in the stack: where → text."""
    found = {
        f"`{name}`": value
        for name, value in store.options.items()
        if name in CREDENTIALS and isinstance(value, str)
    }
    password = password_of(store.url)
    return {**found, "the password in its URL": password} if password else found


def _storage(raw: Map, at: Span, decoding: Decoding) -> StoreSpec | None:
    """Return the metadata store of an expanded ``storageConfig``."""
    fields = decoding.open(raw, STORAGE_CONFIG, at)
    if fields is None or fields.get("metadata") is None:
        return None
    for part in ("blobs", "journal"):
        if fields.has(part):
            decoding.report(
                codes.IGNORED_KEY,
                f"`{part}` has no effect: the state store keeps everything",
                fields.key_at(part),
            )
    return _stepflow(raw["metadata"], fields.value_at("metadata"), decoding)


def _stepflow(raw: Map, at: Span, decoding: Decoding) -> StoreSpec | None:
    fields = decoding.open(raw, STEPFLOW_STORE, at)
    kind = None if fields is None else fields.get("type")
    if fields is None or kind is None:
        return None
    for key in ("maxConnections", "autoMigrate"):  # checked; our stores need neither
        fields.get(key)
    if kind == "inMemory":
        return StoreSpec("memory:", at)
    if kind == "filesystem":
        decoding.report(
            codes.INVALID_WORD,
            "`filesystem` keeps blobs only, and this is the state store",
            fields.value_at("type"),
            hint="write `state_store: file:///path`",
        )
        return None
    url = fields.text("databaseUrl")
    if url is None:
        if "databaseUrl" not in raw:
            decoding.report(codes.MISSING_KEY, f"a `{kind}` store needs `databaseUrl`", at)
        return None
    if kind == "sqlite" and not url.startswith("sqlite:"):
        url = f"sqlite:{url}"
    return _checked(url, fields.value_at("databaseUrl"), {}, decoding)
