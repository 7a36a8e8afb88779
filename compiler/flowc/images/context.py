"""What an image copies, read from beside the stack file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, codes
from flowc.images.recipe import REQUIREMENTS, Recipe, dockerfile, full_name, image_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from flowc.source.model import At
    from flowc.source.stack_model import ComponentClass, DockerSpec, Stack

DEFAULT_BASE = "ghcr.io/flowc-dev/flowc-unit:0.1.0"
_LOCAL = "local"
_LEFT_OUT = frozenset({"__pycache__", ".git", ".flowc", ".venv", "node_modules"})


@dataclass(frozen=True, slots=True)
class Recipes:
    """The images of a stack that are built: of its units, and of classes by name."""

    units: Recipe | None = None
    classes: Mapping[str, Recipe] = field(default_factory=dict)

    def all(self) -> list[Recipe]:
        """Return all of them, the units' first."""
        return [*([] if self.units is None else [self.units]), *self.classes.values()]


def recipes_of(stack: Stack, folder: Path, diagnostics: Diagnostics) -> Recipes:
    """Return the recipes of a stack's images; reports files that are not there.

    ``folder``: the stack file's. Nothing outside of it is copied.
    """
    units = stack.docker
    return Recipes(
        None if units is None else _recipe(units, image_name(stack.name), folder, diagnostics),
        {
            name: _recipe(cls.docker, image_name(stack.name, name), folder, diagnostics)
            for name, cls in stack.classes.items()
            if cls.docker is not None
        },
    )


def _recipe(spec: DockerSpec, name: str, folder: Path, diagnostics: Diagnostics) -> Recipe:
    files: dict[str, tuple[bytes, bool]] = {}
    if spec.requirements:
        files[REQUIREMENTS] = ("".join(f"{one}\n" for one in spec.requirements).encode(), False)
    for named in spec.files:
        for path in _below(named, folder, diagnostics):
            inside = path.relative_to(folder.resolve()).as_posix()
            files[f"files/{inside}"] = (path.read_bytes(), bool(path.stat().st_mode & 0o100))
    return Recipe(name, dockerfile(spec, DEFAULT_BASE), files)


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
    """Return the stacks with the images that ``docker`` describes: of units, and of classes."""
    found = {}
    for name, stack in stacks.items():
        recipes = recipes_of(stack, folder, diagnostics)
        built = {
            cls: _with_image(stack.classes[cls], _where(recipe, stack))
            for cls, recipe in recipes.classes.items()
        }
        stack = replace(stack, classes={**stack.classes, **built}) if built else stack
        units = recipes.units
        found[name] = stack if units is None else replace(stack, unit_image=units.image)
    return found


def _where(recipe: Recipe, stack: Stack) -> str:
    """Return what to call a class's image: in full where it is in a registry, or on this machine.

    Elsewhere the target says where images without a host come from.
    """
    here = stack.target in (None, _LOCAL)
    return full_name(recipe, stack.registry) if stack.registry or here else recipe.image


def _with_image(cls: ComponentClass, image: str) -> ComponentClass:
    if cls.deploy is not None:
        return replace(cls, deploy=replace(cls.deploy, image=image))
    programs = cls.config.get("components")
    if not isinstance(programs, dict):
        return cls  # what it has instead was reported
    named = {path: {"image": image, **said} for path, said in programs.items()}
    return replace(cls, config={**cls.config, "components": named})
