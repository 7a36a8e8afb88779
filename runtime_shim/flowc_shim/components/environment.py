"""The environment that user code gets: without the credentials of the state store.

User code that holds them could forge results. What is taken out: everything that flowc passes to
its own processes (``FLOWC_*``) and what the stores' clients read (S3, GCS, Azure, PostgreSQL).
A class that needs one of these names it in its ``env``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECRET_PREFIXES = ("FLOWC_", "AWS_", "AZURE_", "GOOGLE_", "OBJECT_STORE_", "MINIO_")
_SECRET_NAMES = frozenset(
    {
        "PGPASSWORD",
        "PGPASSFILE",
        "PGUSER",
        "PGHOST",
        "PGHOSTADDR",
        "PGPORT",
        "PGDATABASE",
        "PGSERVICE",
        "PGSERVICEFILE",
        "PGSSLCERT",
        "PGSSLKEY",
    }
)


def scrubbed_environment(extra: Mapping[str, object] | None = None) -> dict[str, str]:
    """Return this process's environment without store credentials, plus ``extra``."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_SECRET_PREFIXES) and name not in _SECRET_NAMES
    }
    kept.update({name: str(value) for name, value in (extra or {}).items()})
    return kept
