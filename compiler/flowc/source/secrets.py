"""``{secret: name}`` in stack and project files: a value that is somewhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc.diagnostics import Span, codes
from flowc.source.fields import NAME, Decoding, Key, Shape, describe
from flowc.source.located import Map
from flowc_shim.language.decode import plain

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json

SECRET = Shape("a secret", {"secret": Key(NAME, required=True)})


def is_secret(raw: Any) -> bool:
    """Whether ``raw`` is meant as ``{secret: name}``."""
    return isinstance(raw, dict) and "secret" in raw


def decode_secret(raw: Map, at: Span, decoding: Decoding) -> dict[str, Json]:
    """Return ``{"secret": name}``; reports what else is there."""
    fields = decoding.open(raw, SECRET, at)
    name = None if fields is None else fields.text("secret")
    return {"secret": name or ""}


def decode_variables(
    raw: Any, at: Span, decoding: Decoding
) -> tuple[dict[str, Json], dict[str, Span]]:
    """Return the values of variables by name, and where each stands."""
    values: dict[str, Json] = {}
    spans: dict[str, Span] = {}
    for name, value, _, value_at in decoding.entries(raw, "`variables`", at):
        secret = is_secret(value)
        values[name] = decode_secret(value, value_at, decoding) if secret else plain(value)
        spans[name] = value_at
    return values, spans


def decode_text_or_secret(raw: Any, what: str, at: Span, decoding: Decoding) -> Json:
    """Return a text or a secret; anything else is reported and comes back as null."""
    if isinstance(raw, str):
        return raw
    if isinstance(raw, Map):
        return decode_secret(raw, at, decoding)
    hint = "put it in quotes" if isinstance(raw, (int, float)) else None
    message = f"{what} takes a text or `{{secret: name}}`, not {describe(raw)}"
    decoding.report(codes.WRONG_TYPE, message, at, hint=hint)
    return None


def decode_env(raw: Any, what: str, at: Span, decoding: Decoding) -> dict[str, Json]:
    """Return environment variables: texts and secrets by name."""
    return {
        name: decode_text_or_secret(value, f"`{name}`", value_at, decoding)
        for name, value, _, value_at in decoding.entries(raw, what, at)
    }
