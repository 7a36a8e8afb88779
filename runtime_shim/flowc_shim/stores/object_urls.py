"""From the URL of a bucket, with options, to a store."""

from __future__ import annotations

import ipaddress
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import S3Store, from_url

from flowc_shim.stores.objects import ObjectsStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from obstore.store import ClientConfig, ObjectStore, RetryConfig

S3_OPTIONS = (
    "endpoint",
    "region",
    "access_key_id",
    "secret_access_key",
    "session_token",
    "allow_http",
)
"""Options of an ``s3://`` store; what is not given comes from the environment (``AWS_…``)."""

_CLIENT: ClientConfig = {
    "connect_timeout": timedelta(seconds=5),
    "timeout": timedelta(seconds=60),
}
_READS: RetryConfig = {"max_retries": 5, "retry_timeout": timedelta(seconds=30)}
_WRITES: RetryConfig = {"max_retries": 0}


def open_s3(url: str, options: Mapping[str, str]) -> ObjectsStore:
    """Open ``s3://bucket/prefix``, on AWS or at ``endpoint`` (or ``AWS_ENDPOINT_URL``).

    Raises ValueError for unknown options, and for an endpoint without TLS that is neither this
    machine nor allowed by ``allow_http: true`` (or ``AWS_ALLOW_HTTP``).
    """
    unknown = sorted(set(options) - set(S3_OPTIONS))
    if unknown:
        raise ValueError(f"{url}: unknown options {', '.join(unknown)}; known: {S3_OPTIONS}")
    parts = urlsplit(url)
    if not parts.netloc:
        raise ValueError(f"{url}: names no bucket; written s3://bucket/prefix")
    config: Any = {k: v for k, v in options.items() if k != "allow_http"}
    client = _CLIENT.copy()
    endpoint = options.get("endpoint") or _endpoint_of_environment()
    if endpoint:
        config["endpoint"] = endpoint
        client["allow_http"] = _http_allowed(endpoint, options)
        if endpoint.startswith("http:") and not client["allow_http"]:
            raise ValueError(f"{url}: {endpoint} has no TLS; if that is meant: allow_http: true")
    prefix = parts.path.strip("/") or None

    def connect(retries: RetryConfig) -> ObjectStore:
        return S3Store(
            parts.netloc, prefix=prefix, config=config, client_options=client, retry_config=retries
        )

    return _two_clients(url, connect)


def open_other(url: str, options: Mapping[str, str]) -> ObjectsStore:
    """Open ``gs://bucket/prefix`` or ``az://container/prefix``; options are obstore's own.

    Raises ValueError if obstore does not understand them.
    """

    def connect(retries: RetryConfig) -> ObjectStore:
        config: Any = dict(options) or None
        return from_url(url, config=config, client_options=_CLIENT, retry_config=retries)

    return _two_clients(url, connect)


def _two_clients(url: str, connect: Callable[[RetryConfig], ObjectStore]) -> ObjectsStore:
    try:
        return ObjectsStore(url, connect(_READS), connect(_WRITES))
    except BaseError as error:
        reason = str(error).partition("\n\nDebug source")[0]
        raise ValueError(f"{url}: {reason}") from error


def _endpoint_of_environment() -> str | None:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None


def _http_allowed(endpoint: str, options: Mapping[str, str]) -> bool:
    said = options.get("allow_http") or os.environ.get("AWS_ALLOW_HTTP") or "false"
    return str(said).lower() == "true" or _is_this_machine(urlsplit(endpoint).hostname or "")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
