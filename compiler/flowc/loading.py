"""The loader: finds flows, projects and stacks, and is the only reader of files besides the CLI.

**Flow.** A name of the project's ``flows``, or a path. The project is the one whose ``flowc.yaml``
stands in the folder or above it. A path that the project lists has its name there; one that it does
not list has its own, and nothing of the project applies to it unless ``--env`` or ``--stack`` asks.

**Stack file.** ``--stack-file``; for a flow of a project ``stack.yaml`` beside the project; else
``stack.yaml``, Stepflow's configuration, ``flowyml.yaml`` or ``streamflow.yml``, beside the flow,
then in the current folder. Two spellings in one folder are an error. Without any: the built-ins.

**Stack.** ``--stack`` > ``--env`` > ``FLOWC_STACK`` > ``flowc stack use`` >
``default_environment`` > the only one of the file > the one called ``default``. An environment's
variables come with it: with
``--stack`` and no ``--env``, ``FLOWC_STACK`` or ``flowc stack use``, no environment is in force.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from flowc.active_stack import read_active
from flowc.concealing import conceal_secrets, conceal_unread
from flowc.diagnostics import Diagnostics, codes
from flowc.driver import Options, slug
from flowc.flow_files import has_all_steps, read_flow
from flowc.git_branch import git_branch
from flowc.images.context import with_built_images
from flowc.overrides import override
from flowc.source.decode_project import decode_project
from flowc.source.decode_stack import decode_stacks
from flowc.source.yaml_reader import read
from flowc.stack_files import (
    DEFAULT_STACK,
    DEFAULT_STACK_FILE,
    LOSES_ROUTES,
    sole_stack,
    stack_files_in,
)
from flowc.text_files import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc.source.located import Document
    from flowc.source.model import SourceFlow
    from flowc.source.project_model import Environment, Project
    from flowc.source.stack_model import Stack

PROJECT_FILE = "flowc.yaml"
FLOW_SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class Choice:
    """What the command line says about where to run.

    ``target``: what it is for; where nothing names a stack, the only one for that target is taken.
    """

    environment: str | None = None
    stack_file: str | None = None
    stack: str | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class LoadedFlow:
    """A decoded flow, its name, and the project that it belongs to, if any."""

    name: str
    source: SourceFlow
    document: Document
    path: Path
    project: Project | None = None
    listed: bool = False
    """Whether the project's ``flows`` list it."""
    sound: bool = True
    """Whether it was decoded without errors."""
    complete: bool = True
    """Whether none of its steps had to be left out, so that references can be looked at."""


@dataclass(frozen=True, slots=True)
class Place:
    """A stack, the environment that chose it, if one did, and all stacks of the file."""

    stack: Stack
    environment: Environment | None = None
    has_all_routes: bool = True
    """Whether no route had to be left out, so that a component without one is a finding."""
    stacks: Mapping[str, Stack] = field(default_factory=dict)


