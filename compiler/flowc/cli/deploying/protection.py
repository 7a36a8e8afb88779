"""Protected environments: who changes what runs there has to know its token.

The first deploy decides the token. The store holds a salted hash of it, never the token.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from typing import TYPE_CHECKING

from flowc.deploy.provider import DeployError
from flowc_shim.runner.keys import deployment_prefix
from flowc_shim.runner.rows import new_writer
from flowc_shim.stores.bodies import decode_object
from flowc_shim.stores.commit import commit

if TYPE_CHECKING:
    from flowc.cli.deploying.places import Deployment
    from flowc_shim.stores.api import StateStore

TOKEN = "FLOWC_DEPLOY_TOKEN"  # noqa: S105 (the variable's name)
_ROUNDS = 200_000


def require_token(deployment: Deployment, store: StateStore, *, decide: bool = False) -> None:
    """Raise DeployError unless the environment is open or the token is right.

    ``decide``: a deployment that has no token yet gets this one.
    """
    environment = deployment.place.environment
    if environment is None or not environment.protected:
        return
    token = os.environ.get(TOKEN)
    if not token:
        raise DeployError(
            f"environment `{environment.name}` is protected, and {TOKEN} is not set",
            f"set {TOKEN} to the token of this deployment; the first deploy decides it",
        )
    key = f"{deployment_prefix(deployment.key)}/protection"
    body = store.read(key)
    if body is None:
        if not decide:
            return
        salt = base64.b64encode(os.urandom(16)).decode()
        row = {"salt": salt, "hash": _hashed(token, salt)}
        found = commit(store, key, row, new_writer()).record
    else:
        found = decode_object(body, key)
    if not hmac.compare_digest(_hashed(token, str(found["salt"])), str(found["hash"])):
        raise DeployError(
            f"{TOKEN} is not the token of this deployment",
            "ask whoever deployed it first; `flowc releases` says who that was",
        )


def _hashed(token: str, salt: str) -> str:
    raw = hashlib.pbkdf2_hmac("sha256", token.encode(), base64.b64decode(salt), _ROUNDS)
    return base64.b64encode(raw).decode()
