"""Fargate's sizes: the smallest pair that has what is asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowc.source.model import Needs
from flowc_targets.step_functions.fargate import (
    MOST_CPU,
    MOST_MEMORY_MB,
    PAIRS,
    Size,
    fargate_size,
    rounded_up,
)

GIB = 2**30


@pytest.mark.parametrize(
    ("needs", "size"),
    [
        (None, Size(256, 1024)),
        (Needs(cpu=0.25, memory=GIB // 2), Size(256, 512)),
        (Needs(cpu=0.3), Size(512, 1024)),
        (Needs(memory=32 * GIB), Size(8192, 32768)),
        (Needs(cpu=1, memory=8 * GIB + 1), Size(2048, 9216)),
        (Needs(cpu=8, memory=17 * GIB), Size(8192, 20480)),
        (Needs(cpu=16, memory=120 * GIB), Size(16384, 122880)),
        (Needs(disk=30 * GIB), Size(256, 1024, 30)),
        (Needs(disk=5 * GIB), Size(256, 1024, 20)),
    ],
)
def test_sizes(needs: Needs | None, size: Size) -> None:
    assert fargate_size(needs) == size


@given(st.floats(0.01, MOST_CPU), st.integers(1, MOST_MEMORY_MB * 2**20))
def test_a_size_is_allowed_and_enough_and_no_smaller_one_is(cpu: float, memory: int) -> None:
    size = fargate_size(Needs(cpu=cpu, memory=memory))
    assert size.memory in PAIRS[size.cpu]
    assert size.cpu >= cpu * 1024 and size.memory * 2**20 >= memory
    for units, sizes in PAIRS.items():
        for other in sizes:
            enough = units >= cpu * 1024 and other * 2**20 >= memory
            assert not enough or (units, other) >= (size.cpu, size.memory)


def test_what_is_more_than_asked_for() -> None:
    assert rounded_up(Needs(cpu=1, memory=2 * GIB)) == ""
    assert rounded_up(Needs(cpu=1.5, memory=2 * GIB)) == "2 vCPU and 4096 MiB of memory"
    assert rounded_up(Needs(memory=3 * GIB)) == ""
    assert rounded_up(None) == ""
