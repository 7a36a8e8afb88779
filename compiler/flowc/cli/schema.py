"""``flowc schema``: the JSON Schemas of the input files, from the tables that decode them."""

from __future__ import annotations

import json
from typing import Literal

from flowc.source.json_schemas import schema_of


def run_schema(kind: Literal["flow", "stack", "project"]) -> int:
    """Print the schema of ``flow``, ``stack`` or ``project`` files."""
    print(json.dumps(schema_of(kind), indent=2, ensure_ascii=False))
    return 0
