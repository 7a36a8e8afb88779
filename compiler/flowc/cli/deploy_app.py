"""Commands about what is deployed, with their options; the bodies are in ``cli/deploying``."""

from __future__ import annotations

from enum import Enum
from pathlib import Path  # noqa: TC003 (typer reads the annotations at run time)
from typing import Annotated

import typer

from flowc.cli.app import Env, Flow, Granularity, Lenient, Stack, Units, app
from flowc.cli.options import StackFile  # noqa: TC001 (typer reads the annotations)


class ViewFormat(str, Enum):
    """How results are printed."""

    human = "human"
    json = "json"


Flows = Annotated[
    list[str] | None, typer.Argument(metavar="[FLOW]...", help="Default: all of the project.")
]
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run's name, or its key.")]
Target = Annotated[
    str | None, typer.Option("--target", help="argo or step-functions; default: the stack's.")
]
Form = Annotated[ViewFormat, typer.Option("--format", help="Form of what is printed.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command()
def plan(
    flows: Flows = None,
    env: Env = None,
    stack_file: StackFile = None,
    stack: Stack = None,
    target: Target = None,
    granularity: Units = Granularity.step,
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="DIR", help="Compare with files of `flowc build`."),
    ] = None,
    format: Form = ViewFormat.human,
    lenient: Lenient = False,
) -> None:
    """Show what a deploy would change: exit code 0 nothing, 3 something, 1 an error."""
    from flowc.cli.deploying.planning import Asked, run_plan
    from flowc.loading import Choice

    choice = Choice(env, stack_file, stack)
    asked = Asked(tuple(flows or ()), choice, target, granularity.value, format.value, lenient)
    raise typer.Exit(run_plan(asked, against))


@app.command()
def deploy(
    flows: Flows = None,
    env: Env = None,
    stack_file: StackFile = None,
    stack: Stack = None,
    target: Target = None,
    granularity: Units = Granularity.step,
    yes: Yes = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check and compare, and write nothing.")
    ] = False,
    format: Form = ViewFormat.human,
    lenient: Lenient = False,
) -> None:
    """Bring flows to their target: compile, compare, ask, apply, verify, record."""
    from flowc.cli.deploying.applying import run_deploy
    from flowc.cli.deploying.planning import Asked
    from flowc.loading import Choice

    choice = Choice(env, stack_file, stack)
    asked = Asked(tuple(flows or ()), choice, target, granularity.value, format.value, lenient)
    raise typer.Exit(run_deploy(asked, yes=yes, dry_run=dry_run))


@app.command()
def undeploy(
    flows: Flows = None,
    env: Env = None,
    stack_file: StackFile = None,
    stack: Stack = None,
    target: Target = None,
    yes: Yes = False,
    purge: Annotated[
        bool, typer.Option("--purge", help="Also delete what is stored of its runs.")
    ] = False,
    format: Form = ViewFormat.human,
) -> None:
    """Take flows down; runs under way end as they would have."""
    from flowc.cli.deploying.planning import Asked
    from flowc.cli.deploying.undeploying import run_undeploy
    from flowc.loading import Choice

    choice = Choice(env, stack_file, stack)
    asked = Asked(tuple(flows or ()), choice, target, format=format.value)
    raise typer.Exit(run_undeploy(asked, yes=yes, purge=purge))


@app.command()
def releases(
    flows: Flows = None,
    env: Env = None,
    stack_file: StackFile = None,
    stack: Stack = None,
    target: Target = None,
    format: Form = ViewFormat.human,
) -> None:
    """List what was deployed: who, when, which commit."""
    from flowc.cli.deploying.looking import Look, run_releases
    from flowc.loading import Choice

    look = Look(Choice(env, stack_file, stack), target, format.value)
    raise typer.Exit(run_releases(list(flows or ()), look))


