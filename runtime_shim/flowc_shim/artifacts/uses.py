"""Whose files a value refers to: runs say so before they record it.

References are data: a cached result, an input or a component hands them to other runs. A run that
records a reference to another run's file says so first, in a row below ``uses/``; a cached result
does until nobody takes it any more. While such a row counts, the run is kept with its files
(:mod:`flowc_shim.sweeper.files`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowc_shim.artifacts.reference import KEY, references_in

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json

STORED = re.compile(r"/(runs/[^/\s\"]+)/files/[0-9a-f]{64}/")
"""The prefix of the run that stored a file, in its URI."""


def stores_in(value: Json) -> set[str]:
    """Return the prefixes of the runs that stored the files which ``value`` refers to."""
    found: set[str] = set()
    for reference in references_in(value):
        found.update(STORED.findall(str(reference[KEY])))
    return found
