"""The built-in ``load_file``: a JSON, YAML or text file below the working directory."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowc_shim.components.builtins.inputs import invalid
from flowc_shim.components.json_text import decode_json, encode_json
from flowc_shim.contract.errors import final_error

if TYPE_CHECKING:
    from flowc_shim.components.builtins.client import Setting
    from flowc_shim.contract.json_types import Json

MAX_FILE_BYTES = 64 * 1024 * 1024
_FORMATS = {".json": "json", ".yaml": "yaml", ".yml": "yaml"}


def load_file(setting: Setting) -> Json:
    """Return ``{data, metadata: {resolved_path, size_bytes, format}}``.

    Raises FlowError INVALID_INPUT for a path outside the working directory, a file that is not
    there, is too large, or does not read as its format.
    """
    fields = setting.fields
    path = _confined(fields.text("path"), Path(setting.working_directory))
    kind = fields.text("format", None) or _FORMATS.get(path.suffix.lower(), "text")
    if kind not in ("json", "yaml", "text"):
        raise invalid(f"/load_file: `format` is json, yaml or text, not {kind}")
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise invalid(f"/load_file: {path} is larger than {MAX_FILE_BYTES} bytes")
        data = _parse(path.read_bytes().decode("utf-8"), kind)
    except (OSError, ValueError) as error:
        raise invalid(f"/load_file: {path}: {error}") from error
    metadata = {"resolved_path": str(path), "size_bytes": size, "format": kind}
    return {"data": data, "metadata": metadata}


def _confined(text: str, folder: Path) -> Path:
    """Return the real path of ``text``, which lies below ``folder`` with all links followed."""
    root = folder.resolve()
    try:
        path = (root / text).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise invalid(f"/load_file: there is no file `{text}`") from error
    if ".." in Path(text).parts or not path.is_relative_to(root):
        raise invalid(f"/load_file: `{text}` is outside the working directory")
    if not path.is_file():
        raise invalid(f"/load_file: `{text}` is not a file")
    return path


def _parse(text: str, kind: str) -> Json:
    """Return the content; raises ValueError."""
    if kind == "text":
        return text
    return decode_json(text) if kind == "json" else _parse_yaml(text)


def _parse_yaml(text: str) -> Json:
    """Return YAML read by the scalars of YAML 1.2's core schema; raises ValueError."""
    try:
        import yaml
    except ImportError:
        raise final_error(
            "CONFIGURATION", "/load_file: reading YAML needs the package PyYAML"
        ) from None

    class CoreLoader(yaml.SafeLoader):
        """Safe, and without YAML 1.1's surprises: `no` is text and dates stay text."""

        yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012 - PyYAML's own shape

    number = r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
    for tag, pattern, first in (
        ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
        ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
        ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
        ("float", number, "-+.0123456789"),
        ("merge", r"<<", "<"),
    ):
        CoreLoader.add_implicit_resolver(
            f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{pattern})$"), list(first)
        )
    CoreLoader.add_constructor("tag:yaml.org,2002:int", _core_int)
    CoreLoader.add_constructor("tag:yaml.org,2002:float", _core_float)
    try:
        value = yaml.load(text, Loader=CoreLoader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"not YAML: {error}") from None
    try:
        return decode_json(encode_json(_string_keys(value)))
    except TypeError as error:
        raise ValueError(f"not JSON: {error}") from None


def _core_int(loader: Any, node: Any) -> int:
    text = loader.construct_scalar(node)
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text[2:] if base != 10 else text, base)


def _core_float(loader: Any, node: Any) -> float:
    return float(loader.construct_scalar(node))


def _string_keys(value: Any) -> Any:
    """Return ``value``; raises ValueError for mapping keys that JSON does not have."""
    pending = [value]
    while pending:
        here = pending.pop()
        if isinstance(here, dict):
            for key in here:
                if not isinstance(key, str):
                    raise ValueError(f"the key {key!r} is not a string")
            pending.extend(here.values())
        elif isinstance(here, list):
            pending.extend(here)
    return value
