"""Commands with their options. Each body imports what it needs when it runs.

``flowc --help`` and completion must import none of the compiler: a test holds that.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path  # noqa: TC003 (typer reads the annotations at run time)
from typing import Annotated, Literal

import typer
import typer.core

from flowc.cli.image_app import app as image_app
from flowc.cli.options import DiagnosticsFormat, Format, StackFile
from flowc.cli.stack_app import app as stack_app

# Rich costs 60 ms for a help page, and with it defaults are shown escaped (`\[default: …]`).
typer.core.HAS_RICH = False

app = typer.Typer(
    name="flowc",
    help="Compile workflows to Argo Workflows and AWS Step Functions, or run them here.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Granularity(str, Enum):
    """What one unit of the engine is."""

    step = "step"
    auto = "auto"


class BuildFormat(str, Enum):
    """How diagnostics are printed, or else what the files are made for."""

    human = "human"
    json = "json"
    github = "github"
    cloudformation = "cloudformation"


class GraphFormat(str, Enum):
    """Languages that graphs are printed in."""

    mermaid = "mermaid"
    dot = "dot"


class MatrixFormat(str, Enum):
    """How the support matrix is printed."""

    table = "table"
    json = "json"
    markdown = "markdown"


class Input(str, Enum):
    """The files whose JSON Schema can be printed."""

    flow = "flow"
    stack = "stack"
    project = "project"


_KINDS: dict[Input, Literal["flow", "stack", "project"]] = {
    Input.flow: "flow",
    Input.stack: "stack",
    Input.project: "project",
}

Flow = Annotated[str, typer.Argument(metavar="FLOW", help="A flow of the project, or a file.")]
Env = Annotated[str | None, typer.Option("--env", help="Environment of the project.")]
Stack = Annotated[
    str | None,
    typer.Option("--stack", metavar="NAME", help="Stack of the stack file."),
]
Units = Annotated[
    Granularity, typer.Option("--granularity", help="One step per unit, or plain chains.")
]
Lenient = Annotated[bool, typer.Option("--lenient", help="Unknown keys are warnings.")]


app.add_typer(stack_app, name="stack")
app.add_typer(image_app, name="image")


def _print_version(asked: bool) -> None:
    if asked:
        from flowc_shim import __version__

        typer.echo(f"flowc {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it and end."),
    ] = False,
) -> None:
    """Compile workflows to Argo Workflows and AWS Step Functions, or run them here."""


@app.command()
def check(
    flow: Annotated[
        str | None,
        typer.Argument(metavar="[FLOW]", help="A flow or file; default: all, everywhere."),
    ] = None,
    env: Env = None,
    stack_file: StackFile = None,
    stack: Stack = None,
    target: Annotated[
        list[str] | None,
        typer.Option("--target", help="Target to check for; default: all."),
    ] = None,
    granularity: Units = Granularity.step,
    live: Annotated[
        bool,
        typer.Option("--live", help="Also ask target and state store what a deploy would ask."),
    ] = False,
    format: DiagnosticsFormat = Format.human,
    lenient: Lenient = False,
) -> None:
    """Check flows, stacks and the project: all independent errors in one run."""
    from flowc.cli.check import run_check
    from flowc.loading import Choice

    choice = Choice(env, stack_file, stack)
    code = run_check(flow, choice, target or [], granularity.value, format.value, lenient)
    if live and code == 0:
        from flowc.cli.deploying.asking import ask_live
        from flowc.cli.deploying.planning import Asked

        flows, one = (flow,) if flow else (), target[0] if target else None
        code = ask_live(Asked(flows, choice, one, granularity.value, format.value, lenient))
    raise typer.Exit(code)


@app.command()
def build(
    flow: Flow,
    target: Annotated[
        str | None, typer.Option("--target", help="argo or step-functions; default: the stack's.")
    ] = None,
    env: Env = None,
    stack_file: StackFile = None,
    stack: Stack = None,
    granularity: Units = Granularity.step,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Default: build/<flow>/<target>."),
    ] = None,
    explain_placement: Annotated[
        bool, typer.Option("--explain-placement", help="Say where each unit runs, and why.")
    ] = False,
    explain_permissions: Annotated[
        bool, typer.Option("--explain-permissions", help="Say what each role may do, and why.")
    ] = False,
    format: Annotated[
        BuildFormat,
        typer.Option("--format", help="Form of diagnostics; or a CloudFormation template."),
    ] = BuildFormat.human,
    lenient: Lenient = False,
) -> None:
    """Write the files that a target runs a flow from."""
    from flowc.cli.build import run_build
    from flowc.loading import Choice

    choice = Choice(env, stack_file, stack)
    raise typer.Exit(
        run_build(
            flow,
            choice,
            target,
            granularity.value,
            output,
            format.value,
            lenient,
            explain_placement,
            explain_permissions,
        )
    )


@app.command()
def run(
    flow: Flow,
    input: Annotated[
        str | None,
        typer.Option("--input", metavar="JSON|@FILE", help="The run's input; default: {}."),
    ] = None,
    trigger: Annotated[
        str | None,
        typer.Option(
            "--trigger",
            metavar="JSON|@FILE",
            help="Run as if a trigger had started it: scheduledTime, timezone, input.",
        ),
    ] = None,
    env: Env = None,
    stack_file: StackFile = None,
    stack: Stack = None,
    granularity: Units = Granularity.step,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="VARIABLE=VALUE", help="A variable's value, for this run."),
    ] = None,
    overrides: Annotated[
        str | None,
        typer.Option("--overrides", metavar="JSON|@FILE", help="Merge patches on steps."),
    ] = None,
    items: Annotated[
        Path | None,
        typer.Option("--items", metavar="FILE.jsonl", help="One run per line of input."),
    ] = None,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, help="Runs of --items at a time.")
    ] = 10,
    isolate: Annotated[
        bool, typer.Option("--isolate", help="One process per unit, as on an engine.")
    ] = False,
    format: DiagnosticsFormat = Format.human,
    lenient: Lenient = False,
) -> None:
    """Run a flow here: the result as JSON on stdout, progress on stderr."""
    from flowc.cli.run import RunRequest, run_run
    from flowc.loading import Choice

    if input is not None and items is not None:
        raise typer.BadParameter("choose one of --input and --items")
    if trigger is not None and items is not None:
        raise typer.BadParameter("choose one of --trigger and --items")
    request = RunRequest(
        flow=flow,
        choice=Choice(env, stack_file, stack),
        input=input,
        trigger=trigger,
        granularity=granularity.value,
        sets=tuple(set_ or ()),
        overrides=overrides,
        items=items,
        concurrency=concurrency,
        isolate=isolate,
        format=format.value,
        lenient=lenient,
    )
    raise typer.Exit(run_run(request))


@app.command()
def show(
    run: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="A run's key, or how it begins; default: list."),
    ] = None,
    step: Annotated[str | None, typer.Argument(metavar="[STEP]", help="A step of it.")] = None,
    input: Annotated[bool, typer.Option("--input", help="Only the input, as JSON.")] = False,
    output: Annotated[bool, typer.Option("--output", help="Only the output, as JSON.")] = False,
    env: Env = None,
    stack_file: StackFile = None,
    stack: Stack = None,
) -> None:
    """Look into what ran here."""
    from flowc.cli.show import run_show
    from flowc.loading import Choice

    if input and output:
        raise typer.BadParameter("choose one of --input and --output")
    part = "input" if input else "output" if output else None
    raise typer.Exit(run_show(run, step, part, Choice(env, stack_file, stack)))


@app.command()
def test(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files or folders.")],
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="Stack file for all of them."),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Write what came out as what is expected.")
    ] = False,
    granularity: Units = Granularity.step,
    format: DiagnosticsFormat = Format.human,
    lenient: Lenient = False,
) -> None:
    """Run the test cases that flow files contain."""
    from flowc.cli.test import run_test

    raise typer.Exit(run_test(paths, config, update, granularity.value, format.value, lenient))


@app.command()
def explain(
    code: Annotated[
        str | None,
        typer.Argument(metavar="[CODE]", help="A code such as FC201; default: list all."),
    ] = None,
) -> None:
    """Say what a diagnostic means and how to mend what it is about."""
    from flowc.cli.explain import run_explain

    raise typer.Exit(run_explain(code))


@app.command()
def graph(
    flow: Flow,
    format: Annotated[
        GraphFormat, typer.Option("--format", help="Language of the graph.")
    ] = GraphFormat.mermaid,
    lenient: Lenient = False,
) -> None:
    """Print the steps of a flow and what they wait for."""
    from flowc.cli.graph import run_graph

    raise typer.Exit(run_graph(flow, format.value, lenient))


@app.command()
def schema(
    of: Annotated[Input, typer.Argument(metavar="flow|stack|project")],
) -> None:
    """Print the JSON Schema of flow, stack or project files."""
    from flowc.cli.schema import run_schema

    raise typer.Exit(run_schema(_KINDS[of]))


@app.command()
def targets(
    format: Annotated[
        MatrixFormat, typer.Option("--format", help="Form of the table.")
    ] = MatrixFormat.table,
) -> None:
    """Print what each target supports."""
    from flowc.cli.targets import run_targets

    raise typer.Exit(run_targets(format.value))
