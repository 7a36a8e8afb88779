"""Fargate's sizes: cpu and memory come in pairs, and what is asked for is rounded up to one.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowc.source.model import Needs

_GB = 1024
PAIRS: dict[int, tuple[int, ...]] = {
    256: (512, 1 * _GB, 2 * _GB),
    512: tuple(range(1 * _GB, 4 * _GB + 1, _GB)),
    1024: tuple(range(2 * _GB, 8 * _GB + 1, _GB)),
    2048: tuple(range(4 * _GB, 16 * _GB + 1, _GB)),
    4096: tuple(range(8 * _GB, 30 * _GB + 1, _GB)),
    8192: tuple(range(16 * _GB, 60 * _GB + 1, 4 * _GB)),
    16384: tuple(range(32 * _GB, 120 * _GB + 1, 8 * _GB)),
}
"""CPU units (1,024 are a vCPU) → MiB of memory that may go with them."""

DISK_GIB = 20
"""What every task has; 21 to 200 can be asked for."""

MOST_DISK_GIB = 200
MOST_CPU = max(PAIRS) / 1024
MOST_MEMORY_MB = max(max(sizes) for sizes in PAIRS.values())
_MB = 1024 * 1024
SHIM_MB = 256
"""MiB of memory of a task that the shim and the gate take, where a program has a container of its
own; its cpu they leave alone, since they wait while it runs."""

_DEFAULT = (256, 1 * _GB)
"""A task whose unit asks for nothing: it waits for a component server, and starts Python."""


@dataclass(frozen=True, slots=True)
class Size:
    """CPU units, MiB of memory, GiB of disk."""

    cpu: int
    memory: int
    disk: int = DISK_GIB


def beside_shim(needs: Needs | None) -> Needs | None:
    """Return what a task needs of which one container alone is to have ``needs``."""
    if needs is None or needs.memory is None:
        return needs
    return replace(needs, memory=needs.memory + SHIM_MB * _MB)


def fargate_size(needs: Needs | None) -> Size:
    """Return the smallest size with at least ``needs``; they must be within the bounds."""
    cpu, memory = asked(needs)
    pairs = ((units, size) for units, sizes in PAIRS.items() for size in sizes)
    units, size = min(pair for pair in pairs if pair[0] >= cpu and pair[1] >= memory)
    disk = math.ceil((needs.disk or 0) / 2**30) if needs is not None else 0
    return Size(units, size, max(DISK_GIB, disk))


def asked(needs: Needs | None) -> tuple[int, int]:
    """Return the CPU units and MiB of memory that ``needs`` ask for, as they are."""
    cpu, memory = _DEFAULT
    if needs is None:
        return cpu, memory
    if needs.cpu is not None:
        cpu = math.ceil(needs.cpu * 1024)
    if needs.memory is not None:
        memory = math.ceil(needs.memory / _MB)
    return cpu, memory


def rounded_up(needs: Needs | None) -> str:
    """Return what a task has more than was asked for, in words; empty if nothing."""
    if needs is None:
        return ""
    size, (cpu, memory) = fargate_size(needs), asked(needs)
    more = []
    if needs.cpu is not None and size.cpu > cpu:
        more.append(f"{size.cpu / 1024:g} vCPU")
    if needs.memory is not None and size.memory > memory:
        more.append(f"{size.memory} MiB of memory")
    return " and ".join(more)


def beyond_fargate(needs: Needs | None) -> dict[str, str]:
    """Return what ``needs`` ask for that no task has: the key of the need, and in words."""
    if needs is None:
        return {}
    found = {}
    if needs.gpu:
        found["gpu"] = f"{needs.gpu} GPU, and Fargate has none"
    if (needs.cpu or 0) > MOST_CPU:
        found["cpu"] = f"{needs.cpu:g} cpu, and Fargate has {MOST_CPU:g}"
    memory = math.ceil((needs.memory or 0) / _MB)
    if memory > MOST_MEMORY_MB:
        found["memory"] = f"{memory} MiB of memory, and Fargate has {MOST_MEMORY_MB}"
    disk = math.ceil((needs.disk or 0) / 2**30)
    if disk > MOST_DISK_GIB:
        found["disk"] = f"{disk} GiB of disk, and Fargate has {MOST_DISK_GIB}"
    return found