@dataclass(slots=True)
class Loader:
    """Reads each file once; what was read is in ``texts``, for excerpts.

    Every method reports what is wrong and returns None (or leaves it out).
    """

    diagnostics: Diagnostics
    folder: Path = field(default_factory=Path.cwd)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    lenient: bool = False
    texts: dict[str, str] = field(default_factory=dict)
    overrides: Document | None = None
    """Overrides of the steps of every flow that is loaded."""
    _documents: dict[str, Document | None] = field(default_factory=dict)
    _projects: dict[Path, Project | None] = field(default_factory=dict)
    _stacks: dict[str, dict[str, Stack]] = field(default_factory=dict)
    _without_all_routes: set[str] = field(default_factory=set)

    def shown(self, path: Path) -> str:
        """Return ``path`` as diagnostics name it: relative to the folder if it lies below."""
        path = Path(os.path.normpath(self.folder / path))
        try:
            return path.relative_to(self.folder).as_posix()
        except ValueError:
            return path.as_posix()

    def document(self, path: Path) -> Document | None:
        """Return the document in the file at ``path``."""
        shown = self.shown(path)
        if shown not in self._documents:
            self._documents[shown] = self._read(self.folder / path, shown)
        return self._documents[shown]

    def _read(self, path: Path, shown: str) -> Document | None:
        text = read_text(path, shown, self.diagnostics)
        if text is None:
            return None
        self.texts[shown] = text
        return read(text, shown, self.diagnostics)

    def _configuration(self, path: Path) -> Document | None:
        """Return the document of a file that may hold passwords."""
        before = len(self.diagnostics.found)
        document = self.document(path)
        conceal_unread(self.shown(path), before, self.texts, self.diagnostics)
        return document

    # Projects

    def project(self, start: Path) -> Project | None:
        """Return the project in whose folder ``start`` lies, None if there is none."""
        start = self.folder / start
        for folder in (start, *start.parents):
            if (file := folder / PROJECT_FILE).is_file():
                return self._project(file)
        return None

    def _project(self, file: Path) -> Project | None:
        if file not in self._projects:
            self._projects[file] = None
            document = self._configuration(file)
            if document is not None:
                self._projects[file] = decode_project(
                    document, self.diagnostics, self.environ, self.lenient
                )
        return self._projects[file]

    def project_folder(self, project: Project) -> Path:
        """Return the folder of the project's file."""
        return (self.folder / project.file).parent

    # Flows

    def flow(self, name_or_path: str) -> LoadedFlow | None:
        """Return the flow of that name in the project around the folder, or at that path."""
        project = self.project(self.folder)
        if project is not None and name_or_path in project.flows:
            return self.project_flow(project, name_or_path)
        path = self.folder / name_or_path
        if path.is_file() or path.suffix in FLOW_SUFFIXES:
            return self._flow_at(path)
        self._unknown_flow(name_or_path, project)
        return None

    def _unknown_flow(self, name: str, project: Project | None) -> None:
        known = [] if project is None else sorted(project.flows)
        near = get_close_matches(name, known, n=1)
        if near:
            hint = f"write `{near[0]}`"
        elif known:
            hint = "flows of the project: " + ", ".join(f"`{flow}`" for flow in known)
        else:
            hint = f"give the path of a flow file; there is no `{PROJECT_FILE}` here"
        self.diagnostics.report(
            codes.UNKNOWN_NAME, f"there is no flow and no file `{name}`", None, hint=hint
        )

    def project_flow(self, project: Project, name: str) -> LoadedFlow | None:
        """Return the flow that ``project`` lists as ``name``."""
        entry = project.flows[name]
        path = self.project_folder(project) / entry.file.value
        if not path.is_file():
            self.diagnostics.report(
                codes.FILE_NOT_READABLE,
                f"the file of flow `{name}` does not exist: `{self.shown(path)}`",
                entry.file.span,
            )
            return None
        return self._decode(path, name, project, listed=True)

    def _flow_at(self, path: Path) -> LoadedFlow | None:
        project = self.project(path.parent)
        if project is not None:
            root = self.project_folder(project)
            for name, entry in project.flows.items():
                if _same_file(root / entry.file.value, path):
                    return self._decode(path, name, project, listed=True)
        return self._decode(path, None, project, listed=False)

    def _decode(
        self, path: Path, name: str | None, project: Project | None, *, listed: bool
    ) -> LoadedFlow | None:
        document = self.document(path)
        if document is None:
            return None
        found = Diagnostics()
        if self.overrides is not None:
            document = override(document, self.overrides, found)
        source = read_flow(self, document, found)
        self.diagnostics.take(found)
        if source is None:
            return None
        if name is None:
            name = slug(source.name or "") or slug(path.stem) or "flow"
        if not source.name:
            source = replace(source, name=name)
        sound, complete = not found.has_errors, has_all_steps(document, source)
        return LoadedFlow(name, source, document, path, project, listed, sound, complete)

    # Stacks

    def place(self, flow: LoadedFlow, choice: Choice) -> Place | None:
        """Return the stack that ``flow`` runs on, by the order in the module's text."""
        stacks = self.stacks(flow, choice)
        choice = self._with_used_stack(choice, stacks or {})
        environment, failed = self._environment(flow, choice)
        if failed or stacks is None:
            return None
        conceal_secrets(flow.source, flow.project, stacks.values(), self.diagnostics)
        return self.place_on(stacks, choice, environment)

    def _with_used_stack(self, choice: Choice, stacks: Mapping[str, Stack]) -> Choice:
        """Return ``choice`` with the stack of ``flowc stack use``, if nothing nearer names one."""
        if choice.environment or choice.stack or self.environ.get("FLOWC_STACK") or not stacks:
            return choice
        return replace(choice, stack=read_active(self.folder / next(iter(stacks.values())).file))

    def _environment(self, flow: LoadedFlow, choice: Choice) -> tuple[Environment | None, bool]:
        """Return the environment in force, and whether looking for it failed (reported)."""
        project = flow.project
        if choice.environment is not None:
            found = self._named_environment(project, choice.environment)
            return found, found is None
        if choice.stack is not None or self.environ.get("FLOWC_STACK"):
            return None, False
        if project is None or project.default_environment is None or not flow.listed:
            return None, False
        return project.environments.get(project.default_environment.value), False

    def _named_environment(self, project: Project | None, name: str) -> Environment | None:
        if project is not None and name in project.environments:
            return project.environments[name]
        known = [] if project is None else sorted(project.environments)
        near = get_close_matches(name, known, n=1)
        listed = ", ".join(f"`{environment}`" for environment in known)
        hint = f"environments of the project: {listed}"
        if near:
            hint = f"write `{near[0]}`"
        elif not known:
            hint = f"environments are declared in `{PROJECT_FILE}`"
        self.diagnostics.report(
            codes.UNKNOWN_NAME, f"there is no environment `{name}`", None, hint=hint
        )
        return None

    def stacks(self, flow: LoadedFlow, choice: Choice) -> dict[str, Stack] | None:
        """Return the stacks of the file that serves ``flow``."""
        if choice.stack_file is not None:
            return self.stacks_in(self.folder / choice.stack_file)
        asked = choice.environment is not None or choice.stack is not None
        folders = [flow.path.parent, self.folder]
        if flow.project is not None and (flow.listed or asked):
            folders.insert(0, self.project_folder(flow.project))
        return self._first_stacks(folders)

    def stacks_here(self, stack_file: str | None) -> dict[str, Stack] | None:
        """Return the stacks of ``stack_file``, else of the project around, else of the folder."""
        if stack_file is not None:
            return self.stacks_in(self.folder / stack_file)
        project = self.project(self.folder)
        around = [] if project is None else [self.project_folder(project)]
        return self._first_stacks([*around, self.folder])

    def _first_stacks(self, folders: Sequence[Path]) -> dict[str, Stack] | None:
        found = stack_files_in(folders)
        if len(found) > 1:
            self._report_two(found)
            return None
        return self.stacks_in(found[0]) if found else self.default_stack()

    def _report_two(self, found: list[Path]) -> None:
        listed = " and ".join(f"`{self.shown(path)}`" for path in found)
        self.diagnostics.report(
            codes.FILE_NOT_READABLE,
            f"{listed} both configure this folder",
            None,
            hint="remove one of them, or choose with `--stack-file`",
        )

    def stacks_in(self, path: Path) -> dict[str, Stack] | None:
        """Return the stacks of the file at ``path``."""
        shown = self.shown(path)
        if shown not in self._stacks:
            document = self._configuration(path)
            if document is None:
                return None
            stacks = self.decode_stacks(document)
            self._stacks[shown] = with_built_images(stacks, path.parent, self.diagnostics)
        return self._stacks[shown] or None

    def decode_stacks(self, document: Document) -> dict[str, Stack]:
        """Return the stacks of a document."""
        found = Diagnostics()
        stacks = decode_stacks(document, found, self.environ, self.lenient)
        self.diagnostics.take(found)
        if any(one.code in LOSES_ROUTES for one in found):
            self._without_all_routes.add(document.file)
        return stacks

    def default_stack(self) -> dict[str, Stack] | None:
        """Return the stack that is used where no file says otherwise."""
        if DEFAULT_STACK_FILE not in self._stacks:
            document = read(DEFAULT_STACK, DEFAULT_STACK_FILE, self.diagnostics)
            self._stacks[DEFAULT_STACK_FILE] = self.decode_stacks(document) if document else {}
        return self._stacks[DEFAULT_STACK_FILE] or None

    def place_on(
        self, stacks: Mapping[str, Stack], choice: Choice, environment: Environment | None = None
    ) -> Place | None:
        """Return the one of ``stacks`` that is chosen; the environment's variables come with it."""
        if not stacks:
            return None
        name, where = choice.stack, None
        if name is None and environment is not None:
            name, where = environment.stack.value, environment.stack.span
        name = name or self.environ.get("FLOWC_STACK") or None
        if name is None:
            name = sole_stack(stacks, choice.target) or "default"
        if name in stacks:
            complete = stacks[name].file not in self._without_all_routes
            return Place(stacks[name], environment, complete, stacks)
        file = next(iter(stacks.values())).file
        place = "and no stack file" if file == DEFAULT_STACK_FILE else f"in `{file}`"
        near = get_close_matches(name, sorted(stacks), n=1)
        listed = ", ".join(f"`{stack}`" for stack in sorted(stacks))
        self.diagnostics.report(
            codes.UNKNOWN_NAME,
            f"there is no stack `{name}` {place}",
            where,
            hint=f"write `{near[0]}`"
            if near
            else f"choose one of {listed} with `--stack`, or with `flowc stack use`",
        )
        return None

    # Options

    def branch(self, project: Project) -> str:
        """Return the branch in names on targets: ``FLOWC_BRANCH``, else the checked-out one."""
        return self.environ.get("FLOWC_BRANCH") or git_branch(self.project_folder(project))

    def options(self, flow: LoadedFlow, place: Place, granularity: str) -> Options:
        """Return how to compile ``flow`` at ``place``."""
        project = flow.project if flow.listed or place.environment is not None else None
        return Options(
            flow=flow.name,
            granularity=granularity,
            project=project.name if project else "",
            branch=self.branch(project) if project else "",
            environment=place.environment,
            bindings=project.bindings if project else (),
            stacks=place.stacks,
            require_values=place.environment is not None,
            has_all_routes=place.has_all_routes,
            sole_flow=project is not None and len(project.flows) == 1 and flow.listed,
            triggers=project.triggers_of(flow.name, place.environment) if project else (),
        )


def _same_file(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
