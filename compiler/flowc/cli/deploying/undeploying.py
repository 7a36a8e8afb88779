"""``flowc undeploy``: everything on the target goes; with ``--purge``, what is stored as well."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from flowc.cli.deploying.applying import delete
from flowc.cli.deploying.claiming import release_place, require_place
from flowc.cli.deploying.confirming import confirm
from flowc.cli.deploying.failing import guarded
from flowc.cli.deploying.places import Deployment, deployments, state_store
from flowc.cli.deploying.protection import require_token
from flowc.cli.deploying.release_store import begin, complete, git_commit, releases
from flowc.cli.reporting import say
from flowc.cli.session import Session
from flowc.deploy.changes import changes
from flowc.deploy.model import Kind
from flowc.deploy.provider import DeployError, RunState

if TYPE_CHECKING:
    from flowc.cli.deploying.planning import Asked
    from flowc.deploy.provider import Provider
    from flowc_shim.stores.api import StateStore


def run_undeploy(asked: Asked, *, yes: bool, purge: bool) -> int:
    """Take flows down; 0 if all of it is gone, or goes once the runs under way have ended."""
    session = Session(asked.lenient)
    wanted = deployments(session, list(asked.flows), asked.choice, asked.target)
    if session.report("human") or not wanted:
        return 1
    for one in wanted:
        code = guarded(partial(_undeploy, one, asked, yes, purge), asked.format)
        if code:
            return code
    return 0


def _undeploy(deployment: Deployment, asked: Asked, yes: bool, purge: bool) -> int:
    provider = deployment.connect()
    try:
        with state_store(deployment.address.stack) as store:
            require_token(deployment, store)
            require_place(deployment, provider, store)
            if purge:
                _refuse_unfinished(deployment, provider)
            found = changes((), provider.observe(()))
            going = [one for one in found if one.kind is Kind.DELETE]
            if not going and not purge:
                if not found:
                    release_place(deployment, store)
                kept = f", {len(found)} objects stay" if found else ""
                say(f"nothing of {deployment.title} is there to be taken down{kept}")
                return 0
            question = _question(deployment, len(going), purge)
            code = 0 if yes else confirm(question, "take it down with `--yes`")
            if code:
                return code
            if going:
                _take_down(deployment, provider, store)
            if purge:
                provider.forget_runs()
                _purge(store, deployment)
            _print(asked, deployment, len(going), purge)
            return 0
    finally:
        provider.close()


def _take_down(deployment: Deployment, provider: Provider, store: StateStore) -> None:
    release = begin(store, deployment.key, "", "", git_commit(deployment.flow.path.parent))
    delete(provider, changes((), provider.observe(())))
    if not provider.observe(()):
        release_place(deployment, store)
    complete(store, deployment.key, release)


def _refuse_unfinished(deployment: Deployment, provider: Provider) -> None:
    unfinished = list(provider.runs((RunState.PENDING, RunState.RUNNING)))
    if unfinished:
        raise DeployError(
            f"{len(unfinished)} runs of {deployment.title} are not finished, {unfinished[0].name} "
            "for one",
            "wait for them, or stop them with `flowc stop`, then purge",
        )


def _purge(store: StateStore, deployment: Deployment) -> None:
    """Delete everything that is stored about the deployment and its runs."""
    from flowc_shim.sweeper.sweep import forget_all

    plans = {one.plan for one in releases(store, deployment.key) if one.plan}
    count = forget_all(store, deployment.key, sorted(plans))
    say(f"  - {count} runs in the state store")


def _question(deployment: Deployment, count: int, purge: bool) -> str:
    also = ", and everything that is stored of its runs" if purge else ""
    return f"Delete {count} objects of {deployment.title}{also}?"


def _print(asked: Asked, deployment: Deployment, count: int, purge: bool) -> None:
    if asked.format == "json":
        said = {"deployment": deployment.address.name, "deleted": count, "purged": purge}
        print(json.dumps(said, ensure_ascii=False))
    else:
        print(f"{deployment.title} is down: {count} objects deleted")
