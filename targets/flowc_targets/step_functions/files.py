"""The files of a compilation, and the objects in files that were written once."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from flowc.deploy.model import Desired, Observed, Phase, Ref
from flowc.detached import flow_name
from flowc_targets.step_functions.deploy.class_objects import class_objects
from flowc_targets.step_functions.deploy.objects import OBJECT, STATE_MACHINE, objects
from flowc_targets.step_functions.parts import possible_parts
from flowc_targets.step_functions.release import Release

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.target import Compilation

MACHINE_FILE = "state-machine.asl.json"
PLAN_FILE = "plan.json"
OBJECTS_FILE = "objects.json"
_IN_FILES = {(STATE_MACHINE, "Definition"): (MACHINE_FILE, 2), (OBJECT, "Json"): (PLAN_FILE, 1)}
"""Parts of bodies that have a file of their own: kind and key → file, and its indentation. Those of
a detached flow have its name before that."""


def files(compilation: Compilation) -> dict[str, str]:
    """Return file name → text: every object, the machine and the plan in files of their own."""
    found: dict[str, str] = {}
    entries = []
    for name, shared in class_objects(compilation).items():
        found[f"class-{name}.json"] = text_of([_entry(one, one.body) for one in shared], 2)
    detached = _detached(compilation)
    for one in objects(compilation):
        body = dict(one.body)
        for key in body:
            file, indent = _IN_FILES.get((one.ref.kind, key), ("", 0))
            if file:
                flow = detached.get(one.ref.name.rpartition("/")[2])
                file = f"{flow}.{file}" if flow else file
                found[file] = text_of(body[key], indent)
                body[key] = {"$file": file}
        entries.append(_entry(one, body))
    return {**found, OBJECTS_FILE: text_of(entries, 2)}


def _detached(compilation: Compilation) -> dict[str, str]:
    """Return the names of detached flows and of parts, by those of their machines and plans.

    A part that is no machine of its own has a name here that nothing is called by.
    """
    release = Release.of(compilation)
    found: dict[str, str] = {}
    for one in compilation.family:
        name = "" if one is compilation else flow_name(one)
        if name:
            found |= {release.machine(one): name, one.plan.digest: name}
        for path in possible_parts(one):
            found[release.part(one, path)] = ".".join(filter(None, [name, *path.split("/")]))
    return found


def _entry(one: Desired, body: Mapping[str, Any]) -> dict[str, Any]:
    phase = {} if one.phase is Phase.ADDITIVE else {"phase": one.phase.name.lower()}
    return {"kind": one.ref.kind, "name": one.ref.name, **phase, "body": body}


def written(files: Mapping[str, str]) -> tuple[Observed, ...]:
    """Return the objects in files that :func:`files` made."""
    found = []
    listed = [name for name in files if re.fullmatch(r"class-.*\.json", name)]
    for entry in [
        one for name in (*sorted(listed), OBJECTS_FILE) for one in json.loads(files[name])
    ]:
        body = {
            key: json.loads(files[value["$file"]]) if (entry["kind"], key) in _IN_FILES else value
            for key, value in entry["body"].items()
        }
        found.append(Observed(Ref(entry["kind"], entry["name"]), body))
    return tuple(found)


def text_of(value: Any, indent: int) -> str:
    """Return ``value`` as the text of a JSON file."""
    return json.dumps(value, indent=indent, ensure_ascii=False) + "\n"
