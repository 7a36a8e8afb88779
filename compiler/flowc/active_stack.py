"""The stack that ``flowc stack use`` chose, in ``.flowc/active-stack`` beside the stack file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = ".flowc"
FILE = "active-stack"


def active_file(stack_file: Path) -> Path:
    """Return where the choice among the stacks of ``stack_file`` is kept."""
    return stack_file.parent / FOLDER / FILE


def read_active(stack_file: Path) -> str | None:
    """Return the name of the stack in use, None if there is none."""
    try:
        name = active_file(stack_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return name or None


def write_active(stack_file: Path, name: str | None) -> None:
    """Use the stack called ``name`` from now on; None: no one in particular. Raises OSError."""
    file = active_file(stack_file)
    if name is None:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(exist_ok=True)
    temporary = file.with_suffix(".new")
    temporary.write_text(f"{name}\n", encoding="utf-8")
    temporary.replace(file)
