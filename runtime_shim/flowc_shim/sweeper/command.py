"""``flowc-shim sweep``: one look at all open runs of the deployment, then the end."""

from __future__ import annotations

import json
import os
import sys

from flowc_shim.contract.verdict import ExitCode
from flowc_shim.engines.api import EngineUnavailable
from flowc_shim.runner.plans import PlanProblem, load_plan, publish_plan
from flowc_shim.runner.session import DEPLOYMENT, PLAN, open_store_of
from flowc_shim.stores.api import StoreUnavailable
from flowc_shim.sweeper.sweep import RETENTION, sweep

FAILED = 1


def run_sweep(plan: str, retention: float | None = None) -> int:
    """Sweep, and print what was done; 1 if something has to be tried again."""
    from flowc_shim.engines.kube_api import inside
    from flowc_shim.engines.kubernetes import Kubernetes

    kept = RETENTION if retention is None else retention
    try:
        engine = Kubernetes(inside())
        store = open_store_of(os.environ)
        try:
            publish_plan(store, load_plan(os.environ.get(PLAN), plan, store))
            found = sweep(store, os.environ[DEPLOYMENT], engine, os.environ, retention=kept)
        finally:
            store.close()
    except (PlanProblem, ValueError, KeyError) as error:
        print(f"flowc-shim: {error}", file=sys.stderr)  # noqa: T201 (the container's log)
        return ExitCode.CONTRACT
    except (EngineUnavailable, StoreUnavailable) as error:
        print(f"flowc-shim: {error}", file=sys.stderr)  # noqa: T201
        return FAILED
    print(json.dumps(found.to_json()))  # noqa: T201
    return FAILED if found.failed else 0
