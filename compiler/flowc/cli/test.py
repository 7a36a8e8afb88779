"""``flowc test``: the cases in flow files, one line each."""

from __future__ import annotations

import gc
import sys
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from flowc.cases import Case, TestBlock, UpdateError, compare, decode_test, normalised, updated_text
from flowc.cli.build import write_file
from flowc.cli.local_runs import LOCAL, error_of, open_session, run_all
from flowc.cli.reporting import report
from flowc.cli.session import Session
from flowc.diagnostics import Diagnostics, Severity, codes
from flowc.loading import Choice, LoadedFlow, Place
from flowc.source.located import Document
from flowc.source.stack_model import StoreSpec
from flowc.stack_files import STACK_FILES, STEPFLOW_CONFIGS
from flowc.targets import find_target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flowc.cli.local_runs import LocalSession, Result
    from flowc.target import Compilation
    from flowc_shim.contract.json_types import Json

TEST_CONFIGS = ("stepflow-config.test.yml", "stepflow-config.test.yaml")
_SUFFIXES = {".yaml", ".yml", ".json"}
_NOT_FLOWS = frozenset({*TEST_CONFIGS, *STEPFLOW_CONFIGS, *STACK_FILES, "flowc.yaml"})
_WORDS = {"succeeded": "success", "skipped": "skipped"}


@dataclass(slots=True)
class _Tally:
    """Counts over all files."""

    passed: int = 0
    failed: int = 0
    updated: int = 0
    broken: int = 0


@dataclass(slots=True)
class _Tester:
    """One command's work."""

    config: Path | None
    update: bool
    granularity: str
    format: str
    session: Session
    tally: _Tally = field(default_factory=_Tally)

    def file(self, path: Path, named: bool) -> None:
        """Run the cases of one file. ``named``: it must be a flow, it was asked for by name."""
        session = self.session
        if not named and not _looks_like_flow(path):
            return
        flow = session.loader.flow(str(path))
        if flow is None or flow.source.test is None:
            self._broken(path)
            return
        block = decode_test(flow.source.test, session.diagnostics)
        compilation = None if block is None else self._compile(flow, block)
        if block is None or compilation is None:
            self._broken(path)
            return
        target = find_target(LOCAL, session.diagnostics)
        if target is None:
            return
        with open_session(target, compilation) as running:
            wrong = {
                case.index: ended
                for case in block.cases
                if (ended := self._case(flow, case, running)) is not None
            }
        if self.update and wrong:
            self._update(flow, wrong)

    def _broken(self, path: Path) -> None:
        """Count a file whose cases cannot run; what is wrong has been reported."""
        if any(one.severity is Severity.ERROR for one in self.session.diagnostics):
            self._report()
            print(f"FAIL  {path}: cannot be tested")
            self.tally.broken += 1

    def _compile(self, flow: LoadedFlow, block: TestBlock) -> Compilation | None:
        session = self.session
        place = self._place(flow, block)
        target = find_target(LOCAL, session.diagnostics)
        if place is None or target is None:
            return None
        stack = replace(place.stack, state_store=StoreSpec("memory:", place.stack.span))
        place = Place(stack, place.environment)
        options = replace(
            session.loader.options(flow, place, self.granularity), require_values=True
        )
        compilation = session.compile(flow, place, target, options)
        return None if session.diagnostics.has_errors else compilation

    def _place(self, flow: LoadedFlow, block: TestBlock) -> Place | None:
        """Return the stack: `--config`, the block's own, a test config beside it, the usual."""
        loader = self.session.loader
        if self.config is not None:
            return loader.place(flow, Choice(stack_file=str(self.config), target=LOCAL))
        if block.config_file is not None:
            file = flow.path.parent / block.config_file.value
            return loader.place(flow, Choice(stack_file=str(file), target=LOCAL))
        if block.config is not None:
            document = Document(
                flow.document.file, flow.document.text, block.config, block.config.span
            )
            return loader.place_on(loader.decode_stacks(document), Choice(target=LOCAL))
        for name in TEST_CONFIGS:
            if (flow.path.parent / name).is_file():
                return loader.place(
                    flow, Choice(stack_file=str(flow.path.parent / name), target=LOCAL)
                )
        return loader.place(flow, Choice(target=LOCAL))

    def _case(self, flow: LoadedFlow, case: Case, running: LocalSession) -> Json:
        """Run one case and print its line; return what came out if it is not as expected."""
        started = time.monotonic()
        [result] = run_all(running, [case.input], 1)
        ended = _ended(result)
        seconds = time.monotonic() - started
        expected = {"outcome": "success"} if case.expected is None else case.expected
        differences = compare(expected, ended)
        where = f"{flow.document.file}: {case.name}"
        if not differences:
            self.tally.passed += 1
            print(f"ok    {where}  {seconds:.1f}s", flush=True)
            return None
        if self.update:
            self.tally.updated += 1
            print(f"new   {where}: {differences[0]}", flush=True)
            return normalised(ended)
        self.tally.failed += 1
        print(f"FAIL  {where}: {differences[0]}", flush=True)
        self._report_case(case, [str(one) for one in differences], ended)
        return None

    def _report_case(self, case: Case, differences: list[str], ended: Any) -> None:
        error = ended.get("error") or {}
        notes = [*differences[1:5]]
        if error:
            notes.append(f"the run failed: {error.get('code')}: {error.get('message')}")
        self.session.diagnostics.report(
            codes.TEST_CASE,
            f"case `{case.name}`: {differences[0]}",
            case.span,
            notes=notes,
            hint="correct the flow or the case; `--update` writes what came out into the file",
        )
        self._report()

    def _update(self, flow: LoadedFlow, outputs: dict[int, Json]) -> None:
        try:
            write_file(flow.path, updated_text(flow.document.text, outputs))
        except (UpdateError, OSError) as error:
            self.session.diagnostics.report(
                codes.TEST_CASE, f"`{flow.document.file}` is left as it is: {error}", None
            )
            self._broken(flow.path)

    def _report(self) -> None:
        """Print the errors so far (a flow's warnings are `check`'s to say), and forget them."""
        errors = Diagnostics(
            [one for one in self.session.diagnostics if one.severity is Severity.ERROR]
        )
        report(errors, self.session.loader.texts, self.format, sys.stderr)
        self.session.diagnostics.found.clear()


