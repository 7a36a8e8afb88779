"""Requests to a Kubernetes API server, or to an Argo server, and what their refusals mean."""

from __future__ import annotations

import json
import random
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowc.deploy.provider import DeployError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_targets.argo.deploy.kinds import Document

TRIES = 5
_PAUSE = 0.2
_REPEATED = frozenset({409, 429, 500, 502, 503, 504})
"""Answers after which the same request may do better; all of flowc's writes may be repeated."""

PAGE = 500
TIMEOUT = 30.0

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said; ``body`` is empty where it was not JSON."""

    status: int
    body: Document

    @property
    def message(self) -> str:
        """The server's own words."""
        return str(self.body.get("message", "")) or f"HTTP {self.status}"


@dataclass(frozen=True, slots=True)
class Way:
    """What kind of server it is, and what to do where it cannot be used."""

    name: str
    unreachable: str
    unknown: str
    forbidden: str
    missing: str


KUBECTL = Way(
    "the Kubernetes API",
    "see whether `kubectl version` reaches it",
    "log in to the cluster again; the credentials of your kubeconfig are not valid",
    "ask for the right, or use another context of your kubeconfig",
    "install Argo Workflows there, or make the namespace of the stack",
)


class Connection:
    """One server, reached in one way; every method raises DeployError only."""

    def __init__(
        self, http: Any, errors: tuple[type[Exception], ...], server: str, way: Way = KUBECTL
    ) -> None:
        self._http = http
        self._errors = errors
        self._way = way
        self.server = server

    def get(self, path: str, **params: Any) -> Document | None:
        """Return a document, None if there is none."""
        answer = self.ask("GET", path, params=params)
        return None if answer.status == 404 else self.expect(answer, f"read {path}")

    def list(self, path: str, selector: str = "") -> Iterator[Document]:
        """Yield the items of a collection, in pages; none if the server has no such collection."""
        params: dict[str, Any] = {"limit": PAGE}
        if selector:
            params["labelSelector"] = selector
        while True:
            answer = self.ask("GET", path, params=params)
            if answer.status == 404:
                return
            body = self.expect(answer, f"list {path}")
            yield from body.get("items") or ()
            after = (body.get("metadata") or {}).get("continue")
            if not after:
                return
            params["continue"] = after

    def write(self, method: str, path: str, document: Any, **more: Any) -> Document:
        """Send a document, and return what the server made of it."""
        return self.expect(self.ask(method, path, document=document, **more), f"write {path}")

    def expect(self, answer: Answer, what: str) -> Document:
        """Return the body of an answer that is not a refusal."""
        if answer.status < 400:
            return answer.body
        raise self._refusal(answer, what)

    def ask(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, Any] | None = None,
        document: Any = None,
        content: str = "application/json",
        tries: int = TRIES,
    ) -> Answer:
        """Return the answer to a request, repeated while the server is busy or away."""
        body = None if document is None else json.dumps(document, ensure_ascii=False).encode()
        headers = {"Accept": "application/json", "Content-Type": content}
        for attempt in range(tries):
            last = attempt + 1 == tries
            try:
                response = self._http.request(
                    method, path, params=params or {}, content=body, headers=headers
                )
            except self._errors as error:
                if last:
                    raise self._unreachable(error) from error
            else:
                if response.status_code not in _REPEATED or last:
                    return self._answer(response)
            time.sleep(_PAUSE * 2**attempt * random.uniform(0.5, 1.0))  # noqa: S311 (spreads load)
        raise AssertionError("the last try returns or raises")

    @contextmanager
    def stream(self, path: str, **params: Any) -> Iterator[Iterator[str]]:
        """Yield the lines of a text that the server may still be writing."""
        try:
            with self._http.stream("GET", path, params=params, timeout=None) as response:
                if response.status_code >= 400:
                    response.read()
                    raise self._refusal(self._answer(response), f"read {path}")
                yield response.iter_lines()
        except self._errors as error:
            raise self._unreachable(error) from error

    def _answer(self, response: Any) -> Answer:
        body = _json(response)
        if body is None and response.status_code < 400:  # a login page, say
            raise DeployError(
                f"what answers at {self.server} is not {self._way.name}", self._way.unreachable
            )
        words = {"message": response.text[:300]}
        return Answer(response.status_code, words if body is None else body)

    def _unreachable(self, error: Exception) -> DeployError:
        said = str(error) or type(error).__name__
        return DeployError(
            f"{self._way.name} at {self.server} does not answer: {said}", self._way.unreachable
        )

    def _refusal(self, answer: Answer, what: str) -> DeployError:
        verb, _, path = what.partition(" ")
        match answer.status:
            case 401:
                return DeployError(
                    f"{self.server} does not know you: {answer.message}", self._way.unknown
                )
            case 403:
                return DeployError(
                    f"you may not {verb} {path}: {answer.message}", self._way.forbidden
                )
            case 404:
                return DeployError(f"{self.server} has no {path}", self._way.missing)
            case 422 | 400:
                return DeployError(f"{self.server} refuses {path}: {answer.message}", "")
        return DeployError(
            f"{self.server} could not {verb} {path}: {answer.message}", "run the same command again"
        )

    def close(self) -> None:
        """Give back the connections."""
        self._http.close()


def _json(response: Any) -> Document | None:
    """Return the object that a server answers with, None for anything else."""
    try:
        body = response.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def connect() -> tuple[Connection, str]:
    """Return a connection by kubeconfig (or from inside a cluster), and its default namespace."""
    try:
        import httpx2
        from lightkube.config import client_adapter
        from lightkube.config.kubeconfig import KubeConfig
        from lightkube.core.exceptions import ConfigError
    except ImportError as error:
        raise DeployError(
            "deploying to Kubernetes needs the extra `argo` of flowc", "pip install 'flowc[argo]'"
        ) from error
    try:
        config = KubeConfig.from_env().get()
        if config is None:
            raise ConfigError("no context is current")
        timeout = httpx2.Timeout(TIMEOUT)
        http = client_adapter.Client(config, client_adapter.ConnectionParams(timeout=timeout))
    except (ConfigError, OSError, AssertionError, ValueError, KeyError) as error:
        raise DeployError(
            f"no Kubernetes cluster is configured: {error}",
            "set KUBECONFIG, or choose a context with `kubectl config use-context`",
        ) from error
    errors = (httpx2.HTTPError, ConfigError, OSError)
    return Connection(http, errors, config.cluster.server), config.namespace
