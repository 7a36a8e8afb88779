"""``docker:`` of a stack: the image of its units, as something to build."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowc.diagnostics import codes
from flowc.source.stack_model import DockerSpec
from flowc.source.stack_tables import UNIT_IMAGE

if TYPE_CHECKING:
    from flowc.source.fields import Decoding, Fields

_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]*(=[A-Za-z0-9.+:~-]+)?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")


def decode_docker(stack: Fields, decoding: Decoding) -> DockerSpec | None:
    """Return what is to be built, None if nothing is; reports what no Dockerfile could hold."""
    raw = stack.get("docker")
    if raw is None:
        return None
    if stack.has("unit_image"):
        decoding.report(
            codes.CONTRADICTORY_KEYS,
            "`unit_image` and `docker` both say what the units run in",
            stack.key_at("docker"),
            secondary=[(stack.key_at("unit_image"), "said here as well")],
            hint="an image to start from is `base_image` of `docker`",
        )
    fields = decoding.open(raw, UNIT_IMAGE, stack.value_at("docker"))
    if fields is None:
        return None
    base = fields.text("base_image")
    if base is not None and not _IMAGE.fullmatch(base):
        _invalid(fields, "base_image", f"`{base}` is no name of an image")
    apt, requirements = fields.texts("apt"), fields.texts("requirements")
    maps = {key: fields.text_map(key) for key in ("build_args", "env")}
    for one in apt:
        if not _PACKAGE.fullmatch(one.value):
            _invalid(fields, "apt", f"`{one.value}` is no name of a Debian package")
    for one in requirements:
        if not one.value.strip() or one.value.lstrip().startswith("-") or "\n" in one.value:
            _invalid(fields, "requirements", "a requirement is one line as `pandas==2.2`")
    for key, texts in maps.items():
        for name, value in texts.items():
            if not _VARIABLE.fullmatch(name) or "\n" in value:
                _invalid(fields, key, f"`{name}` has a name or a value that no Dockerfile can hold")
    return DockerSpec(
        span=stack.key_at("docker"),
        base_image=base,
        requirements=tuple(one.value for one in requirements),
        apt=tuple(one.value for one in apt),
        files=tuple(fields.texts("files")),
        build_args=maps["build_args"],
        env=maps["env"],
    )


def _invalid(fields: Fields, key: str, message: str) -> None:
    fields.report(codes.INVALID_WORD, message, fields.value_at(key))
