"""Files that a flow, or a binding of its ports, names: whether they are there, seen from here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.cli.deploying.places import store_of
from flowc.deploy.provider import Problem
from flowc_shim.artifacts.places import beside_state, open_place, split_uri
from flowc_shim.artifacts.reference import KEY, references_in
from flowc_shim.stores.api import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.source.stack_model import Stack
    from flowc.target import Compilation


def missing_files(compilation: Compilation) -> tuple[Problem, ...]:
    """Return a problem for each file that is not there, or that cannot be asked for.

    None of them stops a deployment: what is there is asked with this user's rights, and a file may
    come before the first run.
    """
    options = _options(compilation.placement.stack)
    named = {
        str(one[KEY]) for each in compilation.family for one in references_in(each.plan.to_json())
    }
    found = (_problem(uri, options) for uri in sorted(named))
    return tuple(one for one in found if one is not None)


def _options(stack: Stack) -> Mapping[str, str]:
    """Return the options of the place where files are kept: those of all buckets that are read."""
    spec = stack.artifact_store
    if spec is None and stack.state_store is not None and beside_state(stack.state_store.url):
        spec = stack.state_store
    return {} if spec is None else store_of(spec)[1]


def _problem(uri: str, options: Mapping[str, str]) -> Problem | None:
    folder, name = split_uri(uri)
    try:
        if open_place(folder, options).has(name):
            return None
    except (StoreUnavailable, ValueError) as error:
        return Problem(
            f"whether there is a file {uri}, which the flow reads, cannot be told: {error}",
            "see whether your credentials reach it; the units have their own", stops=False,
        )  # fmt: skip
    return Problem(
        f"there is no file {uri}, which the flow reads",
        "put it there before the first run", stops=False,
    )  # fmt: skip