def _ended(result: Result) -> Json:
    """Return how a run ended in the words of Stepflow's FlowResult."""
    word = _WORDS.get(result.outcome.value, "failed")
    if word == "success":
        return {"outcome": word, "result": result.output}
    if word == "skipped":
        return {"outcome": word}
    error = error_of(result)
    shown = {key: error[key] for key in ("code", "message", "data") if error.get(key) is not None}
    return {"outcome": word, "error": shown}


def _files(paths: list[Path]) -> Iterator[tuple[Path, bool]]:
    """Yield files, and whether they were named; folders are walked in order, dotted ones not."""
    for path in paths:
        if not path.is_dir():
            yield path, True
            continue
        for found in sorted(path.rglob("*")):
            hidden = any(part.startswith(".") for part in found.relative_to(path).parts)
            wanted = found.suffix in _SUFFIXES and found.name not in _NOT_FLOWS
            if wanted and not hidden and found.is_file():
                yield found, False


def _looks_like_flow(path: Path) -> bool:
    """Whether a file that nobody named is a flow with cases, as far as its text says.

    Folders hold all sorts of YAML; only what has the keys of a flow is read as one.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    if path.suffix == ".json":
        return all(any(f'"{key}"' in line for line in lines) for key in ("test", "steps"))
    tops = {
        line.partition(":")[0].strip("\"'") for line in lines if line[:1] not in (" ", "#", "-")
    }
    return "test" in tops and bool({"steps", "output", "schema"} & tops)


def run_test(
    paths: list[Path],
    config: Path | None,
    update: bool,
    granularity: str,
    format: str,
    lenient: bool,
) -> int:
    """Run all cases; return 1 if any failed or could not run."""
    gc.enable()
    tester = _Tester(config, update, granularity, format, Session(lenient))
    for path, named in _files(paths):
        tester.file(path, named)
    tally = tester.tally
    print(_summary(tally))
    return 1 if tally.failed or tally.broken else 0


def _summary(tally: _Tally) -> str:
    parts = [f"{tally.passed} passed"]
    parts += [f"{tally.failed} failed"] if tally.failed else []
    parts += [f"{tally.updated} updated"] if tally.updated else []
    parts += [f"{tally.broken} file(s) cannot be tested"] if tally.broken else []
    return ", ".join(parts)
