"""A cgroup of the cluster's own: two kubelets below one root would end each other's pods."""

from __future__ import annotations

import time
from pathlib import Path

MOUNTS = Path("/sys/fs/cgroup")
END_SECONDS = 10


def make_cgroup(name: str) -> str:
    """Make the cgroup ``name`` in every hierarchy and return its path within each."""
    for root in _hierarchies():
        made = root / name
        made.mkdir(exist_ok=True)
        for file in ("cpuset.cpus", "cpuset.mems"):  # empty in a new one of version 1
            if (root / file).exists() and (root / "tasks").exists():
                (made / file).write_text((root / file).read_text())
    return f"/{name}"


def remove_cgroup(name: str) -> None:
    """Remove the cgroup, once the last of its processes has ended."""
    for root in _hierarchies():
        groups = sorted((root / name).glob("**/"), reverse=True)
        end = time.monotonic() + END_SECONDS
        while groups and time.monotonic() < end:
            groups = [group for group in groups if not _removed(group)]


def _hierarchies() -> list[Path]:
    if (MOUNTS / "cgroup.controllers").exists():
        return [MOUNTS]
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [Path(fields[1]) for fields in map(str.split, lines) if fields[2].startswith("cgroup")]


def _removed(group: Path) -> bool:
    try:
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        time.sleep(0.05)
        return False
    return True
