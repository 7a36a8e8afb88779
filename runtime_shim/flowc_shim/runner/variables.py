"""Values of variables at run time, and keeping secret ones out of what is written."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from flowc_shim.blob_api.address import TOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_shim.contract.errors import ErrorInfo
    from flowc_shim.contract.json_types import Json
    from flowc_shim.contract.plan import PlanVariable

SECRET_PREFIX = "FLOWC_SECRET_"  # noqa: S105 (the name of a variable, not a secret)
"""Environment variables in which targets hand over secrets: the variable's name follows."""

MASK = "***"
_SHORTEST_MASKED = 4


class Variables:
    """The variables of one run: set for the run, or by plan, secret, environment, default."""

    def __init__(
        self,
        declared: tuple[PlanVariable, ...],
        overrides: Mapping[str, Json] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._declared = {variable.name: variable for variable in declared}
        self._overrides = dict(overrides or {})
        self._environ = os.environ if environ is None else environ

    def value(self, name: str) -> Json:
        """Return the value of ``name``; raises KeyError if it has none."""
        if name in self._overrides:
            return self._overrides[name]
        variable = self._declared[name]
        if variable.has_value:
            return variable.value
        secret = self._environ.get(SECRET_PREFIX + name)
        if secret is not None:
            return secret
        if variable.env is not None and variable.env in self._environ:
            return self._environ[variable.env]
        if variable.has_default:
            return variable.default
        raise KeyError(name)

    def secrets(self) -> list[str]:
        """Return the texts that must not be shown, longest first."""
        found = set()
        for variable in self._declared.values():
            if variable.is_secret or variable.secret is not None:
                try:
                    value = self.value(variable.name)
                except KeyError:
                    continue
                if isinstance(value, str) and len(value) >= _SHORTEST_MASKED:
                    found.update(_spellings(value))
        token = self._environ.get(TOKEN, "")
        if len(token) >= _SHORTEST_MASKED:
            found.update(_spellings(token))
        return sorted(found, key=len, reverse=True)

    def masked(self, error: ErrorInfo) -> ErrorInfo:
        """Return ``error`` without secrets."""
        secrets = self.secrets()
        if not secrets:
            return error
        return replace(
            error,
            code=mask(error.code, secrets),
            type=mask(error.type, secrets),
            message=mask(error.message, secrets),
            data=mask(error.data, secrets),
        )


def _spellings(secret: str) -> set[str]:
    """Return ``secret`` as messages show it: plain, quoted by JSON or Python, in a URL."""
    return {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        quote(secret),
        quote(secret, safe=""),
    }


def mask(value: Json, secrets: list[str]) -> Json:
    """Return ``value`` with every secret text in it replaced."""
    if not secrets:
        return value
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK)
        return value
    if isinstance(value, dict):
        return {mask(key, secrets): mask(member, secrets) for key, member in value.items()}
    if isinstance(value, list):
        return [mask(item, secrets) for item in value]
    return value