@app.command()
def trigger(
    flow: Flow,
    input: Annotated[
        str | None,
        typer.Option("--input", metavar="JSON|@FILE", help="The run's input; default: {}."),
    ] = None,
    items: Annotated[
        Path | None, typer.Option("--items", metavar="FILE.jsonl", help="One run per line.")
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option("--idempotency-key", metavar="KEY", help="The same key starts nothing again."),
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", help="A word to find the run by.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait; print the output.")] = False,
    env: Env = None,
    stack_file: StackFile = None,
    stack: Stack = None,
    target: Target = None,
    format: Form = ViewFormat.human,
) -> None:
    """Start runs of a deployed flow."""
    from flowc.cli.deploying.starting import Trigger, run_trigger
    from flowc.loading import Choice

    if input is not None and items is not None:
        raise typer.BadParameter("choose one of --input and --items")
    asked = Trigger(
        flow, Choice(env, stack_file, stack), target, input, items, idempotency_key,
        tuple(tag or ()), wait, format.value,
    )  # fmt: skip
    raise typer.Exit(run_trigger(asked))


@app.command()
def runs(
    flows: Flows = None,
    status: Annotated[
        list[str] | None, typer.Option("--status", help="Only runs in this state.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="Only runs with this tag.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="2h|TIME", help="Only runs started since.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 20,
    env: Env = None,
    stack_file: StackFile = None,
    stack: Stack = None,
    target: Target = None,
    format: Form = ViewFormat.human,
) -> None:
    """List runs, newest first."""
    from flowc.cli.deploying.looking import Filter, Look, run_runs
    from flowc.loading import Choice

    look = Look(Choice(env, stack_file, stack), target, format.value)
    wanted = Filter(tuple(status or ()), tuple(tag or ()), since, limit)
    raise typer.Exit(run_runs(list(flows or ()), wanted, look))


@app.command()
def status(
    run: Run,
    env: Env = None,
    stack_file: StackFile = None,
    stack: Stack = None,
    target: Target = None,
    format: Form = ViewFormat.human,
) -> None:
    """Show one run: its state, and the outcome of every step."""
    from flowc.cli.deploying.looking import Look, run_status
    from flowc.loading import Choice

    look = Look(Choice(env, stack_file, stack), target, format.value)
    raise typer.Exit(run_status(run, look))


@app.command()
def logs(
    run: Run,
    step: Annotated[str | None, typer.Argument(metavar="[STEP]", help="Only this step's.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")
    ] = False,
    env: Env = None,
    stack_file: StackFile = None,
    stack: Stack = None,
    target: Target = None,
    format: Form = ViewFormat.human,
) -> None:
    """Print what the units of a run printed, as long as the engine keeps it."""
    from flowc.cli.deploying.looking import Look, run_logs
    from flowc.loading import Choice

    look = Look(Choice(env, stack_file, stack), target, format.value)
    raise typer.Exit(run_logs(run, step, follow, look))


@app.command()
def stop(
    run: Run,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it has stopped.")] = False,
    env: Env = None,
    stack_file: StackFile = None,
    stack: Stack = None,
    target: Target = None,
    format: Form = ViewFormat.human,
) -> None:
    """Stop a run: what runs ends, and the end is recorded."""
    from flowc.cli.deploying.looking import Look, run_stop
    from flowc.loading import Choice

    look = Look(Choice(env, stack_file, stack), target, format.value)
    raise typer.Exit(run_stop(run, wait, look))


@app.command()
def suspend(
    flow: Flow,
    env: Env = None,
    stack_file: StackFile = None,
    stack: Stack = None,
    target: Target = None,
    format: Form = ViewFormat.human,
) -> None:
    """Suspend the schedules of a flow; deploying leaves them so."""
    from flowc.cli.deploying.looking import Look, run_suspend
    from flowc.loading import Choice

    look = Look(Choice(env, stack_file, stack), target, format.value)
    raise typer.Exit(run_suspend(flow, True, look))


@app.command()
def unsuspend(
    flow: Flow,
    env: Env = None,
    stack_file: StackFile = None,
    stack: Stack = None,
    target: Target = None,
    format: Form = ViewFormat.human,
) -> None:
    """Let the schedules of a flow go on."""
    from flowc.cli.deploying.looking import Look, run_suspend
    from flowc.loading import Choice

    look = Look(Choice(env, stack_file, stack), target, format.value)
    raise typer.Exit(run_suspend(flow, False, look))
