"""Logins of registries from where `docker login` and `podman login` keep them.

Nothing of them is written anywhere, and none is sent but to the registry that it is for.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowc_targets._shared.registries.reference import DOCKER_HUB, Reference

if TYPE_CHECKING:
    from collections.abc import Iterator

_HELPER_SECONDS = 20
_HUB = "https://index.docker.io/v1/"
"""How Docker calls its own registry in its configuration."""

_IS_TOKEN = "<token>"  # noqa: S105 (the name that a helper gives instead of a user's)
_ECR = re.compile(r"\d+\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """A user with a password, or a token that stands for both."""

    user: str
    secret: str
    is_token: bool = False

    @property
    def basic(self) -> str:
        """The value of an `Authorization` header."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.secret}".encode()).decode()


def login_of(image: Reference) -> Login | None:
    """Return the login that is kept for an image's registry; None if there is none."""
    for config in _configurations():
        found = _of_config(config, image)
        if found is not None:
            return found
    ecr = _ECR.fullmatch(image.registry)
    return _of_ecr(ecr[1]) if ecr else None


def _configurations() -> Iterator[dict[str, Any]]:
    home = Path.home()
    places = [Path(os.environ.get("DOCKER_CONFIG") or home / ".docker") / "config.json"]
    if os.environ.get("REGISTRY_AUTH_FILE"):
        places.append(Path(os.environ["REGISTRY_AUTH_FILE"]))
    if os.environ.get("XDG_RUNTIME_DIR"):
        places.append(Path(os.environ["XDG_RUNTIME_DIR"]) / "containers" / "auth.json")
    places.append(home / ".config" / "containers" / "auth.json")
    for place in places:
        try:
            config = json.loads(place.read_text("utf-8"))
        except (OSError, ValueError):
            continue  # not there, or not for us to judge
        if isinstance(config, dict):
            yield config


def _of_config(config: dict[str, Any], image: Reference) -> Login | None:
    helper = (config.get("credHelpers") or {}).get(image.registry) or config.get("credsStore")
    if helper:
        found = _of_helper(str(helper), _HUB if image.registry == DOCKER_HUB else image.registry)
        if found is not None:
            return found
    matching = [key for key in config.get("auths") or {} if _covers(key, image)]
    for key in sorted(matching, key=len, reverse=True):
        found = _of_entry(config["auths"][key])
        if found is not None:
            return found
    return None


def _covers(key: str, image: Reference) -> bool:
    """Whether an entry is for the image's registry, or for a folder of it (podman's)."""
    name = key.partition("://")[2] if "://" in key else key
    name = re.sub(r"/v[12]/?$", "", name).rstrip("/")
    if image.registry == DOCKER_HUB:
        name = name.replace("index.docker.io", DOCKER_HUB)
    return f"{image.registry}/{image.repository}/".startswith(f"{name}/")


def _of_entry(entry: Any) -> Login | None:
    if not isinstance(entry, dict):
        return None
    if entry.get("identitytoken"):
        return Login("", str(entry["identitytoken"]), is_token=True)
    try:
        user, colon, secret = base64.b64decode(str(entry.get("auth", ""))).decode().partition(":")
    except ValueError:
        return None
    return Login(user, secret.rstrip("\0")) if colon else None


def _of_helper(helper: str, server: str) -> Login | None:
    """Ask one of Docker's programs for credentials, by its published protocol."""
    try:
        done = subprocess.run(  # noqa: S603 (the program that the user's own configuration names)
            [f"docker-credential-{Path(helper).name}", "get"], input=server, text=True,
            capture_output=True, timeout=_HELPER_SECONDS, check=True,
        )  # fmt: skip
        answer = json.loads(done.stdout)
        user, secret = str(answer["Username"]), str(answer["Secret"])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return None
    return Login("", secret, is_token=True) if user == _IS_TOKEN else Login(user, secret)


def _of_ecr(region: str) -> Login | None:
    """Ask ECR, with the credentials for AWS, for a login of twelve hours."""
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        return None
    try:
        answer = boto3.client("ecr", region_name=region).get_authorization_token()
    except (BotoCoreError, ClientError):
        return None
    return _of_entry({"auth": answer["authorizationData"][0]["authorizationToken"]})
