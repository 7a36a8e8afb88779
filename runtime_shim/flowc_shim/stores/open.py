"""From a URL to a store; what a URL does not name is never imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flowc_shim.stores.api import StateStore

Opener = Callable[[str, Mapping[str, str]], StateStore]


def open_store(url: str, options: Mapping[str, str] | None = None) -> StateStore:
    """Open the store that ``url`` names; whoever opens it closes it.

    Raises ValueError if URL or options are not understood or an extra is not installed, and
    StoreUnavailable if the store does not let itself be opened. Buckets and servers are first asked
    when used.
    """
    scheme = url.partition(":")[0]
    opener = _OPENERS.get(scheme)
    if opener is None:
        known = ", ".join(f"{name}:" for name in sorted(_OPENERS))
        raise ValueError(f"no state store for {scheme}: URLs; known: {known}")
    return opener(url, options or {})


def _memory(url: str, options: Mapping[str, str]) -> StateStore:
    from flowc_shim.stores.memory import MemoryStore

    _no_options(url, options)
    if url.strip("/") != "memory:":
        raise ValueError(f"{url}: a store in memory has no name, write memory:")
    return MemoryStore(url)


def _sqlite(url: str, options: Mapping[str, str]) -> StateStore:
    from flowc_shim.stores.sqlite import SqliteStore

    _no_options(url, options)
    return SqliteStore(url)


def _folder(url: str, options: Mapping[str, str]) -> StateStore:
    _need_obstore(url)
    from flowc_shim.stores.folder import FolderStore

    _no_options(url, options)
    return FolderStore(url)


def _s3(url: str, options: Mapping[str, str]) -> StateStore:
    _need_obstore(url)
    from flowc_shim.stores.object_urls import open_s3

    return open_s3(url, options)


def _postgres(url: str, options: Mapping[str, str]) -> StateStore:
    try:
        from flowc_shim.stores.postgres import PostgresStore
    except ImportError as error:
        raise ValueError("postgresql: needs psycopg, the extra `postgres` of flowc") from error
    return PostgresStore(url, options)


def _azure(url: str, options: Mapping[str, str]) -> StateStore:
    _need_obstore(url)
    from flowc_shim.stores.object_urls import open_azure

    return open_azure(url, options)


def _google(url: str, options: Mapping[str, str]) -> StateStore:
    _need_obstore(url)
    from flowc_shim.stores.object_urls import open_google

    return open_google(url, options)


_OPENERS: dict[str, Opener] = {
    "sqlite": _sqlite,
    "memory": _memory,
    "file": _folder,
    "s3": _s3,
    "gs": _google,
    "az": _azure,
    "postgresql": _postgres,
    "postgres": _postgres,
}


def _no_options(url: str, options: Mapping[str, str]) -> None:
    if options:
        raise ValueError(f"{url}: takes no options, but got {', '.join(sorted(options))}")


def _need_obstore(url: str) -> None:
    try:
        import obstore  # noqa: F401
    except ImportError as error:
        message = f"{url}: needs obstore, the extra `objectstore` of flowc"
        raise ValueError(message) from error
