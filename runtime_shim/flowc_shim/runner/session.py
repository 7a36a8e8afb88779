"""Opening everything a shim process needs from its environment variables."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flowc_shim.artifacts.places import beside_state
from flowc_shim.aws_secrets import with_secrets
from flowc_shim.blob_api.address import URL, blob_api_url
from flowc_shim.components.pool import ClientPool
from flowc_shim.contract.secrets import revealed
from flowc_shim.runner.gang import gang_of
from flowc_shim.runner.journal import Journal
from flowc_shim.runner.plans import load_plan
from flowc_shim.runner.runtime import LONGEST_HELD_WAIT, Runtime
from flowc_shim.runner.variables import Variables
from flowc_shim.stores.open import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc_shim.contract.plan import Plan
    from flowc_shim.runner.places import Places
    from flowc_shim.stores.api import StateStore

PLAN = "FLOWC_PLAN"
STORE = "FLOWC_STORE"
STORE_OPTIONS = "FLOWC_STORE_OPTIONS"
VERDICT = "FLOWC_VERDICT"
ARTIFACTS = "FLOWC_ARTIFACTS"
ARTIFACT_OPTIONS = "FLOWC_ARTIFACT_OPTIONS"
RUN_INPUT = "FLOWC_RUN_INPUT"
RUN_TRIGGER = "FLOWC_RUN_TRIGGER"
RUN_START = "FLOWC_RUN_START"
"""JSON: ``tags``, and ``input_key`` where the input is in the store, too large for the engine."""

RUN_STARTED = "FLOWC_RUN_STARTED"
RUN_NAME = "FLOWC_RUN_NAME"
DEPLOYMENT = "FLOWC_DEPLOYMENT"
"""``<target>/<name>`` of what the run is of."""

STARTS = "FLOWC_STARTS"
"""JSON: how runs of detached flows are started (:mod:`flowc_shim.runner.starts`)."""

PLACES = "FLOWC_PLACES"
"""The name of the PodTemplate of the places in which calls are made, if they are made in several
(:mod:`flowc_shim.runner.places`)."""

VARIABLES = "FLOWC_VARIABLES"
HOLD_WAITS = "FLOWC_HOLD_WAITS"
TURN_SECONDS = "FLOWC_TURN_SECONDS"
WORKING_DIRECTORY = "FLOWC_WORKING_DIRECTORY"


@contextmanager
def open_session(
    digest: str, run: str, environ: Mapping[str, str] | None = None
) -> Iterator[Runtime]:
    """Yield the runtime of one unit, and close its clients and store afterwards.

    Raises PlanProblem, ValueError for a store URL that is not known or a secret that is not there,
    StoreUnavailable.
    """
    env = with_secrets(os.environ if environ is None else environ)
    store = open_store_of(env)
    try:
        plan = load_plan(env.get(PLAN), digest, store)
        pool = ClientPool(
            plan.classes,
            blob_api_url=blob_api_url(env),
            working_directory=env.get(WORKING_DIRECTORY, "."),
            environ=env,
        )
        try:
            yield make_runtime(plan, store, run, pool, env)
        finally:
            pool.close()
    finally:
        store.close()


def open_store_of(env: Mapping[str, str]) -> StateStore:
    """Return the state store that the environment names; raises ValueError, StoreUnavailable."""
    env = with_secrets(env)
    options = revealed(json.loads(env.get(STORE_OPTIONS, "{}")), env)
    return open_store(env.get(STORE, "sqlite:///.flowc/state.db"), options)


def artifact_store_of(env: Mapping[str, str]) -> tuple[str | None, Mapping[str, str]]:
    """Return URL and options of the artifact store: its own, or beside the state in a bucket.

    Raises ValueError for a secret without a value.
    """
    url = env.get(ARTIFACTS)
    if url is not None:
        return url, revealed(json.loads(env.get(ARTIFACT_OPTIONS, "{}")), env)
    beside = beside_state(env.get(STORE, ""))
    return beside, revealed(json.loads(env.get(STORE_OPTIONS, "{}")), env) if beside else {}


def make_runtime(
    plan: Plan, store: StateStore, run: str, pool: ClientPool, env: Mapping[str, str]
) -> Runtime:
    """Return the runtime of ``run`` over what is already open."""
    journal = Journal(store, run)
    return Runtime(
        plan=plan,
        journal=journal,
        clients=pool,
        variables=Variables(plan.variables, json.loads(env.get(VARIABLES, "{}")), env),
        run_name=env.get(RUN_NAME, run),
        deployment=env.get(DEPLOYMENT, ""),
        hold_waits=float(env.get(HOLD_WAITS, LONGEST_HELD_WAIT)),
        artifact_store=artifact_store_of(env),
        shares_blobs=URL in env,
        turn_seconds=float(env[TURN_SECONDS]) if TURN_SECONDS in env else None,
        starts=env.get(STARTS, ""),
        gang=gang_of(env, store, run),
        places=_places(env, store, run),
    )


def _places(env: Mapping[str, str], store: StateStore, run: str) -> Places | None:
    if PLACES not in env:
        return None
    from flowc_shim.runner.places import places_of

    return places_of(env[PLACES], env, store, run)
