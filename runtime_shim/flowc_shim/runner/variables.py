"""Values of variables at run time, and keeping secret ones out of what is written."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from flowc_shim.blob_api.address import TOKEN
from flowc_shim.components.log_mask import MASK
from flowc_shim.contract.errors import final_error
from flowc_shim.contract.secrets import SECRET_PREFIX, SecretMissing, environment_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc_shim.contract.errors import ErrorInfo
    from flowc_shim.contract.json_types import Json
    from flowc_shim.contract.steps import PlanVariable

_SHORTEST_MASKED = 4
SHORTEST_REFUSED = 8
"""Characters of a secret that results are searched for: shorter texts occur by chance."""


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
        self._texts: list[str] | None = None

    def is_given(self, name: str) -> bool:
        """Whether the start of the run gives the value of ``name``."""
        return name in self._declared and self._declared[name].given

    def value(self, name: str) -> Json:
        """Return the value of ``name``; raises KeyError if it has none."""
        if name in self._overrides:
            return self._overrides[name]
        variable = self._declared[name]
        if variable.has_value:
            return variable.value
        if variable.secret is not None and environment_name(variable.secret) in self._environ:
            return self._environ[environment_name(variable.secret)]
        if variable.env is not None and variable.env in self._environ:
            return self._environ[variable.env]
        if variable.has_default:
            return variable.default
        raise KeyError(name) if variable.secret is None else SecretMissing(variable.secret)

    def secrets(self) -> list[str]:
        """Return the texts that must not be shown, longest first."""
        if self._texts is None:
            found: set[str] = set()
            for value in self._secret_values():
                # Logs and quotes have one line at a time of a key that has several.
                for text in (value, *value.splitlines()):
                    if len(text) >= _SHORTEST_MASKED:
                        found |= _spellings(text)
            self._texts = sorted(found, key=len, reverse=True)
        return self._texts

    def _secret_values(self) -> Iterator[str]:
        """Yield the secret variables' values, and those that stores and classes name."""
        for name, value in self._environ.items():
            if name.startswith(SECRET_PREFIX) or name == TOKEN:
                yield value
        for variable in self._declared.values():
            if variable.is_secret or variable.secret is not None:
                try:
                    known = self.value(variable.name)
                except KeyError:
                    continue
                if isinstance(known, str):
                    yield known

    def refuse_secrets(self, value: Json, what: str) -> None:
        """Raise FlowError ``SECRET_IN_OUTPUT`` if ``value``, which is kept, holds a secret."""
        secrets = [one for one in self._secret_values() if len(one) >= SHORTEST_REFUSED]
        if not secrets:
            return
        text = json.dumps(value, ensure_ascii=False)
        if any(json.dumps(secret, ensure_ascii=False)[1:-1] in text for secret in secrets):
            raise final_error(
                "SECRET_IN_OUTPUT",
                f"{what} holds the value of a secret, and results are kept and shown; "
                "hand the secret to the step that needs it by its variable",
                type="SecretInOutput",
            )

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
