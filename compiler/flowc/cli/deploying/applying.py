"""``flowc deploy``: from files to production, in an order that may be interrupted anywhere.

Compile, compare, ask; then: claim a release, put the plan into the store, write what is additive,
switch, write what follows, see whether all of it is there, delete what nobody needs, record. Until
the switch the old release runs untouched. Whatever is interrupted is done again by the same
command, which finds what is there already.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from flowc.cli.deploying.asking import require_promises
from flowc.cli.deploying.claiming import require_place
from flowc.cli.deploying.compare import compare
from flowc.cli.deploying.confirming import confirm
from flowc.cli.deploying.failing import guarded, say_problems
from flowc.cli.deploying.named_files import missing_files
from flowc.cli.deploying.places import state_store
from flowc.cli.deploying.planning import Asked, Prepared, live_plan, prepare, show
from flowc.cli.deploying.protection import require_token
from flowc.cli.deploying.release_store import (
    begin,
    complete,
    git_commit,
    is_newest,
    releases,
)
from flowc.cli.reporting import say
from flowc.cli.session import Session
from flowc.deploy.changes import changes
from flowc.deploy.model import Kind, Phase
from flowc.deploy.provider import DeployError
from flowc.deploy.releases import digest_of
from flowc_shim.runner.plans import plan_key
from flowc_shim.stores.commit import land

if TYPE_CHECKING:
    from flowc.cli.deploying.compare import Comparison
    from flowc.deploy.model import Change
    from flowc.deploy.provider import Provider
    from flowc.deploy.releases import Release
    from flowc_shim.stores.api import StateStore

HOW = "look at `flowc plan`, and deploy with `--yes`"


@dataclass(slots=True)
class _Deploy:
    """One deployment under way."""

    prepared: Prepared
    provider: Provider
    store: StateStore

    @property
    def key(self) -> str:
        return self.prepared.deployment.key

    def comparison(self) -> Comparison:
        observed = self.provider.observe(self.prepared.desired)
        return compare(
            self.prepared.deployment, self.prepared.compilation, self.prepared.desired, observed,
            self.provider.place, self.store, live_plan(self.store, self.prepared.deployment),
        )  # fmt: skip

    def is_done(self, found: Comparison) -> bool:
        """Whether this very release was recorded, and is there."""
        known = releases(self.store, self.key)
        digest = digest_of(self.prepared.desired)
        return (
            not found.differs
            and bool(known)
            and known[-1].applied is not None
            and known[-1].digest == digest
        )

    def apply(self, found: Comparison) -> Release:
        plan = self.prepared.compilation.plan
        flow = self.prepared.deployment.flow
        commit = git_commit(flow.path.parent)
        release = begin(self.store, self.key, digest_of(self.prepared.desired), plan.digest, commit)
        land(self.store, plan_key(plan.digest), json.dumps(plan.to_json()).encode())
        removals = (Kind.DELETE, Kind.KEEP)
        for change in (one for one in found.changes if one.kind not in removals):
            if change.desired is not None and change.desired.phase is Phase.SWITCH:
                self._still_newest(release)
            _say(change)
            self.provider.apply(change)
        self._finish()
        complete(self.store, self.key, release)
        return release

    def _still_newest(self, release: Release) -> None:
        if not is_newest(self.store, self.key, release):
            raise DeployError(
                f"somebody else began to deploy {self.prepared.deployment.title}",
                "wait for that to end, look at `flowc plan`, and deploy again if it is needed",
            )

    def _finish(self) -> None:
        """See that everything is as desired, then delete what nobody needs."""
        left = changes(self.prepared.desired, self.provider.observe(self.prepared.desired))
        wrong = [one for one in left if one.kind in (Kind.CREATE, Kind.UPDATE)]
        if wrong:
            paths = ", ".join(field.path for field in wrong[0].fields[:3])
            raise DeployError(
                f"{wrong[0].ref} is not as it was written{': ' + paths if paths else ''}",
                "somebody changes it at the same time; deploy again",
            )
        delete(self.provider, left)


def delete(provider: Provider, found: tuple[Change, ...]) -> None:
    """Delete what is to be deleted, and say what stays for now."""
    for change in found:
        if change.kind is Kind.DELETE:
            _say(change)
            provider.delete(change)
        elif change.kind is Kind.KEEP and change.observed is not None:
            say(f"  = {change.ref} stays: {change.observed.needed_by}")


def _say(change: Change) -> None:
    words = {Kind.CREATE: "+", Kind.UPDATE: "~", Kind.DELETE: "-"}
    say(f"  {words[change.kind]} {change.ref}")


def run_deploy(asked: Asked, *, yes: bool, dry_run: bool) -> int:
    """Deploy flows; 0 if they are there as desired, 1 after errors, 2 if nobody could be asked."""
    session = Session(asked.lenient)
    prepared = prepare(asked, session)
    code = session.report(asked.format if asked.format == "json" else "human")
    if code or not prepared:
        return 1
    for one in prepared:
        code = guarded(partial(_deploy, one, asked, yes, dry_run), asked.format)
        if code:
            return code
    return 0


def _deploy(prepared: Prepared, asked: Asked, yes: bool, dry_run: bool) -> int:
    provider = prepared.deployment.connect()
    try:
        with state_store(prepared.deployment.address.stack) as store:
            work = _Deploy(prepared, provider, store)
            if not dry_run:
                require_token(prepared.deployment, store)
            require_place(prepared.deployment, provider, store)
            if say_problems(provider.preflight(prepared.desired), asked.format):
                return 1
            say_problems(missing_files(prepared.compilation), asked.format)
            found = work.comparison()
            if work.is_done(found):
                _print(asked, found, None)
                return 0
            if asked.format != "json" or dry_run:
                show([found], asked.format)
            if dry_run:
                return 0
            code = 0 if yes else confirm(f"Deploy {found.title}?", HOW)
            if code:
                return code
            require_promises(store)
            require_token(prepared.deployment, store, decide=True)
            require_place(prepared.deployment, provider, store, claim=True)
            release = work.apply(found)
            _print(asked, found, release)
            return 0
    finally:
        provider.close()


def _print(asked: Asked, found: Comparison, release: Release | None) -> None:
    number = None if release is None else release.number
    if asked.format == "json":
        said = {"deployment": found.name, "target": found.target, "release": number}
        print(json.dumps(said, ensure_ascii=False))
    elif release is None:
        print(f"{found.title} is as it should be; nothing was written")
    else:
        print(f"{found.title}: release {number}")
