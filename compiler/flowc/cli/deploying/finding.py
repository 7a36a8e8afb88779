"""From what a person calls a run to the run: its key, its name, or how its key begins."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc.deploy.provider import DeployError
from flowc_shim.runner import keys
from flowc_shim.runner.journal import Journal

if TYPE_CHECKING:
    from flowc.cli.deploying.places import Deployment
    from flowc.deploy.provider import Provider
    from flowc_shim.stores.api import StateStore


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A run and the deployment that it is of."""

    run: str
    deployment: Deployment


def find_run(
    store: StateStore, wanted: str, among: list[Deployment], providers: dict[str, Provider]
) -> FoundRun:
    """Return the run called ``wanted``; of several of one name the newest; raises DeployError."""
    key = named_run(store, wanted)
    by_key = {one.key: one for one in among}
    if key is not None:
        of = str(Journal(store, key).header().get("deployment") or "")
        if of in by_key:
            return FoundRun(key, by_key[of])
        raise DeployError(
            f"run `{wanted}` is of `{of or 'no deployment'}`, which is not looked at here",
            "choose its environment with `--env`, or its stack with `--stack`",
        )
    for name, provider in providers.items():
        found = provider.run(wanted)
        if found is not None:
            return FoundRun(found.key, by_key[name])
    raise DeployError(f"there is no run `{wanted}`", "`flowc runs` lists them")


def named_run(store: StateStore, wanted: str) -> str | None:
    """Return the key of the run of that key or name, the newest if there are several."""
    if store.read(keys.header_key(wanted)) is not None:
        return wanted
    prefix = keys.alias_key(wanted, "x").rpartition("/")[0]
    bodies = store.read_many(list(store.list(prefix)))
    named = [str(json.loads(body)["run"]) for body in bodies.values()]
    return max(named, key=lambda run: Journal(store, run).header().get("started", 0), default=None)
