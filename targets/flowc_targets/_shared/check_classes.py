"""Component classes that no engine's containers can serve, refused at their lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, Span, codes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.source.stack_model import ComponentClass
    from flowc.target import Compilation


def check_classes(compilation: Compilation, diagnostics: Diagnostics, *, one: str) -> None:
    """Report each class that the flow uses and the target cannot serve.

    Those that flowc deploys, and those with images of their own, are the target's own matter.
    ``one``: what runs a unit there (``pod``).
    """
    has_endpoint = compilation.placement.stack.blob_api is not None
    for cls, step in used_classes(compilation):
        _check_class(cls, step, diagnostics, one, has_endpoint)


def used_classes(compilation: Compilation) -> Iterator[tuple[ComponentClass, Span]]:
    """Yield each class that the flow uses, with the first step that does.

    A class that is a service of a deployment comes with the others of it: they come up together.
    """
    stack = compilation.placement.stack
    seen = set()
    for path, call in compilation.placement.calls.items():
        for cls in (one for called in call.classes for one in stack.together(called)):
            if cls.name not in seen:
                seen.add(cls.name)
                yield cls, compilation.program.steps[path].span


def _check_class(
    cls: ComponentClass, step: Span, diagnostics: Diagnostics, one: str, has_endpoint: bool
) -> None:
    secondary = [(step, "used by this step")]
    if cls.type == "stepflow" and "url" not in cls.config and cls.deploy is None:
        diagnostics.report(
            codes.UNSUPPORTED,
            f"the server of class `{cls.name}` is started by `command`, "
            f"which a {one} per step cannot do",
            cls.span,
            secondary=secondary,
            hint="let the server run somewhere and give its `url`",
        )
    if cls.blobs is not None and not has_endpoint:
        diagnostics.report(
            codes.UNSUPPORTED,
            f"class `{cls.name}` keeps blobs, and the stack has no endpoint for them",
            cls.blobs.span,
            secondary=secondary,
            hint="add `blob_api: {token: {secret: name}}` to the stack",
        )
