"""Names of images, read as Docker reads them."""

from __future__ import annotations

from dataclasses import dataclass

DOCKER_HUB = "docker.io"


@dataclass(frozen=True, slots=True)
class Reference:
    """An image by registry, repository and version: a tag, or a digest, which wins over it."""

    registry: str
    repository: str
    version: str

    @property
    def host(self) -> str:
        """Where the registry answers."""
        return "registry-1.docker.io" if self.registry == DOCKER_HUB else self.registry


def reference(image: str) -> Reference:
    """Return what ``image`` means: no registry is Docker Hub, and no version is ``latest``."""
    name, _, digest = image.partition("@")
    first, slash, rest = name.partition("/")
    is_registry = bool(slash) and ("." in first or ":" in first or first == "localhost")
    registry, path = (first, rest) if is_registry else (DOCKER_HUB, name)
    if registry in ("index.docker.io", "registry-1.docker.io"):
        registry = DOCKER_HUB
    repository, _, tag = path.partition(":")
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    return Reference(registry, repository, digest or tag or "latest")
