"""The commands of ``flowc stack``."""

from __future__ import annotations

from typing import Annotated

import typer

from flowc.cli.options import DiagnosticsFormat, Format, StackFile

app = typer.Typer(no_args_is_help=True, help="Look at the stacks, and choose one.")

Name = Annotated[str, typer.Argument(metavar="NAME")]
OptionalName = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Default: the active.")]


@app.command("list")
def list_stacks(stack_file: StackFile = None) -> None:
    """List the stacks of the stack file; a star marks the one in use."""
    from flowc.cli.stack import run_list

    raise typer.Exit(run_list(stack_file))


@app.command()
def show(name: OptionalName = None, stack_file: StackFile = None) -> None:
    """Show what a stack says, secrets by name."""
    from flowc.cli.stack import run_show

    raise typer.Exit(run_show(name, stack_file))


@app.command()
def use(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]")] = None,
    none: Annotated[bool, typer.Option("--none", help="Use no stack in particular.")] = False,
    stack_file: StackFile = None,
) -> None:
    """Use a stack from now on, where no option and no variable names another one."""
    from flowc.cli.stack import run_use

    if (name is None) != none:
        raise typer.BadParameter("give a NAME, or --none")
    raise typer.Exit(run_use(name, stack_file))


@app.command()
def validate(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Default: all.")] = None,
    stack_file: StackFile = None,
    format: DiagnosticsFormat = Format.human,
) -> None:
    """Check the stack file: all errors in one run."""
    from flowc.cli.stack import run_validate

    raise typer.Exit(run_validate(name, stack_file, format.value))


@app.command()
def diff(one: Name, other: Name, stack_file: StackFile = None) -> None:
    """Show in what two stacks differ; exit code 3 if they do."""
    from flowc.cli.stack import run_diff

    raise typer.Exit(run_diff(one, other, stack_file))
