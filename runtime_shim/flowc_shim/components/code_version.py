"""What the code of a component is, as far as this machine can tell: part of the keys of caches.

A class whose code is elsewhere (a server, an image) says nothing here: its ``version``, or the
image's name, is part of the plan.
"""

from __future__ import annotations

import hashlib
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowc_shim.contract.json_types import Json

MOST_FILES = 1_000
"""Files of one package whose content counts; of larger ones only names and sizes do."""


def code_version(config: Mapping[str, Json], component: str, folder: str) -> str:
    """Return a digest of the code that answers ``component``; empty where none is found here.

    ``folder``: the class's working directory.
    """
    if config.get("type") == "python":
        module = _module_of(config, component).partition(".")[0]
        roots = (folder, *sys.path)
        return _digest_of_module(module, tuple(dict.fromkeys(roots))) if module else ""
    if config.get("type") == "command":
        program = (config.get("components") or {}).get(component) or {}
        words = [program.get("command"), *(program.get("args") or [])]
        base = str(program.get("working_directory") or folder)
        return _digest_of_files(base, tuple(word for word in words if isinstance(word, str)))
    return ""


def _module_of(config: Mapping[str, Json], component: str) -> str:
    target = (config.get("components") or {}).get(component) or component.lstrip("/")
    return str(target.partition(":")[0] if ":" in target else config.get("module") or "")


@lru_cache(maxsize=256)
def _digest_of_module(module: str, roots: tuple[str, ...]) -> str:
    """Return the digest of the first module or package of that name, without importing it."""
    for root in roots:
        file, package = Path(root or ".", f"{module}.py"), Path(root or ".", module)
        if (package / "__init__.py").is_file():
            return _digest_of(package, sorted(package.rglob("*.py")))
        if file.is_file():
            return _digest_of(file.parent, [file])
    return ""


@lru_cache(maxsize=256)
def _digest_of_files(folder: str, words: tuple[str, ...]) -> str:
    files = [path for word in words if (path := Path(folder, word)).is_file()]
    return _digest_of(Path(folder), files) if files else ""


def _digest_of(folder: Path, files: Iterable[Path]) -> str:
    found = list(files)
    whole = hashlib.sha256()
    for file in found:
        name = str(file.relative_to(folder)) if file.is_relative_to(folder) else str(file)
        size = file.stat().st_size
        whole.update(f"{name}\0{size}\0".encode())
        if len(found) <= MOST_FILES:
            whole.update(hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()
