"""Whether an image is there: a HEAD of its manifest, by the distribution specification.

Only a registry that says "not found" to somebody whom it lets look has said that an image is not
there. Many say "unauthorized" for both, and some are reached by clusters alone.
"""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowc.deploy.provider import Problem
from flowc_targets._shared.registries.logins import Login, login_of
from flowc_targets._shared.registries.reference import reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from flowc_targets._shared.registries.reference import Reference

SECONDS = 10
_MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_HERE = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?")


class Unclear(Exception):
    """A registry did not say whether it has an image; the message says why not."""


@dataclass(slots=True)
class Registries:
    """Asks registries; one that does not answer is asked once.

    ``login``: who one is at the registry of an image.
    """

    login: Callable[[Reference], Login | None] = login_of
    _silent: dict[str, str] = field(default_factory=dict)

    def has(self, image: str) -> bool:
        """Return whether ``image`` is in its registry; raises :class:`Unclear`."""
        named = reference(image)
        if named.host in self._silent:
            raise Unclear(self._silent[named.host])
        try:
            status, _ = self._head(named)
        except OSError as error:
            why = f"{named.host} does not answer: {getattr(error, 'reason', None) or error}"
            self._silent[named.host] = why
            raise Unclear(why) from error
        if status in (200, 404):
            return status == 200
        if status in (401, 403):
            raise Unclear(f"{named.host} does not let you see it (HTTP {status})")
        raise Unclear(f"{named.host} answers HTTP {status}")

    def _head(self, image: Reference) -> tuple[int, Mapping[str, str]]:
        url = (
            f"{_scheme(image.host)}://{image.host}/v2/{image.repository}/manifests/{image.version}"
        )
        headers = {"Accept": _MANIFESTS}
        status, answered = _ask(url, headers, method="HEAD")
        if status != 401:
            return status, answered
        given = self._authorization(image, answered.get("WWW-Authenticate", ""))
        return _ask(url, headers, given, "HEAD") if given else (status, answered)

    def _authorization(self, image: Reference, challenge: str) -> str:
        """Return the header that answers a challenge, empty if there is none."""
        kind, _, rest = challenge.partition(" ")
        login = self.login(image)
        if kind.lower() == "basic":
            return login.basic if login is not None and not login.is_token else ""
        asked = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        if kind.lower() != "bearer" or "realm" not in asked:
            return ""
        token = _token(asked, f"repository:{image.repository}:pull", login)
        return f"Bearer {token}" if token else ""


def _token(asked: Mapping[str, str], scope: str, login: Login | None) -> str:
    """Ask a registry's own server of tokens for one that may pull."""
    realm = asked["realm"]
    parts = urllib.parse.urlsplit(realm)
    if parts.scheme != "https" and not _HERE.fullmatch(parts.netloc):
        login = None  # a password does not travel in the open
        if parts.scheme != "http":
            return ""
    query = {"service": asked.get("service", ""), "scope": asked.get("scope") or scope}
    form = None
    if login is not None and login.is_token:
        form = {**query, "grant_type": "refresh_token", "client_id": "flowc",
                "refresh_token": login.secret}  # fmt: skip
    url = realm if form else f"{realm}{'&' if parts.query else '?'}{urllib.parse.urlencode(query)}"
    basic = login.basic if login is not None and form is None else ""
    status, answered = _ask(url, {}, basic, "POST" if form else "GET", form)
    return answered.get("token") or answered.get("access_token") or "" if status == 200 else ""


def _ask(
    url: str,
    headers: Mapping[str, str],
    authorization: str = "",
    method: str = "GET",
    form: Mapping[str, str] | None = None,
) -> tuple[int, Mapping[str, str]]:
    """Return status and headers, with the members of a JSON answer; raises OSError."""
    data = None if form is None else urllib.parse.urlencode(form).encode()
    request = urllib.request.Request(url, data, dict(headers), method=method)  # noqa: S310 (http(s))
    if authorization:
        request.add_unredirected_header("Authorization", authorization)
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310 (http(s))
            found = dict(response.headers.items())
            if method != "HEAD" and "json" in response.headers.get_content_type():
                found |= _texts(response.read())
            return response.status, found
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers.items())


def _texts(body: bytes) -> dict[str, str]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    members = answer.items() if isinstance(answer, dict) else ()
    return {key: value for key, value in members if isinstance(value, str)}


def _scheme(host: str) -> str:
    """Registries of this machine speak plain HTTP, as Docker has it."""
    return "http" if _HERE.fullmatch(host) else "https"


def check_images(
    images: Iterable[str], registries: Registries, is_there: Callable[[str], bool]
) -> Iterator[Problem]:
    """Report images that are in no registry; ``is_there``: whether one is where it runs, though."""
    for image in sorted(set(images)):
        try:
            if registries.has(image) or is_there(image):
                continue
            yield Problem(f"there is no image `{image}`", f"`docker push {image}`")
        except Unclear as unclear:
            if not is_there(image):
                yield Problem(
                    f"nobody can say whether there is an image `{image}`: {unclear}",
                    "if it cannot be pulled where it runs, push it, or `docker login` there",
                    stops=False,
                )
