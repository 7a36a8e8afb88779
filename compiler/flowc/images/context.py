"""What an image copies, read from beside the stack file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, codes
from flowc.images.recipe import REQUIREMENTS, Recipe, dockerfile, image_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flowc.source.model import At
    from flowc.source.stack_model import Stack

DEFAULT_BASE = "ghcr.io/flowc-dev/flowc-unit:0.1.0"
_LEFT_OUT = frozenset({"__pycache__", ".git", ".flowc", ".venv", "node_modules"})


def recipe_of(stack: Stack, folder: Path, diagnostics: Diagnostics) -> Recipe | None:
    """Return the recipe of a stack's image, None if it has none; reports files that are not there.

    ``folder``: the stack file's. Nothing outside of it is copied.
    """
    spec = stack.docker
    if spec is None:
        return None
    files: dict[str, tuple[bytes, bool]] = {}
    if spec.requirements:
        files[REQUIREMENTS] = ("".join(f"{one}\n" for one in spec.requirements).encode(), False)
    for named in spec.files:
        for path in _below(named, folder, diagnostics):
            inside = path.relative_to(folder.resolve()).as_posix()
            files[f"files/{inside}"] = (path.read_bytes(), bool(path.stat().st_mode & 0o100))
    return Recipe(image_name(stack.name), dockerfile(spec, DEFAULT_BASE), files)


def _below(named: At[str], folder: Path, diagnostics: Diagnostics) -> Iterator[Path]:
    root = folder.resolve()
    start = (root / named.value).resolve()
    if not start.exists() or not start.is_relative_to(root):
        where = "is not there" if start.is_relative_to(root) else "is outside of the stack's folder"
        diagnostics.report(
            codes.FILE_NOT_READABLE, f"`{named.value}`, which the image copies, {where}", named.span
        )
        return
    found = [start] if start.is_file() else sorted(start.rglob("*"))
    for path in found:
        if _LEFT_OUT & set(path.relative_to(root).parts) or path.is_dir():
            continue
        if path.is_symlink() or not path.is_file():
            diagnostics.report(
                codes.FILE_NOT_READABLE,
                f"`{path.relative_to(root)}` is a link or no plain file; an image copies none",
                named.span,
            )
            continue
        yield path


def with_built_images(
    stacks: dict[str, Stack], folder: Path, diagnostics: Diagnostics
) -> dict[str, Stack]:
    """Return the stacks with the image that ``docker`` describes as their ``unit_image``."""
    found = {}
    for name, stack in stacks.items():
        recipe = recipe_of(stack, folder, diagnostics)
        found[name] = stack if recipe is None else replace(stack, unit_image=recipe.image)
    return found
