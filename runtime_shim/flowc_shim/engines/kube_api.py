"""The Kubernetes API, asked from inside of the cluster with the pod's own account."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from flowc_shim.engines.api import EngineUnavailable

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TIMEOUT = 20.0
_BROKEN = (OSError, ValueError, http.client.HTTPException)
_REFUSALS = frozenset({400, 403, 404, 405, 409, 410, 413, 422})
"""Answers that the same request would get again; of the others nothing is known."""


class Refused(EngineUnavailable):
    """The API understood the request and does not do it; ``code``: of its answer."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"the Kubernetes API answers {code}{message and f': {message}'}")
        self.code = code


class KubeApi:
    """What is below ``server``; the account's token is read each time, since it is replaced."""

    def __init__(self, server: str, namespace: str, token: Path, context: Any = None) -> None:
        self.namespace = namespace
        self._server = server
        self._token = token
        self._context = context

    def ask(self, path: str, body: Json = None, *, method: str = "", but: int | None = None) -> Any:
        """Return the answer, None if its code is ``but``; raises EngineUnavailable, Refused."""
        try:
            with self.open(path, body, method=method) as response:
                return json.load(response)
        except Refused as error:
            if error.code == but:
                return None
            raise
        except _BROKEN as error:
            raise _silent(error) from error

    def open(
        self, path: str, body: Json = None, *, method: str = "", timeout: float = TIMEOUT
    ) -> BinaryIO:
        """Return the answer to be read; raises EngineUnavailable, Refused."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 (the API)
            f"{self._server}{path}", data, method=method or ("GET" if data is None else "POST")
        )
        request.add_header("Accept", "application/json, */*")
        request.add_header("Content-Type", "application/json")
        try:
            request.add_header("Authorization", f"Bearer {self._token.read_text().strip()}")
            found: BinaryIO = urllib.request.urlopen(  # noqa: S310 (the API)
                request, timeout=timeout, context=self._context
            )
            return found
        except urllib.error.HTTPError as error:
            if error.code in _REFUSALS:
                raise Refused(error.code, _message(error)) from error
            raise EngineUnavailable(f"the Kubernetes API answers {error.code}") from error
        except _BROKEN as error:
            raise _silent(error) from error


def _silent(error: Exception) -> EngineUnavailable:
    return EngineUnavailable(f"the Kubernetes API does not answer: {error}")


def _message(error: urllib.error.HTTPError) -> str:
    """Return what the API says besides a code: a ``Status``, or nothing that can be read."""
    try:
        return str(json.load(error).get("message") or "")
    except (*_BROKEN, AttributeError):
        return ""


def inside() -> KubeApi:
    """Return the API of the cluster that this pod runs in; raises EngineUnavailable."""
    host, port = (
        os.environ.get("KUBERNETES_SERVICE_HOST"),
        os.environ.get("KUBERNETES_SERVICE_PORT"),
    )
    try:
        namespace = (ACCOUNT / "namespace").read_text().strip()
        context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    except OSError as error:
        raise EngineUnavailable(f"this is no pod with a service account: {error}") from error
    if not host:
        raise EngineUnavailable("KUBERNETES_SERVICE_HOST is not set: this is no pod")
    address = f"[{host}]" if ":" in host else host
    return KubeApi(f"https://{address}:{port or 443}", namespace, ACCOUNT / "token", context)
