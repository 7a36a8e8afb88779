"""``flowc image``: from ``docker:`` of a stack and its classes to images, by podman or docker."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flowc.cli.reporting import say
from flowc.cli.stack import Stacks
from flowc.images.context import recipes_of
from flowc.images.recipe import full_name

if TYPE_CHECKING:
    from flowc.images.recipe import Recipe
    from flowc.source.stack_model import Stack

STDERR = 2
"""What tools say is for people; the answer on standard output is the images alone."""

CONTEXTS = Path(".flowc/images")
"""Where contexts are written, each in a folder of its tag: to be looked at."""


def run_image(name: str | None, stack_file: str | None, *, push: bool) -> int:
    """Build the stack's images, and push them if asked; return the exit code."""
    stacks = Stacks(stack_file)
    chosen = _chosen(stacks, name) if stacks.load() else None
    if chosen is None:
        return stacks.session.report("human", sys.stderr) or 1
    folder = stacks.path.parent
    recipes = recipes_of(chosen, folder, stacks.session.diagnostics).all()
    if stacks.session.report("human", sys.stderr):
        return 1
    if not recipes:
        say(f"stack `{chosen.name}` has no `docker`: there is nothing to build")
        return 1
    if push and not chosen.registry:
        say(f"stack `{chosen.name}` has no `registry`: there is nowhere to push to")
        return 1
    runtime = _runtime()
    if runtime is None:
        say("neither podman nor docker is here (Debian: apt-get install podman)")
        return 1
    images = {full_name(recipe, chosen.registry): recipe for recipe in recipes}
    for image, recipe in images.items():
        if not _build(runtime, recipe, image, folder / CONTEXTS / recipe.tag):
            return 1
    if push and not all(_run(runtime, "push", image) for image in images):
        return 1
    print("\n".join(images))
    return 0


def _chosen(stacks: Stacks, name: str | None) -> Stack | None:
    wanted = name or stacks.active()
    if wanted is None:
        say(f"several stacks: choose one of {', '.join(stacks.found)} with `--stack`")
        return None
    return stacks.named(wanted)


def _runtime() -> str | None:
    return shutil.which("podman") or shutil.which("docker")


def _build(runtime: str, recipe: Recipe, image: str, folder: Path) -> bool:
    if _is_there(runtime, image):
        say(f"{image} is there already")
        return True
    write_context(recipe, folder)
    return _run(runtime, "build", "--tag", image, str(folder))


def write_context(recipe: Recipe, folder: Path) -> None:
    """Write the Dockerfile and what it copies; what was there from another time is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text(recipe.dockerfile, encoding="utf-8")
    for path, (content, executable) in recipe.files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(0o755 if executable else 0o644)


def _is_there(runtime: str, image: str) -> bool:
    asked = [runtime, "image", "inspect", image]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0  # noqa: S603


def _run(runtime: str, *words: str) -> bool:
    """Run the tool with its output on stderr; whether it succeeded."""
    done = subprocess.run([runtime, *words], stdout=STDERR, check=False)  # noqa: S603
    if done.returncode:
        say(f"`{Path(runtime).name} {words[0]}` ended with exit code {done.returncode}")
    return done.returncode == 0
