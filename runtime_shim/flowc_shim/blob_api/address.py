"""How component servers and shims find the blob service of a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

URL = "FLOWC_BLOB_API"
TOKEN = "FLOWC_BLOB_API_TOKEN"  # noqa: S105 (the name of a variable, not a secret)
PORT = 7841
PATH = "/api/v1/blobs"


def blob_api_url(environ: Mapping[str, str]) -> str | None:
    """Return the URL for ``initialize``, with the token in it if there is one; None without any."""
    url = environ.get(URL)
    return None if url is None else with_token(url, environ.get(TOKEN))


def with_token(url: str, token: str | None) -> str:
    """Return ``url`` with ``token`` as the password of basic authentication."""
    if token is None:
        return url
    scheme, _, rest = url.partition("://")
    return f"{scheme}://flowc:{quote(token, safe='')}@{rest}"
