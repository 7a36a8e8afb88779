"""Secret variables on AWS: read from Secrets Manager when a unit starts, and written nowhere.

Lambda cannot map a secret to an environment variable, and what stands in a function's or a job's
definition can be read by whoever may look at it.
"""

from __future__ import annotations

import json
import time
from functools import lru_cache
from typing import TYPE_CHECKING

from flowc_shim.runner.session import AWS_SECRETS

if TYPE_CHECKING:
    from collections.abc import Mapping

KEPT_SECONDS = 300
"""How long a process believes what it read: a secret that was rotated is seen after that."""


def with_secrets(env: Mapping[str, str]) -> Mapping[str, str]:
    """Return ``env`` and the variables whose secrets it names; raises botocore's errors."""
    named: dict[str, str] = json.loads(env.get(AWS_SECRETS) or "{}")
    if not named:
        return env
    lately = int(time.monotonic() // KEPT_SECONDS)
    return {**env, **{variable: _read(name, lately) for variable, name in named.items()}}


@lru_cache(maxsize=64)
def _read(name: str, _lately: int) -> str:
    import boto3

    return str(boto3.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"])
