"""The checked-out branch, from git's own files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def git_branch(folder: Path) -> str:
    """Return the checked-out branch around ``folder``; ``main`` where there is none.

    Read from git's own files: starting a program costs more than the compilation.
    """
    for parent in (folder, *folder.parents):
        git = parent / ".git"
        if git.is_file():  # a worktree: the file says where its data is
            git = parent / git.read_text("utf-8", errors="replace").removeprefix("gitdir:").strip()
        head = git / "HEAD"
        if head.is_file():
            text = head.read_text("utf-8", errors="replace").strip()
            prefix = "ref: refs/heads/"
            return text[len(prefix) :] if text.startswith(prefix) else "main"
    return "main"
