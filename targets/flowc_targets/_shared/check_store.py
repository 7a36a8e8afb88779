"""State stores that an engine's containers could not share, refused at their lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, codes
from flowc.source.decode_stores import plain_credentials

if TYPE_CHECKING:
    from flowc.source.stack_model import Stack, StoreSpec

SHARED_STORES = ("s3", "gs", "az", "postgresql", "postgres")
"""Schemes of the stores that containers on several machines can share."""


def check_shared_store(stack: Stack, diagnostics: Diagnostics, *, units: str, hint: str) -> bool:
    """Whether ``stack`` has a store that ``units`` (``pods``) can share; reports if it has not."""
    store = stack.state_store
    if store is None:
        diagnostics.report(
            codes.STORE_CANNOT_SERVE,
            f"stack `{stack.name}` has no `state_store`, and {units} share nothing else",
            stack.span,
            hint=hint,
        )
        return False
    scheme = store.url.partition(":")[0]
    if scheme in SHARED_STORES:
        _check_credentials(store, diagnostics)
        return True
    diagnostics.report(
        codes.STORE_CANNOT_SERVE,
        f"{units} on several machines cannot share a `{scheme}:` store",
        store.span,
        hint=hint,
    )
    return False


def _check_credentials(store: StoreSpec, diagnostics: Diagnostics) -> None:
    for what, text in plain_credentials(store).items():
        diagnostics.report(
            codes.SECRET_ON_TARGET,
            f"{what} of the state store is a plain text, which only the local target accepts",
            store.span,
            hint="write `{secret: name}`: `{url: …, password: {secret: name}}`"
            if "URL" in what
            else "write `{secret: name}`",
            conceals=[text],
        )
