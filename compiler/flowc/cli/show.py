"""``flowc show``: what ran here, from the local state store."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowc.cli.deploying.failing import guarded
from flowc.cli.deploying.finding import named_run
from flowc.cli.deploying.places import STORE, opened_store
from flowc.cli.local_runs import LOCAL
from flowc.cli.reporting import report
from flowc.diagnostics import Diagnostics
from flowc.targets import find_target

if TYPE_CHECKING:
    from flowc.loading import Choice
    from flowc.source.stack_model import StoreSpec
    from flowc_shim.stores.api import StateStore


def run_show(run: str | None, step: str | None, part: str | None, choice: Choice) -> int:
    """Print runs, one run, or one step of it; return 1 if there is none."""
    diagnostics = Diagnostics()
    spec = _store_of(choice, diagnostics)
    if diagnostics.has_errors:
        return report(diagnostics, {}, "human", sys.stderr)
    if spec is None and not os.environ.get(STORE) and not Path(".flowc/state.db").exists():
        print("nothing ran here: there is no .flowc/state.db in this folder", file=sys.stderr)
        return 1

    def work() -> int:
        with opened_store(spec) as store:
            return _show(store, run, step, part)

    return guarded(work, "human")


def _store_of(choice: Choice, diagnostics: Diagnostics) -> StoreSpec | None:
    """Return the state store of the stack that was chosen, if one was."""
    if choice.stack is None and choice.stack_file is None and choice.environment is None:
        return None
    from flowc.loading import Loader

    loader = Loader(diagnostics)
    project = loader.project(loader.folder)
    environment = None
    if choice.environment is not None and project is not None:
        environment = project.environments.get(choice.environment)
    folder = loader.project_folder(project) if project is not None else loader.folder
    file = loader.folder / choice.stack_file if choice.stack_file else folder / "stack.yaml"
    stacks = loader.stacks_in(file)
    place = None if stacks is None else loader.place_on(stacks, choice, environment)
    return None if place is None else place.stack.state_store


def _show(store: StateStore, run: str | None, step: str | None, part: str | None) -> int:
    target: Any = find_target(LOCAL, Diagnostics())
    summaries = target.runs(store)
    if run is None:
        _print_runs(summaries)
        return 0
    found = named_run(store, run)
    if found is None:
        matching = [summary.run for summary in summaries if summary.run.startswith(run)]
        if len(matching) != 1:
            known = f"; these begin so: {', '.join(matching[:5])}" if matching else ""
            print(f"no run `{run}` in the state store{known}", file=sys.stderr)
            return 1
        found = matching[0]
    view = target.view(store, found)
    if step is None:
        return _print_run(view, part)
    return _print_step(view, step, part)


def _print_runs(summaries: list[Any]) -> None:
    for summary in summaries:
        started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(summary.started))
        print(f"{summary.run}  {summary.outcome}  {started}")


def _print_run(view: Any, part: str | None) -> int:
    if part == "input":
        print(json.dumps(view.journal.input(), ensure_ascii=False))
        return 0
    if part == "output":
        print(json.dumps(view.end.output if view.end else None, ensure_ascii=False))
        return 0
    print(f"{view.journal.run}: {view.end.outcome.value if view.end else 'running'}")
    for shown in view.steps():
        tries = f"  attempt {shown.attempt}" if shown.attempt > 1 else ""
        error = f"  {shown.error['code']}: {shown.error['message']}" if shown.error else ""
        print(f"  {shown.path:<32} {shown.outcome:<16} {shown.seconds:.1f}s{tries}{error}")
    if view.end is not None and view.end.error:
        print(f"error: {json.dumps(dict(view.end.error), ensure_ascii=False)}")
    elif view.end is not None:
        print(json.dumps(view.end.output, ensure_ascii=False))
    return 0


def _print_step(view: Any, step: str, part: str | None) -> int:
    try:
        if part == "input":
            print(json.dumps(view.input_of(step), ensure_ascii=False))
            return 0
        shown = view.step(step)
    except KeyError:
        names = [other.path for other in view.steps()]
        print(f"no step `{step}` in this run; it has {', '.join(names[:20])}", file=sys.stderr)
        return 1
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    if part == "output":
        print(json.dumps(shown.output, ensure_ascii=False))
        return 0
    details = {
        "step": shown.path,
        "outcome": shown.outcome,
        "attempt": shown.attempt,
        "seconds": round(shown.seconds, 3),
        "error": shown.error,
        "output": shown.output,
    }
    print(json.dumps(details, indent=2, ensure_ascii=False))
    return 0
