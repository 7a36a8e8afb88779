"""``docker:`` of a stack, or of a component class: an image as something to build."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowc.diagnostics import codes
from flowc.source.fields import NAME, TEXT_MAP, TEXTS, Key, Shape
from flowc.source.stack_model import DockerSpec

if TYPE_CHECKING:
    from flowc.source.fields import Decoding, Fields

_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]*(=[A-Za-z0-9.+:~-]+)?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")

UNIT_IMAGE = Shape(
    "`docker`",
    {
        "base_image": Key(NAME),
        "requirements": Key(TEXTS),
        "apt": Key(TEXTS),
        "files": Key(TEXTS),
        "build_args": Key(TEXT_MAP),
        "env": Key(TEXT_MAP),
    },
)
CLASS_IMAGE = Shape(
    "`docker` of a class", {**UNIT_IMAGE.keys, "base_image": Key(NAME, required=True)}
)


def decode_docker(stack: Fields, decoding: Decoding) -> DockerSpec | None:
    """Return what is to be built for the units, None if nothing is."""
    if stack.has("docker") and stack.has("unit_image"):
        decoding.report(
            codes.CONTRADICTORY_KEYS,
            "`unit_image` and `docker` both say what the units run in",
            stack.key_at("docker"),
            secondary=[(stack.key_at("unit_image"), "said here as well")],
            hint="an image to start from is `base_image` of `docker`",
        )
    return _image(stack, UNIT_IMAGE)


def decode_class_docker(plugin: Fields) -> DockerSpec | None:
    """Return what is to be built for a class, None if nothing is."""
    return _image(plugin, CLASS_IMAGE) if plugin.has("docker") else None


def check_image(owner: Fields, plugin: Fields) -> None:
    """Report an image that is not named, though the class builds none, or is although it does.

    ``owner``: what takes `image`, of the class ``plugin``.
    """
    if not plugin.has("docker"):
        if not owner.has("image"):
            owner.report(
                codes.MISSING_KEY,
                f"{owner.shape.title} needs `image`",
                hint="name one, or describe one to build: `docker` of the class",
            )
    elif owner.has("image"):
        owner.decoding.report(
            codes.CONTRADICTORY_KEYS,
            "`image` and the class's `docker` both say what it runs in",
            owner.key_at("image"),
            secondary=[(plugin.key_at("docker"), "said here as well")],
            hint="an image to start from is `base_image` of `docker`",
        )


def _image(owner: Fields, shape: Shape) -> DockerSpec | None:
    """Return what ``docker`` says; reports what no Dockerfile could hold."""
    raw = owner.get("docker")
    if raw is None:
        return None
    fields = owner.decoding.open(raw, shape, owner.value_at("docker"))
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
        span=owner.key_at("docker"),
        base_image=base,
        requirements=tuple(one.value for one in requirements),
        apt=tuple(one.value for one in apt),
        files=tuple(fields.texts("files")),
        build_args=maps["build_args"],
        env=maps["env"],
    )


def _invalid(fields: Fields, key: str, message: str) -> None:
    fields.report(codes.INVALID_WORD, message, fields.value_at(key))
