"""Registries over HTTP: whether an image is there, who one is, and what is not said."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from flowc_targets._shared.registries.logins import Login, login_of
from flowc_targets._shared.registries.manifests import Registries, Unclear
from flowc_targets._shared.registries.reference import Reference, reference

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DIGEST = "sha256:" + "a" * 64


class Registry(ThreadingHTTPServer):
    """Serves manifests as the distribution specification says; ``mode`` is its way of asking who
    one is: nothing, ``basic``, or ``bearer`` with a server of tokens of its own."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.mode = ""
        self.status = 0
        self.asked: list[tuple[str, str, str]] = []
        self.there = {"acme/units/manifests/1", f"acme/units/manifests/{DIGEST}"}

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"


def basic(user: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()


class Handler(BaseHTTPRequestHandler):
    server: Registry

    def do_HEAD(self) -> None:
        self._manifest()

    def do_GET(self) -> None:
        self._token(parse_qs(urlsplit(self.path).query))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._token(parse_qs(body))

    def _manifest(self) -> None:
        given = self.headers.get("Authorization", "")
        self.server.asked.append(("HEAD", self.path, given))
        right = {"": "", "basic": basic("ada", "s3cret"), "bearer": "Bearer t0ken"}
        if self.server.status:
            self._answer(self.server.status)
        elif given != right[self.server.mode]:
            realm = f'realm="http://{self.server.host}/token",service="here"'
            scope = ',scope="repository:acme/units:pull"'
            kind = "Basic " if self.server.mode == "basic" else "Bearer "
            self._answer(401, ("WWW-Authenticate", kind + realm + scope))
        else:
            self._answer(200 if self.path.removeprefix("/v2/") in self.server.there else 404)

    def _token(self, asked: dict[str, list[str]]) -> None:
        given = self.headers.get("Authorization", "")
        self.server.asked.append((self.command, self.path.partition("?")[0], given))
        assert asked["service"] == ["here"]
        assert asked["scope"] == ["repository:acme/units:pull"]
        if given == basic("ada", "s3cret") or asked.get("refresh_token") == ["long"]:
            self._answer(200, body={"access_token" if self.command == "POST" else "token": "t0ken"})
        else:
            self._answer(403)

    def _answer(self, status: int, *headers: tuple[str, str], body: Any = None) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()


ADA = Login("ada", "s3cret")


def asking(login: Login | None = None) -> Registries:
    return Registries(lambda image: login)


@pytest.mark.parametrize("mode", ["", "basic", "bearer"])
def test_by_tag_and_by_digest(registry: Registry, mode: str) -> None:
    registry.mode = mode
    image = f"{registry.host}/acme/units"
    registries = asking(ADA)
    assert registries.has(f"{image}:1")
    assert registries.has(f"{image}@{DIGEST}")
    assert registries.has(f"{image}:other@{DIGEST}"), "the digest decides"
    assert not registries.has(f"{image}:2")
    assert not registries.has(image), "latest"


def test_a_token_that_stands_for_a_login(registry: Registry) -> None:
    registry.mode = "bearer"
    assert asking(Login("", "long", is_token=True)).has(f"{registry.host}/acme/units:1")
    assert ("POST", "/token", "") in registry.asked


@pytest.mark.parametrize("mode", ["basic", "bearer"])
@pytest.mark.parametrize("login", [None, Login("ada", "wrong"), Login("", "wrong", is_token=True)])
def test_who_may_not_look_is_not_told_that_it_is_missing(
    registry: Registry, mode: str, login: Login | None
) -> None:
    registry.mode = mode
    with pytest.raises(Unclear, match=r"does not let you see it \(HTTP 401\)"):
        asking(login).has(f"{registry.host}/acme/units:1")


@pytest.mark.parametrize("status", [403, 429, 500, 405])
def test_other_answers_say_nothing(registry: Registry, status: int) -> None:
    registry.status = status
    with pytest.raises(Unclear, match=f"HTTP {status}"):
        asking().has(f"{registry.host}/acme/units:1")


def test_a_registry_that_does_not_answer_is_asked_once(registry: Registry) -> None:
    host = registry.host
    registry.server_close()
    registries = asking()
    with pytest.raises(Unclear, match="does not answer"):
        registries.has(f"{host}/acme/units:1")
    with Registry() as other:
        registries._silent[other.host] = "silent"
        with pytest.raises(Unclear, match="silent"):
            registries.has(f"{other.host}/acme/units:1")
        assert other.asked == []


def test_a_password_does_not_travel_in_the_open(registry: Registry) -> None:
    """To a server of tokens elsewhere that has no TLS."""
    from flowc_targets._shared.registries import manifests

    sent: list[str] = []

    def ask(url: str, headers: Any, authorization: str = "", *more: Any) -> tuple[int, Any]:
        sent.append(authorization)
        return 200, {"token": "anonymous"}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifests, "_ask", ask)
        assert manifests._token({"realm": "http://tokens.dev/"}, "s", ADA) == "anonymous"
        assert manifests._token({"realm": "https://tokens.dev/"}, "s", ADA) == "anonymous"
        assert manifests._token({"realm": "file:///etc/passwd"}, "s", ADA) == ""
    assert sent == ["", ADA.basic]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("units", Reference("docker.io", "library/units", "latest")),
        ("acme/units:1", Reference("docker.io", "acme/units", "1")),
        ("index.docker.io/acme/units", Reference("docker.io", "acme/units", "latest")),
        ("localhost/units:1", Reference("localhost", "units", "1")),
        ("localhost:5000/a/b/units:1", Reference("localhost:5000", "a/b/units", "1")),
        ("ghcr.io/acme/units:1@sha256:ab", Reference("ghcr.io", "acme/units", "sha256:ab")),
    ],
)
def test_names(image: str, expected: Reference) -> None:
    assert reference(image) == expected


