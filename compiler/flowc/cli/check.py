"""``flowc check``: everything that can be known to be wrong, in one run."""

from __future__ import annotations

import sys
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from flowc.cli.session import Session, check_strategy, check_target
from flowc.diagnostics import Diagnostic, Diagnostics, Severity, codes
from flowc.driver import compile_program
from flowc.ir.resolve import resolve
from flowc.loading import PROJECT_FILE, Choice, LoadedFlow, Place
from flowc.placing.variables import variable_names
from flowc.targets import all_targets, find_target

if TYPE_CHECKING:
    from flowc.source.project_model import Project
    from flowc.target import Target


def run_check(
    flow: str | None,
    choice: Choice,
    targets: list[str],
    granularity: str,
    format: str,
    lenient: bool,
) -> int:
    """Check one flow, or every flow of the project in every environment; return the exit code."""
    session = Session(lenient)
    wanted = _targets(session, targets)
    flows = _flows(session, flow, choice, [target.name for target in wanted])
    if flow is None:
        _check_names([loaded for loaded, _ in flows], session)
    for loaded, choices in flows:
        _check_flow(session, loaded, choices, wanted, granularity, explicit=bool(targets))
    session.diagnostics = _once(session.diagnostics)
    code = session.report(format, sys.stdout)
    if code == 0 and format == "human" and not session.diagnostics.found:
        print("no problems found")
    return code


def _once(diagnostics: Diagnostics) -> Diagnostics:
    """Return each finding once, though several environments and targets may say it."""
    found = {(one.code, one.message, one.primary): one for one in reversed(diagnostics.found)}
    return Diagnostics(list(reversed(found.values())), diagnostics.concealed)


def _targets(session: Session, names: list[str]) -> list[Target]:
    if not names:
        return all_targets(session.diagnostics)
    found = [find_target(name, session.diagnostics) for name in dict.fromkeys(names)]
    return [target for target in found if target is not None]


def _flows(
    session: Session, name: str | None, choice: Choice, targets: list[str]
) -> list[tuple[LoadedFlow, list[Choice]]]:
    """Return the flows to check, each with the places to check it for."""
    if name is not None:
        loaded = session.loader.flow(name)
        if loaded is None:
            return []
        return [(loaded, _stack_choices(session, loaded, choice, targets))]
    project = session.loader.project(session.loader.folder)
    if project is None:
        if not session.diagnostics.has_errors:
            session.diagnostics.report(
                codes.PROJECT_FILE,
                f"there is no `{PROJECT_FILE}` here or above, and no flow was named",
                None,
                hint=f"name a flow file: `flowc check flow.yaml`, or write a `{PROJECT_FILE}`",
            )
        return []
    choices = _choices(project, choice)
    loaded_flows = [session.loader.project_flow(project, flow) for flow in project.flows]
    return [(loaded, choices) for loaded in loaded_flows if loaded is not None]


def _choices(project: Project, choice: Choice) -> list[Choice]:
    if choice.environment is not None or choice.stack is not None or not project.environments:
        return [choice]
    return [Choice(name, choice.stack_file, None) for name in project.environments]


def _stack_choices(
    session: Session, flow: LoadedFlow, choice: Choice, targets: list[str]
) -> list[Choice]:
    """Return the choice, or one per stack where nothing says which of several is meant.

    Those are the stacks for one of ``targets``, and those that are for none in particular.
    """
    default = flow.project is not None and flow.listed and flow.project.default_environment
    if choice.stack or choice.environment or default or session.loader.environ.get("FLOWC_STACK"):
        return [choice]
    stacks = session.loader.stacks(flow, choice) or {}
    if len(stacks) < 2 or "default" in stacks:
        return [choice]
    meant = [name for name, stack in stacks.items() if stack.target in (None, *targets)]
    return [Choice(None, choice.stack_file, name) for name in meant or stacks]


def _check_names(flows: list[LoadedFlow], session: Session) -> None:
    """Report variables of environments that no flow of the project has.

    One flow cannot tell: an environment serves them all.
    """
    project = flows[0].project if flows else None
    if project is None or len(flows) != len(project.flows):
        return  # a flow that could not be read may have them
    known: set[str] = set()
    for flow in flows:
        known |= variable_names(resolve(flow.source, Diagnostics()))
    for environment in project.environments.values():
        for name in environment.variables:
            if name not in known:
                near = get_close_matches(name, sorted(known), n=1)
                session.diagnostics.report(
                    codes.UNKNOWN_VARIABLE,
                    f"`{name}` in environment `{environment.name}` is not a variable of any flow",
                    environment.variable_spans.get(name),
                    hint=f"write `{near[0]}`" if near else "remove it, or declare it in a flow",
                )


def _check_flow(
    session: Session,
    flow: LoadedFlow,
    choices: list[Choice],
    targets: list[Target],
    granularity: str,
    *,
    explicit: bool,
) -> None:
    analysis = session.analyse(flow)
    for choice in choices:
        place = session.loader.place(flow, choice)
        if place is None or analysis is None:
            continue
        options = session.loader.options(flow, place, granularity)
        asked = explicit or place.stack.target is not None
        for target in _targets_of(session, place, targets, explicit):
            found = Diagnostics()
            check_strategy(flow, place, target, session.diagnostics)
            compile_program(analysis, place.stack, target, options, found)
            session.diagnostics.found.extend(found if asked else _if_for(target, found))


def _targets_of(
    session: Session, place: Place, targets: list[Target], explicit: bool
) -> list[Target]:
    """Return the targets to check at ``place``: a stack that names one is checked for that."""
    if place.stack.target is None:
        return targets
    if explicit:
        for target in targets:
            check_target(place, target, session.diagnostics)
    return [target for target in targets if target.name == place.stack.target]


def _if_for(target: Target, found: Diagnostics) -> list[Diagnostic]:
    """Return what was found for a target that nobody asked for.

    A stack whose store the target's containers cannot share, or that gives secrets as plain values,
    is not meant for that target: that is said in a note, and the rest is left out.
    """
    signs = (codes.STORE_CANNOT_SERVE, codes.SECRET_ON_TARGET)
    unsuited = next((one for one in found if one.code in signs), None)
    if unsuited is None:
        return list(found)
    common = [one for one in found if not one.code.number.startswith(("FC3", "FC5"))]
    note = replace(
        unsuited,
        severity=Severity.NOTE,
        message=f"not checked for target `{target.name}`: {unsuited.message}",
    )
    return [*common, note]
