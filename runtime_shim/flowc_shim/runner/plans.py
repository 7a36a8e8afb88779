"""Finding a plan by its digest, and refusing one that is not what its name says."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from flowc_shim.contract.plan import Plan
from flowc_shim.stores.commit import land

if TYPE_CHECKING:
    from flowc_shim.stores.api import StateStore


class PlanProblem(Exception):
    """The plan is missing, of another version, or not the one that was named."""


_UNREADABLE = (
    ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError,
    OSError, EOFError, zlib.error,
)  # fmt: skip
"""What reading bytes that are not a plan may raise."""


def plan_key(digest: str) -> str:
    """Return the key of a plan in the state store."""
    return f"plans/{digest}"


def publish_plan(store: StateStore, plan: Plan) -> None:
    """Put the plan where a later sweeper, and people, find it when its release is gone."""
    if store.read(plan_key(plan.digest)) is None:
        land(store, plan_key(plan.digest), json.dumps(plan.to_json()).encode())


def parse_plan(body: bytes, digest: str | None) -> Plan:
    """Return the plan in ``body`` (JSON, gzipped or not); raises PlanProblem."""
    try:
        text = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        plan = Plan.from_json(json.loads(text))
    except _UNREADABLE as error:
        raise PlanProblem(f"the plan cannot be read: {error}") from error
    if digest is not None and plan.digest != digest:
        raise PlanProblem(f"the plan's digest is {plan.digest}, not {digest}")
    return plan


def load_plan(source: str | None, digest: str, store: StateStore) -> Plan:
    """Return the plan ``digest`` from the file ``source``, or else from the state store."""
    if source:
        path = Path(source)
        if not path.exists():
            path = Path(source + ".gz")
        try:
            return parse_plan(path.read_bytes(), digest)
        except OSError as error:
            raise PlanProblem(f"{source}: {error.strerror or error}") from error
    body = store.read(plan_key(digest))
    if body is None:
        raise PlanProblem(f"the state store has no plan {digest}")
    return parse_plan(body, digest)
