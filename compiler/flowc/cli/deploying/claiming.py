"""One deployment per name in a state store: whose its records are is written down there.

Runs, releases and what the sweeper looks after are found by the deployment's name. Two of one name,
in two namespaces or accounts, would take each other's runs for dead, and end them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.deploy.provider import DeployError
from flowc_shim.runner.keys import deployment_prefix
from flowc_shim.runner.rows import new_writer
from flowc_shim.stores.bodies import decode_object
from flowc_shim.stores.commit import commit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.cli.deploying.places import Deployment
    from flowc.deploy.provider import Provider
    from flowc_shim.stores.api import StateStore


def require_place(
    deployment: Deployment, provider: Provider, store: StateStore, *, claim: bool = False
) -> None:
    """Raise DeployError if the deployment of this name is at another place.

    ``claim``: one that is nowhere yet is here from now on.
    """
    key, here = _key(deployment), provider.identity()
    body = store.read(key)
    if body is None and not claim:
        return
    if body is None:
        there = commit(store, key, {"place": dict(here)}, new_writer()).record["place"]
    else:
        there = decode_object(body, key)["place"]
    assert isinstance(there, dict)
    # A part that one of them could not find out says nothing.
    if any(str(there.get(part, value)) != value for part, value in here.items()):
        raise DeployError(
            f"the records of {deployment.title} in this state store are of {_words(there)}, "
            f"and this is {_words(here)}",
            "give one of them a `state_store` with another prefix, or another project or branch; "
            f"if that one is gone for good, delete `{key}` in the store",
        )


def release_place(deployment: Deployment, store: StateStore) -> None:
    """Let the name be deployed elsewhere: nothing of it is left here."""
    store.delete(_key(deployment))


def _key(deployment: Deployment) -> str:
    return f"{deployment_prefix(deployment.key)}/place"


def _words(place: Mapping[str, object]) -> str:
    return ", ".join(f"{part} {value}" for part, value in place.items()) or "another place"
