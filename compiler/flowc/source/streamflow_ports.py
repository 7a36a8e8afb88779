"""Bindings of ports in StreamFlow files: which file of a folder an input is.

StreamFlow reads in a workflow's settings which file a port needs, and looks for it in the target's
``workdir``. flowc has no such settings, so that ``data``, a key of its own, names the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from flowc.diagnostics import codes
from flowc.source.rewriting import Made

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowc.diagnostics import Span
    from flowc.source.fields import Fields
    from flowc.source.located import Map

_ELSEWHERE = ("service", "locations", "resources")
"""What a target says of steps."""


def port_in_own_keys(
    binding: Fields,
    target: Fields | None,
    deployments: Mapping[str, tuple[Fields, Span]],
    ignored: Callable[[Fields, str, str], None],
) -> Map | None:
    """Return the binding of a port in flowc's keys, None (reported) if no file can be told.

    ``target``: its one target, whose deployment is known. ``ignored`` warns of a key.
    """
    uri = _uri(binding, target, deployments, ignored)
    if uri is None or binding.text("port") is None:
        return None
    made = Made(binding.raw)
    made.put("port", binding.raw["port"], binding.key_at("port"), binding.value_at("port"))
    made.put("data", uri, binding.key_at("data"), binding.value_at("data"))
    return made.map


def _uri(
    binding: Fields,
    target: Fields | None,
    deployments: Mapping[str, tuple[Fields, Span]],
    ignored: Callable[[Fields, str, str], None],
) -> str | None:
    for key in () if target is None else _ELSEWHERE:
        if target is not None and target.has(key):
            ignored(target, key, "a file is in one place")
    data = binding.text("data")
    folder = None if target is None else target.text("workdir")
    if not binding.has("data"):
        inside = f" in `{folder}`" if folder else ""
        binding.report(
            codes.MISSING_KEY,
            f"a binding of a port needs `data`: which file{inside} it is "
            "StreamFlow reads in the workflow's settings",
            hint="write `data: name`, that of a file in `workdir`, or `data: s3://bucket/file`",
        )
        return None
    if data is None:
        return None
    if "://" in data:
        if target is not None and target.has("workdir"):
            ignored(target, "workdir", "`data` says where the file is")
        return data
    return _in_folder(binding, target, folder, data, deployments)


def _in_folder(
    binding: Fields,
    target: Fields | None,
    folder: str | None,
    name: str,
    deployments: Mapping[str, tuple[Fields, Span]],
) -> str | None:
    """Return the URI of a file in a folder of this machine: no other can be read from here."""
    if target is None or folder is None:
        at = binding.value_at("data") if target is None else target.at
        binding.report(
            codes.MISSING_KEY,
            f"in which folder `{name}` is `target: {{deployment, workdir}}` says", at,
        )  # fmt: skip
        return None
    if not folder.startswith("/"):
        target.report(
            codes.INVALID_WORD, f"`workdir` is a path from `/` on, not `{folder}`",
            target.value_at("workdir"),
        )  # fmt: skip
        return None
    name_of = str(target.get("deployment") or target.get("model"))
    kind = deployments[name_of][0].get("type")
    if kind != "local":
        target.report(
            codes.UNSUPPORTED,
            f"files of deployment `{name_of}` (`{kind}`) are where nothing of flowc reads them",
            target.value_at("workdir"),
            hint=f"put `{name}` into a bucket, and write `data: s3://bucket/{name}`",
        )
        return None
    return "file://" + quote(f"{folder.rstrip('/')}/{name}")
