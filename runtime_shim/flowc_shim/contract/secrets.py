"""Secrets: what stack and project only name, and how every target hands the values over.

``{"secret": name}`` stands in plans and manifests. The value is in an environment variable of the
shim's process whose name follows from the secret's; targets put it there from what they keep
secrets in (a Kubernetes Secret, Secrets Manager, SSM), and here the user does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc_shim.contract.json_types import Json

SECRET_PREFIX = "FLOWC_SECRET_"  # noqa: S105 (the beginning of a name, not a secret)
_NOT_IN_NAMES = re.compile(r"[^A-Z0-9]")


class SecretMissing(KeyError, ValueError):
    """A secret that is named has no value in the environment."""

    def __init__(self, name: str) -> None:
        super().__init__(f"secret `{name}` has no value: set {environment_name(name)}")

    def __str__(self) -> str:
        return str(self.args[0])


def environment_name(name: str) -> str:
    """Return the environment variable that holds secret ``name``: ``db-password`` is in
    ``FLOWC_SECRET_DB_PASSWORD``."""
    return SECRET_PREFIX + _NOT_IN_NAMES.sub("_", name.upper())


def named_secret(value: Json) -> str | None:
    """Return the name in ``{"secret": name}``, None for any other value."""
    if isinstance(value, dict) and set(value) == {"secret"} and isinstance(value["secret"], str):
        return value["secret"]
    return None


def revealed(values: Mapping[str, Json], environ: Mapping[str, str]) -> dict[str, Any]:
    """Return ``values`` with those secrets in the place of their names; raises SecretMissing."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = named_secret(value)
        if name is None:
            found[key] = value
        elif environment_name(name) in environ:
            found[key] = environ[environment_name(name)]
        else:
            raise SecretMissing(name)
    return found


def reveal_class(config: Mapping[str, Json], environ: Mapping[str, str]) -> dict[str, Any]:
    """Return a component class's configuration with the secrets of its ``env``, and of those of
    its components; raises SecretMissing."""
    found = dict(config)
    if "env" in found:
        found["env"] = revealed(found["env"], environ)
    if any("env" in program for program in _programs(config)):
        found["components"] = {
            path: {**program, "env": revealed(program.get("env") or {}, environ)}
            if isinstance(program, dict)
            else program
            for path, program in found["components"].items()
        }
    return found


def class_secrets(config: Mapping[str, Json]) -> Iterator[str]:
    """Yield the names of the secrets that a component class's configuration names."""
    for holder in (config, *_programs(config)):
        for value in (holder.get("env") or {}).values():
            name = named_secret(value)
            if name is not None:
                yield name


def _programs(config: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    if config.get("type") not in ("command", "container"):
        return []  # the answers of a mock may be any data
    components = config.get("components") or {}
    return [program for program in components.values() if isinstance(program, dict)]
