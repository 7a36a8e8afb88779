"""The ``flowc-shim`` command: what an engine's container runs."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from flowc_shim.blob_api.address import PORT
from flowc_shim.contract.verdict import ExitCode, Status, Verdict, exit_code

if TYPE_CHECKING:
    from collections.abc import Iterator


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="flowc-shim", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    unit = commands.add_parser("run-unit", help="run one unit of a plan")
    unit.add_argument("--unit", required=True)
    unit.add_argument("--run-name", help="how people call the run")
    decide = commands.add_parser("decide", help="settle units, and say whether one should start")
    decide.add_argument("--ask")
    conclude = commands.add_parser("conclude", help="settle what is left before `finally:` steps")
    finish = commands.add_parser("finish", help="settle what is left and end the run")
    for command in (conclude, finish):
        command.add_argument("--status", default="")
    for command in (unit, decide, conclude, finish):
        command.add_argument("--plan", required=True, help="digest of the plan")
        command.add_argument("--run", required=True, help="key of the run")
        command.add_argument("--scope", default="", help="loop indices, as 3/0, or 3/0~4: a lane")
        command.add_argument(
            "--settle", action="append", default=[], metavar="UNIT=STATUS",
            help="what the engine says became of a unit",
        )  # fmt: skip
    for name, what in (("stage", "write"), ("collect", "take")):
        part = commands.add_parser(name, help=f"{what} the folder of a program in its pod")
        for key in ("--plan", "--run", "--step", "--pod"):
            part.add_argument(key, required=True)
        part.add_argument("--scope", default="")
        part.add_argument("--attempt", type=int, required=True)
        part.add_argument("--folder", type=Path, required=True)
    prepare = commands.add_parser(
        "prepare-store", help="make or migrate a PostgreSQL store, and grant roles what they need"
    )
    prepare.add_argument("--shim", action="append", default=[], metavar="ROLE")
    prepare.add_argument("--helper", action="append", default=[], metavar="ROLE")
    sweep = commands.add_parser("sweep", help="end the runs whose engine ended without a word")
    sweep.add_argument("--plan", required=True, help="digest of the plan that is mounted")
    sweep.add_argument("--engine", choices=["kubernetes"], required=True)
    sweep.add_argument("--retention", type=float, default=None, metavar="SECONDS")
    blobs = commands.add_parser("blob-api", help="serve Stepflow's blob HTTP API")
    blobs.add_argument("--host", default="127.0.0.1")
    blobs.add_argument("--port", type=int, default=PORT)
    gate = commands.add_parser("await-file", help="end when there is a file: the gate of a task")
    gate.add_argument("path", type=Path)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code (:class:`flowc_shim.contract.verdict.ExitCode`)."""
    options = _parser().parse_args(arguments)
    if options.command == "blob-api":
        from flowc_shim.blob_api.command import serve_forever

        return serve_forever(options.host, options.port)
    if options.command == "await-file":
        return _await_file(options.path)
    if options.command == "sweep":
        from flowc_shim.sweeper.command import run_sweep

        return run_sweep(options.plan, options.retention)
    from flowc_shim.runner.plans import PlanProblem
    from flowc_shim.stores.api import StoreUnavailable

    try:
        if options.command == "prepare-store":
            return _prepare_store(options.shim, options.helper)
        if options.command in ("stage", "collect"):
            return _pod_part(options)
        verdict = _run(options)
    except (PlanProblem, ValueError) as error:
        print(f"flowc-shim: {error}", file=sys.stderr)  # noqa: T201 (the container's log)
        return ExitCode.CONTRACT
    except StoreUnavailable as error:
        print(f"flowc-shim: state store: {error}", file=sys.stderr)  # noqa: T201
        verdict = Verdict(Status.RETRY, "platform", retry_wait=5)
    _say(verdict)
    return exit_code(verdict)


def _run(options: argparse.Namespace) -> Verdict:
    from flowc_shim.runner.commands import Request, perform
    from flowc_shim.runner.session import (
        RUN_INPUT,
        RUN_NAME,
        RUN_START,
        RUN_STARTED,
        RUN_TRIGGER,
        open_session,
    )

    start = json.loads(os.environ.get(RUN_START) or "{}")
    request = Request(
        command=options.command,
        unit=getattr(options, "unit", None) or getattr(options, "ask", None),
        scope=options.scope,
        settled={
            unit: (status, "")
            for unit, _, status in (text.rpartition("=") for text in options.settle)
        },
        status=getattr(options, "status", ""),
        input_text=os.environ.get(RUN_INPUT),
        trigger_text=os.environ.get(RUN_TRIGGER),
        input_key=str(start.get("input_key") or ""),
        tags=tuple(map(str, start.get("tags") or ())),
        started=os.environ.get(RUN_STARTED),
    )
    name = getattr(options, "run_name", None)
    environ = dict(os.environ) if name is None else {**os.environ, RUN_NAME: name}
    with _ending_in_order(), open_session(options.plan, options.run, environ) as runtime:
        return perform(runtime, request)


def _pod_part(options: argparse.Namespace) -> int:
    from flowc_shim.runner.keys import parse_indices
    from flowc_shim.runner.pod_parts import PodPart, collect, stage
    from flowc_shim.runner.session import open_session

    indices = parse_indices(options.scope)
    part = PodPart(options.step, indices, options.attempt, options.pod, options.folder)
    with _ending_in_order(), open_session(options.plan, options.run) as runtime:
        if options.command == "stage":
            return ExitCode.DONE if stage(runtime, part) else ExitCode.FINAL_USER
        collect(runtime, part)
    return ExitCode.DONE


def _await_file(path: Path) -> int:
    from flowc_shim.components.task_container import await_file

    with _ending_in_order():  # the first process of a container is not ended by signals otherwise
        await_file(path)
    return ExitCode.DONE


def _prepare_store(shims: list[str], helpers: list[str]) -> int:
    from flowc_shim.runner.session import open_store_of

    store = open_store_of(os.environ)
    try:
        prepare = getattr(store, "prepare", None)
        if prepare is None:
            raise ValueError("there is nothing to prepare in this kind of state store")
        print(f"the store has version {prepare(shims, helpers)}")  # noqa: T201 (the answer)
    finally:
        store.close()
    return ExitCode.DONE


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Let SIGTERM (evicted, deleted, stopped) end what was started here too, and decide nothing.

    The attempt that was going on has a row without an end, which whoever comes next reads.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(number: int, _frame: object) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


def _say(verdict: Verdict) -> None:
    """Write the verdict where the engine reads it, and to standard output."""
    from flowc_shim.runner.session import VERDICT

    text = json.dumps(verdict.to_json())
    target = os.environ.get(VERDICT)
    if target:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).write_text(text, encoding="utf-8")
    print(text)  # noqa: T201 (the answer)


if __name__ == "__main__":
    sys.exit(main())
