"""Releases in the state store: claimed by number before the first write, completed at the end."""

from __future__ import annotations

import getpass
import json
import os
import socket
import subprocess
import time
from typing import TYPE_CHECKING

from flowc.deploy.releases import Release
from flowc_shim.runner.keys import deployment_prefix
from flowc_shim.runner.rows import new_writer
from flowc_shim.stores.commit import commit

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_shim.stores.api import StateStore


def releases(store: StateStore, deployment: str) -> list[Release]:
    """Return the releases of a deployment, oldest first."""
    prefix = f"{deployment_prefix(deployment)}/releases"
    bodies = store.read_many(list(store.list(prefix)))
    rows = {key: json.loads(body) for key, body in bodies.items()}
    found = []
    for key in sorted(rows):
        if key.endswith("/begun"):
            ended = rows.get(key.removesuffix("begun") + "applied")
            found.append(_release(rows[key], ended))
    return sorted(found, key=lambda release: release.number)


def _release(begun: dict[str, object], applied: dict[str, object] | None) -> Release:
    return Release(
        number=int(str(begun["number"])),
        digest=str(begun["digest"]),
        plan=str(begun["plan"]),
        who=str(begun["who"]),
        began=float(str(begun["began"])),
        commit=str(begun["commit"]),
        applied=None if applied is None else float(str(applied["applied"])),
    )


def begin(store: StateStore, deployment: str, digest: str, plan: str, commit_id: str) -> Release:
    """Claim the next number; one of the same digest that was interrupted is gone on with."""
    known = releases(store, deployment)
    last = known[-1] if known else None
    if last is not None and last.applied is None and last.digest == digest:
        return last
    number = last.number + 1 if last is not None else 1
    while True:
        row = {
            "number": number, "digest": digest, "plan": plan, "who": who(),
            "began": time.time(), "commit": commit_id,
        }  # fmt: skip
        decided = commit(store, _key(deployment, number, "begun"), row, new_writer())
        if decided.mine:
            return _release(decided.record, None)
        number += 1


def is_newest(store: StateStore, deployment: str, release: Release) -> bool:
    """Whether nobody began another release since."""
    return releases(store, deployment)[-1].number == release.number


def complete(store: StateStore, deployment: str, release: Release) -> None:
    """Record that the release is there, as desired."""
    key = _key(deployment, release.number, "applied")
    commit(store, key, {"applied": time.time(), "number": release.number}, new_writer())


def _key(deployment: str, number: int, what: str) -> str:
    return f"{deployment_prefix(deployment)}/releases/{number:06d}/{what}"


def who() -> str:
    """Return who deploys: a person at a machine, or a job."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def git_commit(folder: Path) -> str:
    """Return the checked-out commit, with ``+`` if files differ from it; empty without git."""
    try:
        head = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".")
    except (OSError, subprocess.SubprocessError):
        return ""
    return head + ("+" if changed else "")


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 (git, with arguments of our own)
        ["git", "-C", str(folder), *arguments],  # noqa: S607 (the user's own git)
        capture_output=True, text=True, check=True, timeout=20,
    )  # fmt: skip
    return done.stdout.strip()
