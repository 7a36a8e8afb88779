"""``blob_api`` of a stack: where component servers keep their blobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import codes
from flowc.source.fields import describe
from flowc.source.secrets import decode_secret
from flowc.source.stack_model import BlobApi
from flowc.source.stack_tables import BLOB_API

if TYPE_CHECKING:
    from flowc.source.fields import Fields

REPLICAS = 2
"""Two, so that one may fail."""


def decode_blob_api(stack: Fields) -> BlobApi | None:
    """Return the stack's blob endpoint, None without one."""
    raw = stack.get("blob_api")
    fields = None if raw is None else stack.decoding.open(raw, BLOB_API, stack.value_at("blob_api"))
    if fields is None:
        return None
    token = fields.get("token")
    secret = (
        {} if token is None else decode_secret(token, fields.value_at("token"), fields.decoding)
    )
    url = fields.text("url")
    _check_url(fields, url)
    return BlobApi(
        span=stack.key_at("blob_api"),
        token=str(secret.get("secret", "")),
        url=url,
        replicas=fields.get("replicas") or REPLICAS,
        service_account=fields.text("service_account"),
    )


def _check_url(fields: Fields, url: str | None) -> None:
    # What still begins like a reference was not set, and that was reported.
    if url is not None and not url.startswith(("http://", "https://", "${")):
        fields.report(
            codes.INVALID_WORD,
            f"`url` is an `http://` or `https://` address, not {describe(url)}",
            fields.value_at("url"),
        )
    for key in ("replicas", "service_account"):
        if url is not None and fields.has(key):
            fields.report(
                codes.CONTRADICTORY_KEYS,
                f"`{key}` is for an endpoint that flowc brings up, and `url` names one",
                fields.key_at(key),
            )
