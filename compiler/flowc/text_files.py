"""Files as text: what cannot be read is reported, not raised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import codes

if TYPE_CHECKING:
    from pathlib import Path

    from flowc.diagnostics import Diagnostics


def read_text(path: Path, shown: str, diagnostics: Diagnostics) -> str | None:
    """Return the text of the file at ``path``, called ``shown``; None if it has none (reported)."""
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        message = f"cannot read `{shown}`: {error.strerror or error}"
    except UnicodeDecodeError as error:
        message = f"`{shown}` is not UTF-8 (byte {error.start})"
    diagnostics.report(codes.FILE_NOT_READABLE, message, None)
    return None
