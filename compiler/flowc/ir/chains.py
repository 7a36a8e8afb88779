"""Plain chains: steps of one component class that one shim process runs one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.ir.model import Call, Program, Step
from flowc.ir.own_images import CONTAINER

if TYPE_CHECKING:
    from flowc.ir.placement import Placement


def plain_chains(
    program: Program, placement: Placement, paths: list[str], *, alone: bool = False
) -> list[list[str]]:
    """Return the plain chains among ``paths``; every other step is a group of its own.

    ``alone``: so is a call of a class of type ``container``, which a process can make once.
    """
    readers: dict[str, list[str]] = {path: [] for path in paths}
    for path in paths:
        for before in program.steps[path].reads:
            if before in readers:
                readers[before].append(path)
    groups: list[list[str]] = []
    taken: set[str] = set()
    for path in paths:
        if path in taken or _link_before(program, placement, readers, path) is not None:
            continue
        group = [path]
        while (following := _link_after(program, placement, readers, group[-1])) is not None:
            if not _same_class(placement, [*group, following], alone=alone):
                break
            group.append(following)
        taken.update(group)
        groups.append(group)
    # what a class change cut off starts a group of its own
    for path in paths:
        if path not in taken:
            group = [path]
            taken.add(path)
            while (following := _link_after(program, placement, readers, group[-1])) is not None:
                if following in taken:
                    break
                if not _same_class(placement, [*group, following], alone=alone):
                    break
                group.append(following)
                taken.add(following)
            groups.append(group)
    position = {path: index for index, path in enumerate(paths)}
    return sorted(groups, key=lambda group: position[group[0]])


def _is_link(step: Step) -> bool:
    return step.plain and isinstance(step.body, Call) and step.retry is None


def _link_after(
    program: Program, placement: Placement, readers: dict[str, list[str]], path: str
) -> str | None:
    if not _is_link(program.steps[path]) or len(readers[path]) != 1:
        return None
    following = program.steps[readers[path][0]]
    if not _is_link(following):
        return None
    own_scope = [before for before in following.reads if before in readers]
    return following.path if own_scope == [path] else None


def _link_before(
    program: Program, placement: Placement, readers: dict[str, list[str]], path: str
) -> str | None:
    for before in program.steps[path].reads:
        if before in readers and _link_after(program, placement, readers, before) == path:
            return before
    return None


def _same_class(placement: Placement, group: list[str], *, alone: bool) -> bool:
    """Whether all steps are built-ins or of one and the same class, known before the run."""
    names = set()
    for path in group:
        call = placement.calls[path]
        if len(call.candidates) != 1 or call.candidates[0].conditions or call.hosts > 1:
            return False
        if alone and call.classes[0].type == CONTAINER and len(group) > 1:
            return False
        if call.classes[0].type != "builtin":
            names.add(call.classes[0].name)
    return len(names) <= 1
