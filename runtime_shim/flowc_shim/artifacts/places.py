"""Where files are: a folder of this machine, or a bucket. What is not used is not imported."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, unquote

from flowc_shim.stores.api import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

BUCKETS = ("s3", "gs", "az")

FILES = "files"
"""The folder of a run in which its files are."""


class FileNotThere(Exception):
    """There is no file at this URI."""


class Place(Protocol):
    """Files below one URL."""

    url: str

    def put(self, key: str, source: Path) -> None:
        """Copy ``source`` to ``key``, whatever was there; raises StoreUnavailable, OSError."""

    def get(self, key: str, target: Path) -> None:
        """Copy ``key`` to ``target``; raises FileNotThere, StoreUnavailable, OSError."""

    def has(self, key: str) -> bool:
        """Whether there is a file at ``key``; raises StoreUnavailable."""

    def delete_below(self, prefix: str) -> None:
        """Delete all files below ``prefix``; raises StoreUnavailable."""


def open_place(url: str, options: Mapping[str, str]) -> Place:
    """Return the place that ``url`` names; raises ValueError."""
    scheme = url.partition(":")[0]
    if scheme == "file":
        return Folder(url)
    if scheme in BUCKETS:
        return Bucket(url, options)
    raise ValueError(f"files are kept in file:, s3:, gs: or az:, not in {scheme}:")


def beside_state(url: str) -> str | None:
    """Return where files are kept if only the state store is named; None if that keeps no files."""
    holds_files = url.partition(":")[0] in ("file", *BUCKETS)
    return f"{url.rstrip('/')}/artifacts" if holds_files else None


def uri_of(place: Place, key: str) -> str:
    """Return the URI of ``key``."""
    return f"{place.url.rstrip('/')}/{key}"


def key_below(place: Place, uri: str) -> str | None:
    """Return the key of ``uri`` in ``place``, None if it is elsewhere."""
    start = f"{place.url.rstrip('/')}/"
    key = uri.removeprefix(start)
    plain = uri.startswith(start) and not {"", ".", ".."} & set(unquote(key).split("/"))
    return key if plain else None


def split_uri(uri: str) -> tuple[str, str]:
    """Return the URL of the folder or bucket that holds ``uri``, and the key in it."""
    folder, _, name = uri.rpartition("/")
    return folder, name


class Folder:
    """Files below a folder of this machine; ``url`` is ``file:///path``."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._root = Path(unquote(url.removeprefix("file://")))

    def put(self, key: str, source: Path) -> None:
        """Copy ``source`` to ``key``: it is there as a whole, or not at all."""
        target = self._path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        half = target.with_name(f".{uuid.uuid4().hex}")
        try:
            shutil.copyfile(source, half)
            os.replace(half, target)  # noqa: PTH105 (the same, without a second path)
        finally:
            half.unlink(missing_ok=True)

    def get(self, key: str, target: Path) -> None:
        """Copy ``key`` to ``target``; raises FileNotThere, OSError."""
        try:
            shutil.copyfile(self._path(key), target)
        except FileNotFoundError as error:
            raise FileNotThere(uri_of(self, key)) from error

    def has(self, key: str) -> bool:
        """Whether there is a file at ``key``."""
        return self._path(key).is_file()

    def delete_below(self, prefix: str) -> None:
        """Delete all files below ``prefix``; raises StoreUnavailable."""
        folder = self._path(prefix)
        try:
            if folder.is_dir():
                shutil.rmtree(folder)
        except OSError as error:
            raise _unavailable(self, prefix, error) from error

    def _path(self, key: str) -> Path:
        return self._root.joinpath(*unquote(key).split("/"))


class Bucket:
    """Files below a prefix of a bucket, streamed; large ones in parts."""

    def __init__(self, url: str, options: Mapping[str, str]) -> None:
        self.url = url
        from flowc_shim.stores.open import open_store

        self._objects: Any = open_store(url, options)

    def put(self, key: str, source: Path) -> None:
        """Copy ``source`` to ``key``; raises StoreUnavailable."""
        import obstore
        from obstore.exceptions import BaseError

        try:
            obstore.put(self._objects.client, unquote(key), source)
        except BaseError as error:
            raise _unavailable(self, key, error) from error

    def get(self, key: str, target: Path) -> None:
        """Copy ``key`` to ``target``; raises FileNotThere, StoreUnavailable."""
        import obstore
        from obstore.exceptions import BaseError

        try:
            with target.open("wb") as out:
                for part in obstore.get(self._objects.client, unquote(key)).stream():
                    out.write(part)
        except FileNotFoundError as error:
            raise FileNotThere(uri_of(self, key)) from error
        except BaseError as error:
            raise _unavailable(self, key, error) from error

    def has(self, key: str) -> bool:
        """Whether there is an object at ``key``; raises StoreUnavailable."""
        import obstore
        from obstore.exceptions import BaseError

        try:
            obstore.head(self._objects.client, unquote(key))
        except FileNotFoundError:
            return False
        except BaseError as error:
            raise _unavailable(self, key, error) from error
        return True

    def delete_below(self, prefix: str) -> None:
        """Delete all files below ``prefix``; raises StoreUnavailable."""
        self._objects.delete_run(unquote(prefix))


def _unavailable(place: Place, key: str, error: Exception) -> StoreUnavailable:
    reason = str(error).partition("\n\nDebug source")[0]
    return StoreUnavailable(f"{uri_of(place, key)}: {reason}")


def quoted(name: str) -> str:
    """Return a file's relative path as part of a key."""
    return "/".join(quote(part, safe="") for part in name.split("/"))
