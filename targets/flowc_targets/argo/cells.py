"""Cells and segments: what stays together in one DAG template, and how long graphs are cut.

A cell is a unit with its guard, or a loop with its three tasks. A scope of more than
``TASKS_PER_DAG`` tasks is cut into *segments*, DAG templates of their own that are the tasks of the
scope's DAG. Cutting adds order (a unit waits for all of an earlier segment, not only for what it
reads), so the cut follows the shape: parts that have nothing to do with each other never share an
order, and within a part the cut runs between levels, so that units that could run at the same time
still do. What a cut changes about failures:

* An unhandled failure fails its segment, and later segments that read it are omitted, with units
  in them that do not read the failed one. Under ``failAfterRunning`` nothing new starts in a
  failing scope anyway; they are recorded as ``not_started``, as they would be without the cut.
* A failure that may become a value must not fail its segment: it is settled inside
  (:mod:`flowc_targets.argo.dags`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc.ir.graph import depths
from flowc_targets.argo.limits import TASKS_PER_DAG

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc.ir.layout import Layout, Unit

SETTLES_PER_TASK = 16
"""Dead units that one task settles: each is an input parameter of its template."""

_ROOM = TASKS_PER_DAG - TASKS_PER_DAG // SETTLES_PER_TASK - 1
"""Tasks of a segment besides those that settle."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Units that share a DAG. ``id``: of the unit, or the loop's path; ``after``: other cells."""

    id: str
    units: tuple[Unit, ...]
    after: tuple[str, ...]
    tasks: int


@dataclass(frozen=True, slots=True)
class Segment:
    """Cells of one DAG template; ``after``: indices of segments that end before it starts."""

    cells: tuple[Cell, ...]
    after: tuple[int, ...] = ()


def guarded(unit: Unit) -> bool:
    """Whether a light task asks for the unit before its pod is started (engine rule 1)."""
    return unit.heavy and unit.may_not_start


def cells_of(layout: Layout, scope: str) -> list[Cell]:
    """Return the cells of ``scope`` in an order that respects what they come after."""
    cell_of = {facts.close: facts.path for facts in layout.loops.values()}
    cell_of |= {facts.close: facts.path for facts in layout.whiles.values()}
    found = []
    for unit_id in layout.scopes[scope]:
        unit = layout.units[unit_id]
        if unit.kind == "close":
            continue  # with its opening: nothing else can come between the two
        after = tuple(dict.fromkeys(cell_of.get(before, before) for before in unit.after))
        facts = layout.opened_by(unit_id)
        if facts is not None:
            units = (unit, layout.units[facts.close])
            found.append(Cell(facts.path, units, after, tasks=3))
        else:
            tasks = 2 if guarded(unit) or unit.kind == "next" else 1
            found.append(Cell(unit_id, (unit,), after, tasks))
    return found


def segments_of(cells: Sequence[Cell]) -> list[Segment]:
    """Return one segment if all fits into one DAG, else several."""
    handled = sum(unit.handled for cell in cells for unit in cell.units)
    if sum(cell.tasks for cell in cells) + -(-handled // SETTLES_PER_TASK) <= TASKS_PER_DAG:
        return [Segment(tuple(cells))]
    small: list[list[Cell]] = []
    groups: list[list[Cell]] = []
    for part in _parts(cells):
        bands = _bands(part)
        if len(bands) == 1:
            small.append(part)
        else:
            groups.extend(bands)
    return _linked([*groups, *_pack(small)])


def _parts(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Return the weakly connected parts, each in the given order."""
    root = {cell.id: cell.id for cell in cells}

    def find(id: str) -> str:
        while root[id] != id:
            root[id] = root[root[id]]
            id = root[id]
        return id

    for cell in cells:
        for before in cell.after:
            root[find(cell.id)] = find(before)
    parts: dict[str, list[Cell]] = {}
    for cell in cells:
        parts.setdefault(find(cell.id), []).append(cell)
    return list(parts.values())


def _bands(part: list[Cell]) -> list[list[Cell]]:
    """Cut a part between levels; a level that is too large is cut into several of its own."""
    if sum(cell.tasks for cell in part) <= _ROOM:
        return [part]
    depth = depths({cell.id: cell.after for cell in part})
    levels: dict[int, list[Cell]] = {}
    for cell in part:
        levels.setdefault(depth[cell.id], []).append(cell)
    bands: list[list[Cell]] = []
    room = 0
    for level in (levels[number] for number in sorted(levels)):
        size = sum(cell.tasks for cell in level)
        if bands and size <= room:
            bands[-1].extend(level)
            room -= size
        else:
            bands.extend(_pack([[cell] for cell in level]))
            room = _ROOM - size if size <= _ROOM else 0
    return bands


def _pack(groups: Sequence[list[Cell]]) -> list[list[Cell]]:
    """Join neighbouring groups as long as they fit; each of them fits by itself."""
    packed: list[list[Cell]] = []
    room = 0
    for group in groups:
        size = sum(cell.tasks for cell in group)
        if not packed or size > room:
            packed.append([])
            room = _ROOM
        packed[-1].extend(group)
        room -= size
    return packed


def _linked(groups: list[list[Cell]]) -> list[Segment]:
    place: Mapping[str, int] = {
        cell.id: index for index, group in enumerate(groups) for cell in group
    }
    return [
        Segment(
            tuple(group),
            tuple(sorted({place[b] for cell in group for b in cell.after} - {index})),
        )
        for index, group in enumerate(groups)
    ]
