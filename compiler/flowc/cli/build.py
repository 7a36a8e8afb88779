"""``flowc build``: the files that a target runs a flow from."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from flowc.cli.session import Session
from flowc.deploy.provider import deployer_of
from flowc.diagnostics import codes
from flowc.driver import slug
from flowc.target import forms_of
from flowc.targets import canonical_name, find_target

if TYPE_CHECKING:
    from flowc.loading import Choice
    from flowc.target import Compilation, Target


HUMAN = "human"
DIAGNOSTICS = (HUMAN, "json", "github")
"""Formats of diagnostics; any other one is of the files."""


def run_build(
    flow: str,
    choice: Choice,
    target: str | None,
    granularity: str,
    output: Path | None,
    format: str,
    lenient: bool,
    explain_placement: bool,
    explain_permissions: bool = False,
) -> int:
    """Write the files and print their paths; return the exit code.

    ``target``: None for the one that the chosen stack names.
    ``explain_placement``: print before them where each unit runs, and why;
    ``explain_permissions``: what each role may do, and what for.
    """
    session = Session(lenient)
    target = target or _target_of_stack(session, flow, choice)
    if target is None:
        session.report(format if format in DIAGNOSTICS else HUMAN)
        return 1
    compilation = session.compile_named(flow, choice, target, granularity)
    emitter = find_target(target, session.diagnostics)
    if compilation is None or emitter is None or session.diagnostics.has_errors:
        session.report(format if format in DIAGNOSTICS else HUMAN)
        return 1
    form = forms_of(emitter).get(format)
    if form is None and format not in DIAGNOSTICS:
        session.diagnostics.report(
            codes.UNSUPPORTED, f"target `{emitter.name}` writes no files for {format}", None,
            hint=f"leave out `--format {format}`",
        )  # fmt: skip
        return session.report(HUMAN)
    files = (form or emitter.emit)(compilation)
    format = format if form is None else HUMAN
    session.report(format)
    if not files:
        session.diagnostics.report(
            codes.UNSUPPORTED, f"target `{emitter.name}` has no files to build", None,
            hint=f"run the flow with `flowc run {flow}`",
        )  # fmt: skip
        return session.report(format)
    if explain_placement:
        for unit, place in emitter.placements(compilation).items():
            print(f"{unit}: {place}")
        for loop in emitter.loops(compilation):
            print(loop)
    if explain_permissions:
        _print_permissions(emitter, compilation)
    folder = output or Path("build") / slug(compilation.name) / canonical_name(target)
    for name in sorted(files):
        try:
            write_file(folder / name, files[name])
        except OSError as error:
            session.diagnostics.report(
                codes.FILE_NOT_READABLE, f"cannot write `{folder / name}`: {error.strerror}", None
            )
            return session.report(format)
        print(folder / name)
    return 0


def _target_of_stack(session: Session, flow: str, choice: Choice) -> str | None:
    """Return the target that the chosen stack is for, None after reporting that it names none."""
    loaded = session.loader.flow(flow)
    place = None if loaded is None else session.loader.place(loaded, choice)
    if place is None:
        return None
    if place.stack.target is None:
        session.diagnostics.report(
            codes.UNKNOWN_TARGET,
            f"stack `{place.stack.name}` names no target, so what is to be built is not known",
            place.stack.span,
            hint="choose `--target argo` or `--target step-functions`, or write `target:` there",
        )
    return place.stack.target


def _print_permissions(target: Target, compilation: Compilation) -> None:
    deployer = deployer_of(target)
    role = ""
    for one in deployer.permissions(compilation) if deployer is not None else ():
        if one.role != role:
            role = one.role
            print(role)
        print(f"  {', '.join(one.actions)}\n    on {', '.join(one.resources)}\n    {one.reason}")


def write_file(path: Path, text: str) -> None:
    """Write ``text`` whole or not at all: a reader never sees half of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        # mkstemp gives 0600; the file is to have what any other new file would have.
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
