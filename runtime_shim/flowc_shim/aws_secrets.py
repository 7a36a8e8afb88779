"""Secrets on AWS: fetched by the process that needs them, so that no configuration holds a value.

``FLOWC_AWS_SECRETS`` is a JSON object, environment variable → name: of a secret in Secrets Manager,
or ``ssm:`` and the path of a parameter in SSM. Lambda has nothing of the kind, and what Batch has
would take a second role.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from flowc_shim.stores.api import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

AWS_SECRETS = "FLOWC_AWS_SECRETS"
SSM = "ssm:"
KEPT_SECONDS = 300.0
"""How long a function that is invoked again uses what it fetched: secrets are rotated."""

_FOR_GOOD = frozenset(
    {
        "AccessDeniedException", "DecryptionFailure", "InvalidKeyId", "InvalidParameterException",
        "InvalidRequestException", "ParameterNotFound", "ResourceNotFoundException",
        "ValidationException",
    }
)  # fmt: skip
_fetched: dict[str, tuple[float, dict[str, str]]] = {}


class SecretsUnavailable(StoreUnavailable):
    """Secrets Manager or SSM did not answer; asking again later may help."""


def with_secrets(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return ``environ`` and the secrets that ``FLOWC_AWS_SECRETS`` names.

    Raises ValueError for one that is not there or not allowed, SecretsUnavailable.
    """
    wanted = environ.get(AWS_SECRETS)
    if not wanted:
        return environ
    due, values = _fetched.get(wanted, (0.0, {}))
    if time.monotonic() > due:
        values = _fetch(json.loads(wanted))
        _fetched[wanted] = (time.monotonic() + KEPT_SECONDS, values)
    return {**environ, **values}


def _fetch(wanted: Mapping[str, str]) -> dict[str, str]:
    import boto3

    clients: dict[str, Any] = {}
    found = {}
    for variable, name in wanted.items():
        service = "ssm" if name.startswith(SSM) else "secretsmanager"
        if service not in clients:
            clients[service] = boto3.client(service)  # type: ignore[call-overload]
        found[variable] = _value(clients[service], service, name)
    return found


def _value(client: Any, service: str, name: str) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        if service == "ssm":
            answer = client.get_parameter(Name=name.removeprefix(SSM), WithDecryption=True)
            return str(answer["Parameter"]["Value"])
        answer = client.get_secret_value(SecretId=name)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in _FOR_GOOD:
            raise ValueError(f"secret `{name}` cannot be read: {code}") from error
        raise SecretsUnavailable(f"secret `{name}`: {code}") from error
    except BotoCoreError as error:
        raise SecretsUnavailable(f"secret `{name}`: {error}") from error
    if "SecretString" not in answer:
        raise ValueError(f"secret `{name}` is not a text")
    return str(answer["SecretString"])
