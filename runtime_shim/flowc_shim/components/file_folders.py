"""A folder per call: a component reads in ``files-in`` and writes in ``files-out``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from flowc_shim.components.api import CallHost
    from flowc_shim.contract.json_types import Json


class FileFolders:
    """The folder of one call; use as a context.

    ``seen_at`` is where the component sees it: elsewhere when it runs in a container. ``at``: a
    folder that is there and stays; otherwise it is a temporary one.
    """

    def __init__(self, host: CallHost, seen_at: str | None = None, at: Path | None = None) -> None:
        self._host = host
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        if at is None:
            self._folder = tempfile.TemporaryDirectory(prefix="flowc-", ignore_cleanup_errors=True)
            at = Path(self._folder.name)
        self.path = at
        self.seen_at = seen_at or str(self.path)
        self._out = self.path / "files-out"
        for folder in (self.path / "files-in", self._out):
            folder.mkdir(exist_ok=True)

    @property
    def files_in(self) -> str:
        """Return where the component sees the files that it gets."""
        return f"{self.seen_at}/files-in"

    @property
    def files_out(self) -> str:
        """Return where the component writes files."""
        return f"{self.seen_at}/files-out"

    def bring_in(self, value: Json) -> Json:
        """Copy the files that ``value`` refers to; raises FlowError.

        Returns ``value`` with the path of each file in its reference.
        """
        return self._host.bring_in(value, self.path / "files-in", self.files_in)

    def take_out(self, output: Json) -> Json:
        """Store what was written, and return ``output`` with references to it."""
        return self._host.take_out(output, self._out)

    def __enter__(self) -> FileFolders:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._folder is not None:
            self._folder.cleanup()
