"""Data and servers that are certainly somewhere else than the runs: a note, and no more.

Nothing is moved and nothing promised. Certain is a region that is written on both sides, or is part
of an address of AWS; and the cloud that a URL's scheme is of. A store with an `endpoint` may be
anywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flowc.diagnostics import Diagnostics, Span, codes
from flowc_targets._shared.check_artifacts import named_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.source.stack_model import Stack, StoreSpec
    from flowc.target import Compilation

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
_OF_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".on.aws")
_CLOUDS = {"s3": "on AWS", "gs": "in Google Cloud", "az": "on Azure"}
_HINT = "nothing is moved: what goes there and back takes longer, and is billed"


@dataclass(frozen=True, slots=True)
class _Place:
    """What is in a region, as the subject of a sentence, and where that is written."""

    what: str
    region: str
    at: Span


def note_locality(
    compilation: Compilation, diagnostics: Diagnostics, cloud: str | None = None
) -> None:
    """Note what is in another region than the runs, or in another cloud.

    ``cloud``: the scheme of the buckets of the cloud that the target is of, None if it may be any.
    """
    stack = compilation.placement.stack
    runs = [] if stack.region is None else [_Place("the stack", stack.region, stack.span)]
    places = [*runs, *_stores(stack), *_servers(compilation)]
    for one in places[1:]:
        home = places[0]
        if one.region != home.region:
            diagnostics.report(
                codes.DATA_ELSEWHERE,
                f"{one.what} is in `{one.region}`, and {home.what} in `{home.region}`",
                one.at,
                hint=_HINT,
            )
    for what, url, at in () if cloud is None else _buckets(compilation):
        scheme = url.partition(":")[0]
        if scheme in _CLOUDS and scheme != cloud:
            message = f"{what} is {_CLOUDS[scheme]}, and the stack {_CLOUDS[str(cloud)]}"
            diagnostics.report(codes.DATA_ELSEWHERE, message, at, hint=_HINT)


def _named_stores(stack: Stack) -> Iterator[tuple[str, StoreSpec]]:
    """Yield the stores whose URLs say where they are."""
    both = (("the state store", stack.state_store), ("the artifact store", stack.artifact_store))
    for what, spec in both:
        if spec is not None and "endpoint" not in spec.options:
            yield what, spec


def _stores(stack: Stack) -> Iterator[_Place]:
    for what, spec in _named_stores(stack):
        region = spec.options.get("region")
        if isinstance(region, str):
            yield _Place(what, region, spec.span)


def _servers(compilation: Compilation) -> Iterator[_Place]:
    """Yield the classes that are called at an address of AWS with a region in it."""
    classes = {
        one.name: one for call in compilation.placement.calls.values() for one in call.classes
    }
    for cls in classes.values():
        region = region_of(str(cls.config.get("url", "")))
        if region is not None:
            yield _Place(f"class `{cls.name}`", region, cls.span)


def region_of(url: str) -> str | None:
    """Return the region in an address that AWS gave, None if there is none.

    >>> region_of("https://abc.execute-api.eu-west-1.amazonaws.com/prod")
    'eu-west-1'
    """
    host = urlsplit(url).hostname or ""
    labels = host.split(".") if host.endswith(_OF_AWS) else []
    return next((label for label in labels if _REGION.fullmatch(label)), None)


def _buckets(compilation: Compilation) -> Iterator[tuple[str, str, Span | None]]:
    """Yield the stores, and the files that the flow names, with their URLs.

    Files are read with the options of the artifact store: with an `endpoint`, from anywhere.
    """
    stack = compilation.placement.stack
    named = list(_named_stores(stack))
    for what, spec in named:
        yield what, spec.url, spec.span
    reads = stack.artifact_store or stack.state_store
    if reads is None or "endpoint" not in reads.options:
        for uri, at in named_files(compilation):
            yield f"`{uri}`", uri, at