# Logins


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "config.json"


def kept(user: str, secret: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{secret}".encode()).decode()}


def test_logins_of_docker_and_podman(docker: Path) -> None:
    auths = {
        "https://index.docker.io/v1/": kept("hub", "1"),
        "quay.io": kept("all", "2"),
        "quay.io/acme": kept("acme", "3"),
        "https://old.dev/v2/": kept("old", "4"),
        "token.dev": {"identitytoken": "long"},
        "broken.dev": {"auth": "***"},
        "empty.dev": {},
    }
    docker.write_text(json.dumps({"auths": auths}))
    found = {image: login_of(reference(image)) for image in (
        "units", "quay.io/acme/units", "quay.io/acmeother/units", "old.dev/units",
        "token.dev/units", "broken.dev/units", "empty.dev/units", "nowhere.dev/units",
        "quay.io.evil.dev/units",
    )}  # fmt: skip
    assert found == {
        "units": Login("hub", "1"),
        "quay.io/acme/units": Login("acme", "3"),
        "quay.io/acmeother/units": Login("all", "2"),
        "old.dev/units": Login("old", "4"),
        "token.dev/units": Login("", "long", is_token=True),
        "broken.dev/units": None,
        "empty.dev/units": None,
        "nowhere.dev/units": None,
        "quay.io.evil.dev/units": None,
    }


@pytest.mark.parametrize("text", ["", "not json", "[]"])
def test_a_configuration_that_is_none(docker: Path, text: str) -> None:
    docker.write_text(text)
    assert login_of(reference("ghcr.io/units")) is None


@pytest.mark.parametrize(
    ("username", "expected"),
    [("ada", Login("ada", "s3cret")), ("<token>", Login("", "s3cret", is_token=True))],
)
def test_a_program_that_keeps_logins(docker: Path, username: str, expected: Login) -> None:
    program = docker.parent / "docker-credential-vault"
    answer = json.dumps({"ServerURL": "ghcr.io", "Username": username, "Secret": "s3cret"})
    program.write_text(
        "#!/bin/sh\nread -r server\n[ \"$1 $server\" = 'get ghcr.io' ] || exit 1\n"
        f"echo '{answer}'\n"
    )
    program.chmod(0o755)
    docker.write_text(json.dumps({"credHelpers": {"ghcr.io": "vault"}}))
    assert login_of(reference("ghcr.io/acme/units")) == expected
    assert login_of(reference("quay.io/acme/units")) is None
    docker.write_text(json.dumps({"credsStore": "vault", "auths": {"quay.io": kept("q", "1")}}))
    assert login_of(reference("ghcr.io/acme/units")) == expected
    assert login_of(reference("quay.io/acme/units")) == Login("q", "1"), "the program has none"


def test_a_login_is_not_shown() -> None:
    assert "s3cret" not in repr(ADA) and "s3cret" not in f"{ADA}"


def test_ecr_by_the_credentials_for_aws(docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from moto import mock_aws

    host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        login = login_of(reference(f"{host}/units:1"))
    assert login is not None
    assert (login.user, login.is_token) == ("AWS", False)
