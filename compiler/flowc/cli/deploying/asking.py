"""``flowc check --live``: what a deploy asks target and state store before its first write."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from flowc.cli.deploying.failing import guarded, say_problems
from flowc.cli.deploying.named_files import missing_files
from flowc.cli.deploying.places import state_store
from flowc.cli.deploying.planning import prepare
from flowc.cli.session import Session
from flowc.deploy.provider import DeployError
from flowc_shim.stores.probe import probe

if TYPE_CHECKING:
    from flowc.cli.deploying.planning import Asked, Prepared
    from flowc_shim.stores.api import StateStore


def ask_live(asked: Asked) -> int:
    """Ask; 0 if a deploy would go on. Nothing is written but the store's own probe."""
    session = Session(asked.lenient)
    prepared = prepare(asked, session)
    if session.report(asked.format) or not prepared:
        return 1
    codes = [guarded(partial(_ask, one, asked.format), asked.format) for one in prepared]
    return max(codes)


def _ask(prepared: Prepared, format: str) -> int:
    provider = prepared.deployment.connect()
    try:
        if say_problems(provider.preflight(prepared.desired), format):
            return 1
    finally:
        provider.close()
    with state_store(prepared.deployment.address.stack) as store:
        require_promises(store)
    say_problems(missing_files(prepared.compilation), format)
    if format == "human":
        print(f"{prepared.deployment.title}: {provider.place} is ready")
    return 0


def require_promises(store: StateStore) -> None:
    """Raise DeployError unless a store keeps conditional writes, tried under a key of their own."""
    wrong = probe(store)
    if wrong:
        raise DeployError(
            f"the state store does not keep its promises: {wrong[0]}",
            "use a store that honours conditional writes: two shims would each believe themselves",
        )
