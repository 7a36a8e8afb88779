"""From ``docker:`` of a stack or class to a Dockerfile, and to the image's name by what is in it.

The tag is a hash of the Dockerfile and of every file that it copies, so an image that has a name
never changes, and a stack that is compiled twice names the same image.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.source.stack_model import DockerSpec

FOLDER = "/app"
"""Where files are in the image; the working directory of commands and Python functions."""

USER = 8737
"""As whom containers run; no root is needed once the image is built."""

REQUIREMENTS = "requirements.txt"
_TAG_LENGTH = 16
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that an image is built from. ``files``: path in the context → content and whether it
    may be executed."""

    name: str
    dockerfile: str
    files: Mapping[str, tuple[bytes, bool]]

    @property
    def tag(self) -> str:
        """Return the tag: by content."""
        digest = hashlib.sha256(self.dockerfile.encode())
        for path in sorted(self.files):
            content, executable = self.files[path]
            head = json.dumps([path, executable, len(content)])
            digest.update(head.encode() + b"\0" + content)
        return digest.hexdigest()[:_TAG_LENGTH]

    @property
    def image(self) -> str:
        """Return name and tag, without a registry."""
        return f"{self.name}:{self.tag}"


def image_name(stack: str, cls: str | None = None) -> str:
    """Return the name of the image of a stack's units, or of one of its classes."""
    words = ("unit", stack) if cls is None else ("class", stack, cls)
    return "-".join(
        ["flowc", *(_NOT_IN_NAMES.sub("-", w.lower()).strip("-") or "x" for w in words)]
    )


def full_name(recipe: Recipe, registry: str | None) -> str:
    """Return the image in a registry, or on this machine without one."""
    return f"{registry.rstrip('/') if registry else 'localhost'}/{recipe.image}"


def dockerfile(spec: DockerSpec, default_base: str) -> str:
    """Return the Dockerfile; ``default_base`` is the released image of units."""
    lines = [f"FROM {spec.base_image or default_base}"]
    lines += [f"ARG {name}={_quoted(value)}" for name, value in sorted(spec.build_args.items())]
    if spec.apt or spec.requirements:
        lines.append("USER 0")
    if spec.apt:
        packages = " ".join(sorted(spec.apt))
        lines.append(
            "RUN apt-get update && apt-get install -y --no-install-recommends \\\n"
            f"    {packages} && rm -rf /var/lib/apt/lists/*"
        )
    if spec.requirements:
        lines.append(f"COPY {REQUIREMENTS} /tmp/{REQUIREMENTS}")
        lines.append(f"RUN python3 -m pip install --no-cache-dir -r /tmp/{REQUIREMENTS}")
    if spec.files:
        lines.append(f"COPY files/ {FOLDER}/")
    lines += [f"ENV {name}={_quoted(value)}" for name, value in sorted(spec.env.items())]
    lines += [f"WORKDIR {FOLDER}", f"USER {USER}"]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    """Return a value of ARG or ENV in quotes, so that nothing in it is replaced."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'
