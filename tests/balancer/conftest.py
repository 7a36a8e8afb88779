"""Clusters that end with their test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.balancer.cluster import Cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three servers that tests share, which therefore leave them all alive."""
    found = Cluster(tmp_path_factory.mktemp("three"))
    found.start_servers(3)
    found.start_balancers()
    yield found
    found.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    """Make clusters: servers and two balancers that know them."""
    made: list[Cluster] = []

    def make(servers: int, sdk: str = "0.9.2") -> Cluster:
        made.append(Cluster(tmp_path, sdk))
        made[-1].start_servers(servers)
        made[-1].start_balancers()
        return made[-1]

    yield make
    for each in made:
        each.close()
