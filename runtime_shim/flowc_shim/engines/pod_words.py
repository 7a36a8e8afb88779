"""Words in a pod: Kubernetes expands ``$(NAME)`` in arguments and in values of variables."""

from __future__ import annotations


def unexpanded(text: str) -> str:
    """Return what Kubernetes reads as ``text``.

    >>> unexpanded("$(HOME)")
    '$$(HOME)'
    """
    return text.replace("$", "$$")
