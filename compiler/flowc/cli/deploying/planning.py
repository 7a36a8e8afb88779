"""``flowc plan``: what a deploy would do; reads the target and the store, and writes nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flowc.cli.deploying.claiming import require_place
from flowc.cli.deploying.compare import Comparison, compare
from flowc.cli.deploying.failing import guarded
from flowc.cli.deploying.places import Deployment, deployments, state_store
from flowc.cli.deploying.release_store import releases
from flowc.cli.deploying.rendering import plan_json, plan_text
from flowc.cli.session import Session
from flowc.diagnostics import codes

if TYPE_CHECKING:
    from pathlib import Path

    from flowc.deploy.model import Desired
    from flowc.loading import Choice
    from flowc.target import Compilation
    from flowc_shim.stores.api import StateStore

DIFFERS = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says."""

    flows: tuple[str, ...]
    choice: Choice
    target: str | None = None
    granularity: str = "step"
    format: str = "human"
    lenient: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """A deployment whose flow is compiled: what it wants."""

    deployment: Deployment
    compilation: Compilation
    desired: tuple[Desired, ...]


def prepare(asked: Asked, session: Session) -> list[Prepared]:
    """Return what is to be deployed, compiled; nothing if there was any error (reported)."""
    wanted = deployments(session, list(asked.flows), asked.choice, asked.target)
    found = [_compiled(one, asked, session) for one in wanted]
    ready = [one for one in found if one is not None]
    return [] if session.diagnostics.has_errors else ready


def _compiled(deployment: Deployment, asked: Asked, session: Session) -> Prepared | None:
    name = deployment.target.name
    if deployment.deployer is None:
        session.diagnostics.report(
            codes.UNSUPPORTED, f"nothing is deployed to `{name}`", deployment.place.stack.span,
            hint="choose a stack for a cluster or a cloud, with `--env` or `--stack`",
        )  # fmt: skip
        return None
    choice = replace(asked.choice, target=name)
    compilation = session.compile_loaded(deployment.flow, choice, name, asked.granularity)
    if compilation is None:
        return None
    return Prepared(deployment, compilation, deployment.deployer.desired(compilation))


def run_plan(asked: Asked, against: Path | None) -> int:
    """Print what a deploy would do; 0 if nothing, 3 if anything, 1 after errors."""
    session = Session(asked.lenient)
    prepared = prepare(asked, session)
    code = session.report(asked.format if asked.format == "json" else "human")
    if code or not prepared:
        return 1

    def work() -> int:
        found = [
            compare_live(one) if against is None else _against(one, against) for one in prepared
        ]
        show(found, asked.format)
        return DIFFERS if any(one.differs for one in found) else 0

    return guarded(work, asked.format)


def show(found: list[Comparison], format: str) -> None:
    """Print plans."""
    if format == "json":
        print(json.dumps([plan_json(one) for one in found], indent=2, ensure_ascii=False))
    else:
        print("\n\n".join(plan_text(one) for one in found))


def compare_live(prepared: Prepared) -> Comparison:
    """Return how one deployment differs from what is there."""
    provider = prepared.deployment.connect()
    try:
        with state_store(prepared.deployment.address.stack) as store:
            require_place(prepared.deployment, provider, store)
            observed = provider.observe(prepared.desired)
            before = live_plan(store, prepared.deployment)
            return compare(
                prepared.deployment, prepared.compilation, prepared.desired, observed,
                provider.place, store, before,
            )  # fmt: skip
    finally:
        provider.close()


def live_plan(store: StateStore, deployment: Deployment) -> str:
    """Return the digest of the plan that was deployed last, empty if none was."""
    applied = [one for one in releases(store, deployment.key) if one.applied is not None]
    return applied[-1].plan if applied else ""


def _against(prepared: Prepared, folder: Path) -> Comparison:
    from flowc.deploy.provider import DeployError

    if not folder.is_dir():
        raise DeployError(f"`{folder}` is no folder", "give what `flowc build` wrote once")
    files = {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    deployer = prepared.deployment.deployer
    assert deployer is not None, "it was prepared"
    observed = deployer.written(files)
    return compare(
        prepared.deployment, prepared.compilation, prepared.desired, observed, f"`{folder}`",
        None, "",
    )  # fmt: skip
