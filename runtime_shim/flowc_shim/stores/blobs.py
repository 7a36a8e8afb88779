"""Values too large for a record: content-addressed objects of one run.

A blob is written before the record that names it, so a record never points at nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowc_shim.language.canonical import digest
from flowc_shim.stores.bodies import CorruptBody, decode_object, encode
from flowc_shim.stores.commit import TRIES, land

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json
    from flowc_shim.stores.api import StateStore

_SHA = re.compile(r"[0-9a-f]{64}")


def blob_key(run_prefix: str, sha: str) -> str:
    """Return the key of the blob ``sha`` of a run."""
    return f"{run_prefix}/blobs/{sha}"


def put_blob(
    store: StateStore, run_prefix: str, data: Json, kind: str = "data", *, tries: int = TRIES
) -> str:
    """Store ``data`` and return its id, the SHA-256 of its canonical JSON.

    Storing the same data again changes nothing; the ``kind`` and the order of keys of the first
    time stay. Raises ValueError if ``data`` is not JSON, StoreUnavailable, CorruptBody.
    """
    sha = digest(data)
    key = blob_key(run_prefix, sha)
    body = encode({"kind": kind, "data": data})
    landed = land(store, key, body, tries=tries)
    if landed != body:
        _verified(landed, key, sha)
    return sha


def get_blob(store: StateStore, run_prefix: str, sha: str) -> tuple[Json, str]:
    """Return data and kind of a blob.

    Raises KeyError if there is none (an id that is not one included), StoreUnavailable, and
    CorruptBody if the content does not have this id.
    """
    # Ids come from components: anything else would be a way out of the blobs' folder.
    if not _SHA.fullmatch(sha):
        raise KeyError(sha)
    key = blob_key(run_prefix, sha)
    body = store.read(key)
    if body is None:
        raise KeyError(sha)
    return _verified(body, key, sha)


def _verified(body: bytes, key: str, sha: str) -> tuple[Json, str]:
    blob = decode_object(body, key)
    kind = blob.get("kind")
    if not isinstance(kind, str) or "data" not in blob or _digest_of(blob["data"]) != sha:
        raise CorruptBody(f"{key}: the content is not what its name says")
    return blob["data"], kind


def _digest_of(data: Json) -> str:
    try:
        return digest(data)
    except ValueError:  # 1e999 was read as infinity: flowc never wrote it
        return ""
