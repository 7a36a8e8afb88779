"""Which deployments a command is about, and the way to them: provider and state store."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flowc.cli.local_runs import LOCAL
from flowc.deploy.model import Address
from flowc.deploy.provider import DeployError, deployer_of
from flowc.diagnostics import codes
from flowc.driver import compilation_name
from flowc.targets import find_target
from flowc_shim.contract.secrets import revealed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from flowc.cli.session import Session
    from flowc.deploy.provider import Deployer, Provider
    from flowc.loading import Choice, LoadedFlow, Place
    from flowc.source.stack_model import Stack, StoreSpec
    from flowc.target import Target
    from flowc_shim.stores.api import StateStore

DEFAULT_STORE = "sqlite:///.flowc/state.db"
STORE, STORE_OPTIONS = "FLOWC_STORE", "FLOWC_STORE_OPTIONS"
"""Where this machine reaches a store that pods reach by another name."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One flow where it is, or would be, deployed. ``deployer`` is None on this machine."""

    address: Address
    target: Target
    deployer: Deployer | None
    flow: LoadedFlow
    place: Place

    @property
    def key(self) -> str:
        """Return the deployment's name in the state store."""
        return f"{self.target.name}/{self.address.name}"

    @property
    def title(self) -> str:
        """Return what to call it."""
        return f"{self.address.name} on {self.target.name}"

    def connect(self) -> Provider:
        """Return a connection; raises DeployError for a target that nothing is deployed to."""
        if self.deployer is None:
            raise DeployError(
                f"nothing is deployed to `{self.target.name}`",
                "choose a stack for a cluster or a cloud, with `--env` or `--stack`",
            )
        return self.deployer.connect(self.address)


def deployments(
    session: Session, flows: list[str], choice: Choice, target: str | None
) -> list[Deployment]:
    """Return the deployments of the flows named, or of all flows of the project; reports."""
    loaded = _flows(session, flows)
    found = [_deployment(session, flow, choice, target) for flow in loaded]
    return [one for one in found if one is not None]


def _flows(session: Session, names: list[str]) -> list[LoadedFlow]:
    loader = session.loader
    if names:
        found = [loader.flow(name) for name in names]
        return [flow for flow in found if flow is not None]
    project = loader.project(loader.folder)
    if project is None:
        session.diagnostics.report(
            codes.UNKNOWN_NAME, "there is no `flowc.yaml` here or above", None,
            hint="name a flow, or the file of one",
        )  # fmt: skip
        return []
    found = [loader.project_flow(project, name) for name in project.flows]
    return [flow for flow in found if flow is not None]


def _deployment(
    session: Session, flow: LoadedFlow, choice: Choice, wanted: str | None
) -> Deployment | None:
    loader = session.loader
    named = find_target(wanted, session.diagnostics) if wanted else None
    place = loader.place(flow, replace(choice, target=named.name if named else None))
    if place is None or (wanted and named is None):
        return None
    target = named or find_target(place.stack.target or LOCAL, session.diagnostics)
    if target is None:
        return None
    from flowc.cli.session import check_target

    check_target(place, target, session.diagnostics)
    options = loader.options(flow, place, "step")
    name = compilation_name(flow.name, options)
    address = Address(name, flow.name, place.stack, options.project, options.branch)
    return Deployment(address, target, deployer_of(target), flow, place)


def state_store(stack: Stack) -> AbstractContextManager[StateStore]:
    """Return the state store of ``stack``, with this user's own credentials; raises DeployError."""
    return opened_store(stack.state_store)


@contextmanager
def opened_store(spec: StoreSpec | None) -> Iterator[StateStore]:
    """Yield a state store, the local default without a ``spec``; raises DeployError."""
    from flowc_shim.stores.api import StoreUnavailable
    from flowc_shim.stores.open import open_store

    url, options = store_of(spec)
    try:
        store = open_store(url, options)
    except (ValueError, StoreUnavailable) as error:
        raise DeployError(
            f"the state store cannot be opened: {error}",
            f"if it has another address from here, set {STORE} (and {STORE_OPTIONS})",
        ) from error
    try:
        yield store
    except StoreUnavailable as error:
        raise DeployError(
            f"the state store does not answer: {error}",
            "see whether your credentials reach it; nothing is lost, run the command again",
        ) from error
    finally:
        store.close()


def store_of(spec: StoreSpec | None) -> tuple[str, dict[str, str]]:
    """Return URL and options; secrets are the target's, and come from the environment here."""
    if os.environ.get(STORE):
        return os.environ[STORE], json.loads(os.environ.get(STORE_OPTIONS) or "{}")
    if spec is None:
        return DEFAULT_STORE, {}
    try:
        return spec.url, revealed(spec.options, os.environ)
    except ValueError:  # secrets that only the target has: this user has credentials of their own
        plain = {key: str(one) for key, one in spec.options.items() if not isinstance(one, dict)}
        return spec.url, plain
