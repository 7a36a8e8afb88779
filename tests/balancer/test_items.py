"""Many items through balancers, with a server that dies and one that is slow.

A thousand of them: `make bench-balancer`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.balancer.items import CONCURRENCY, run_items

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 120


def test_each_item_has_its_one_right_result(tmp_path: Path) -> None:
    found = run_items(tmp_path, COUNT, [0.02, 0.5, 0.02], kill_after=COUNT // 4)
    assert (found.results, found.right) == (COUNT, COUNT)
    assert sum(found.begun) == COUNT + found.repeated
    assert 0 < found.repeated <= CONCURRENCY  # what the server had begun when it died, no more
    healthy, slow, killed = found.begun
    assert healthy > slow > 0 < killed
