"""Generated pages are what flowc would generate now; `make golden` is the one updater."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from tests.docs.generated_pages import PAGES, diagnostics_page, targets_page

from flowc.diagnostics import codes
from flowc.features import FEATURES

DOCS = Path(__file__).parents[2] / "docs"
UPDATE = os.environ.get("FLOWC_UPDATE_GOLDEN") == "1"


@pytest.mark.parametrize("name", PAGES)
def test_generated_page(name: str) -> None:
    text = PAGES[name]()
    path = DOCS / name
    if UPDATE:
        assert not os.environ.get("CI"), "generated pages are never rewritten in CI"
        path.write_text(text, encoding="utf-8", newline="\n")
    assert path.exists() and path.read_text(encoding="utf-8") == text, (
        f"docs/{name} differs; if intended: make golden"
    )


def test_every_code_is_listed_and_its_page_is_there() -> None:
    links = re.findall(r"\]\((\.\./[^)]+)\)", diagnostics_page())
    assert len(links) == len(codes.all_codes())
    assert [link for link in links if not (DOCS / link).is_file()] == []


def test_every_feature_has_a_row() -> None:
    rows = [line for line in targets_page().splitlines() if line.startswith("| ")]
    assert all(any(row.startswith(f"| {one.name}:") for row in rows) for one in FEATURES)
