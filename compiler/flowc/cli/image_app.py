"""The commands of ``flowc image``."""

from __future__ import annotations

from typing import Annotated

import typer

from flowc.cli.options import StackFile  # noqa: TC001 (typer reads it)

app = typer.Typer(no_args_is_help=True, help="Build the image that a stack describes.")

StackName = Annotated[
    str | None, typer.Option("--stack", metavar="NAME", help="Default: the one in use.")
]


@app.command()
def build(stack: StackName = None, stack_file: StackFile = None) -> None:
    """Write the Dockerfile of a stack's `docker` and build it by podman or docker.

    Prints the image. It is named by what is in it: nothing is built that is there already.
    """
    from flowc.cli.image import run_image

    raise typer.Exit(run_image(stack, stack_file, push=False))


@app.command()
def push(stack: StackName = None, stack_file: StackFile = None) -> None:
    """Build a stack's image if it is not there, and push it to the stack's registry."""
    from flowc.cli.image import run_image

    raise typer.Exit(run_image(stack, stack_file, push=True))
