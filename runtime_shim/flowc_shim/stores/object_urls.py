"""From the URL of a bucket, with options, to a store."""

from __future__ import annotations

import ipaddress
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from flowc_shim.stores.objects import ObjectsStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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

AZURE_OPTIONS = ("endpoint", "account_name", "account_key", "allow_http")
GOOGLE_OPTIONS = ("endpoint", "service_account_key", "allow_http")

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
    endpoint = options.get("endpoint") or _endpoint_of_environment()
    config = _known(url, options, S3_OPTIONS)
    if endpoint:
        config["endpoint"] = endpoint
    return _open(url, S3Store, config, _client(url, endpoint, options))


def open_azure(url: str, options: Mapping[str, str]) -> ObjectsStore:
    """Open ``az://container/prefix``, in an account of Azure's or at ``endpoint``.

    Raises ValueError as :func:`open_s3` does, and if neither options nor environment
    (``AZURE_STORAGE_ACCOUNT_NAME``) name an account.
    """
    config = _known(url, options, AZURE_OPTIONS)
    return _open(url, AzureStore, config, _client(url, options.get("endpoint"), options))


def open_google(url: str, options: Mapping[str, str]) -> ObjectsStore:
    """Open ``gs://bucket/prefix``; raises ValueError as :func:`open_s3` does."""
    endpoint = options.get("endpoint")
    config = _known(url, options, GOOGLE_OPTIONS)
    if config.pop("endpoint", None):
        config["base_url"] = endpoint
    return _open(url, GCSStore, config, _client(url, endpoint, options))


def _known(url: str, options: Mapping[str, str], known: Sequence[str]) -> dict[str, Any]:
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f"{url}: unknown options {', '.join(unknown)}; known: {tuple(known)}")
    return {name: value for name, value in options.items() if name != "allow_http"}


def _client(url: str, endpoint: str | None, options: Mapping[str, str]) -> ClientConfig:
    client = _CLIENT.copy()
    if endpoint:
        client["allow_http"] = _http_allowed(endpoint, options)
        if endpoint.startswith("http:") and not client["allow_http"]:
            raise ValueError(f"{url}: {endpoint} has no TLS; if that is meant: allow_http: true")
    return client


def _open(url: str, kind: Any, config: dict[str, Any], client: ClientConfig) -> ObjectsStore:
    parts = urlsplit(url)
    if not parts.netloc:
        raise ValueError(f"{url}: names no bucket; written {parts.scheme}://bucket/prefix")
    prefix = parts.path.strip("/") or None

    def connect(retries: RetryConfig) -> ObjectStore:
        opened: ObjectStore = kind(
            parts.netloc, prefix=prefix, config=config, client_options=client, retry_config=retries
        )
        return opened

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
