"""Files into the folder that a component reads, and out of the one that it writes."""

from __future__ import annotations

import hashlib
import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from flowc_shim.artifacts.places import (
    FILES,
    FileNotThere,
    Place,
    key_below,
    open_place,
    quoted,
    split_uri,
    uri_of,
)
from flowc_shim.artifacts.reference import KEY, Reference, references_in, replaced
from flowc_shim.contract.errors import FlowError, final_error, platform_error
from flowc_shim.stores.api import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowc_shim.contract.json_types import Json

_READ_BYTES = 1 << 20


class Artifacts:
    """The files of one run. ``written``: the URIs that the flow itself names.

    Those, and what runs stored, are all that may be read: data that merely looks like a reference
    must not make the shim fetch, with its own rights, whatever it names.
    """

    def __init__(
        self,
        url: str | None,
        options: Mapping[str, str],
        run_prefix: str,
        written: Callable[[], frozenset[str]],
    ) -> None:
        self._url = url
        self._options = options
        self._prefix = run_prefix
        self._written = written
        self._place: Place | None = None

    def bring_in(self, value: Json, folder: Path, seen_at: str) -> Json:
        """Copy every file that ``value`` refers to into ``folder``; raises FlowError.

        Returns ``value`` with ``path`` in each reference: where the component sees the file.
        """
        numbers = itertools.count()
        known: dict[str, str] = {}

        def bring(reference: Reference) -> Reference:
            uri = str(reference[KEY])
            if uri not in known:
                name = Path(unquote(uri)).name or "file"
                inside = f"{next(numbers)}/{name}"
                (folder / inside).parent.mkdir()
                self._fetch(reference, folder / inside)
                known[uri] = f"{seen_at}/{inside}"
            return {**reference, "path": known[uri]}

        return replaced(value, bring)

    def take_out(self, output: Json, folder: Path) -> Json:
        """Store every file of ``folder`` that ``output`` refers to; raises FlowError.

        A reference to a file of the step's own is its path inside of the folder. Returns
        ``output`` with the URIs in their place. A file that nothing refers to would be lost, and
        is an error.
        """
        files = dict(_files_in(folder))
        named = {str(reference[KEY]) for reference in references_in(output)}
        lost = sorted(files.keys() - named)
        if lost:
            shown = ", ".join(f"`{name}`" for name in lost[:5])
            raise final_error(
                "INVALID_OUTPUT",
                f"{len(lost)} files were written that the output does not name: {shown}; "
                'name each, as {"$artifact": "path"}, or write to $TMPDIR',
            )
        stored = {name: self._keep(name, path) for name, path in files.items()}

        def take(reference: Reference) -> Reference:
            name = str(reference[KEY])
            if name in stored:
                return stored[name]
            if "://" not in name:
                raise final_error("INVALID_OUTPUT", f"the output names `{name}`: no such file")
            return {key: member for key, member in reference.items() if key != "path"}

        return replaced(output, take)

    def _keep(self, name: str, path: Path) -> Reference:
        digest, size = _digest(path)
        place = self._home()
        key = f"{self._prefix}/{FILES}/{digest}/{quoted(Path(name).name)}"
        try:
            place.put(key, path)
        except (StoreUnavailable, OSError) as error:
            raise platform_error("STORE_UNAVAILABLE", f"file `{name}`: {error}") from error
        return {KEY: uri_of(place, key), "size": size, "sha256": digest}

    def _fetch(self, reference: Reference, target: Path) -> None:
        uri = str(reference[KEY])
        place, key = self._found(uri)
        try:
            place.get(key, target)
        except FileNotThere as error:
            raise final_error("ARTIFACT_NOT_FOUND", f"there is no file {uri}") from error
        except (StoreUnavailable, OSError) as error:
            raise platform_error("STORE_UNAVAILABLE", str(error)) from error
        wanted = reference.get("sha256")
        if wanted is not None and _digest(target)[0] != wanted:
            raise platform_error("ARTIFACT_CHANGED", f"{uri} is not the file that was stored")

    def _found(self, uri: str) -> tuple[Place, str]:
        if self._url is not None:
            key = key_below(self._home(), uri)
            if key is not None:
                return self._home(), key
        if uri not in self._written():
            raise _foreign(uri)
        folder, name = split_uri(uri)
        try:
            return open_place(folder, self._options), name
        except ValueError as error:
            raise final_error("CONFIGURATION", f"{uri}: {error}") from error

    def _home(self) -> Place:
        if self._url is None:
            raise final_error(
                "CONFIGURATION", "files need an `artifact_store`, and the stack names none"
            )
        if self._place is None:
            try:
                self._place = open_place(self._url, self._options)
            except ValueError as error:
                raise final_error("CONFIGURATION", f"artifact store: {error}") from error
        return self._place


def _foreign(uri: str) -> FlowError:
    return final_error(
        "ARTIFACT_NOT_ALLOWED",
        f"{uri} is neither in the artifact store nor named by the flow",
    )


def _files_in(folder: Path) -> list[tuple[str, Path]]:
    found = []
    if folder.is_symlink():  # or it were what it points to that is stored
        raise final_error("INVALID_OUTPUT", f"`{folder.name}` is not a folder")
    for at, _, names in os.walk(folder):
        for name in names:
            path = Path(at, name)
            # A link could make the shim, which may read more, store what it points to.
            if path.is_symlink() or not path.is_file():
                raise final_error("INVALID_OUTPUT", f"`{name}` is not a plain file")
            found.append((str(path.relative_to(folder)), path))
    return found


def _digest(path: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while part := file.read(_READ_BYTES):
            digest.update(part)
            size += len(part)
    return digest.hexdigest(), size
