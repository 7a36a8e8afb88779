"""Finding targets: entry points of the group ``flowc.targets``, loaded when one is asked for."""

from __future__ import annotations

from difflib import get_close_matches
from functools import lru_cache
from importlib import metadata
from typing import TYPE_CHECKING, cast

from flowc.diagnostics import Diagnostics, codes
from flowc.source.foreign_names import foreign_target

if TYPE_CHECKING:
    from flowc.diagnostics import Span
    from flowc.target import Target

GROUP = "flowc.targets"
ALIASES = {"kubernetes": "argo", "aws": "step-functions", "stepfunctions": "step-functions"}
"""Other words for targets, read in stack files and on the command line alike."""


def canonical_name(name: str) -> str:
    """Return the entry point's name of a target that may be written in another word."""
    return ALIASES.get(name, name.replace("_", "-"))


@lru_cache(maxsize=1)
def _own() -> dict[str, metadata.EntryPoint]:
    """Return the entry points of flowc's own distribution: one file to read, not all of them."""
    try:
        found = metadata.distribution("flowc").entry_points
    except metadata.PackageNotFoundError:
        return {}
    return {entry.name: entry for entry in found if entry.group == GROUP}


@lru_cache(maxsize=1)
def _installed() -> dict[str, metadata.EntryPoint]:
    """Return the entry points of everything installed, flowc's own before others'."""
    return {entry.name: entry for entry in metadata.entry_points(group=GROUP)} | _own()


def target_names() -> list[str]:
    """Return the names of all targets, sorted."""
    return sorted(_installed())


def find_target(name: str, diagnostics: Diagnostics, at: Span | None = None) -> Target | None:
    """Return the target called ``name``, or None (reported, with the known names)."""
    name = canonical_name(name)
    entry = _own().get(name) or _installed().get(name)
    if entry is None:
        foreign = foreign_target(name)
        if foreign is not None:
            message = f"`{name}` {foreign.reason}"
            diagnostics.report(codes.UNKNOWN_TARGET, message, at, hint=foreign.hint)
            return None
        known = target_names()
        near = get_close_matches(name, known, n=1)
        listed = ", ".join(f"`{known_name}`" for known_name in known)
        diagnostics.report(
            codes.UNKNOWN_TARGET,
            f"`{name}` is not a target",
            at,
            hint=f"write `{near[0]}`; known targets: {listed}" if near else f"targets: {listed}",
        )
        return None
    return _load(entry, diagnostics)


def _load(entry: metadata.EntryPoint, diagnostics: Diagnostics) -> Target | None:
    try:
        return cast("Target", entry.load())
    except (ImportError, AttributeError) as error:
        diagnostics.report(
            codes.UNKNOWN_TARGET,
            f"target `{entry.name}` cannot be loaded: {error}",
            None,
            hint="install what it needs, or install flowc again",
        )
        return None


def all_targets(diagnostics: Diagnostics) -> list[Target]:
    """Return every target that can be loaded, by name; the others are reported."""
    found = [find_target(name, diagnostics) for name in target_names()]
    return [target for target in found if target is not None]
